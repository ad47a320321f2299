"""What can go wrong with data or machine, in words for the person who started the job."""


class RegistrationError(Exception):
    """This machine or this data cannot do it. The text says what is wrong, what was found and what to do
    next.
    """


class InputError(RegistrationError):
    """An image, file or setting cannot be used as given. Same kind of text; the exit code is 2."""


class Cancelled(Exception):
    """The person asked to stop; nothing has been written."""
