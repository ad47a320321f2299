"""What can go wrong with data or machine, in words for the person who started the job."""


class RegistrationError(Exception):
    """This machine or this data cannot do it: the text says what is wrong, what was found, what to do."""


class InputError(RegistrationError):
    """An image, file or setting cannot be used as given. Same kind of text; the exit code is 2."""


class Cancelled(Exception):
    """The person asked to stop; nothing has been written."""
