"""Every way in which a job can end badly, as an exit code and a sentence; needs no torch."""

import traceback
from dataclasses import dataclass

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "std::bad_alloc")


@dataclass(frozen=True)
class Failure:
    """How a job failed.

    Attributes:
        exit_code: of the program.
        message: for the user: what is wrong, what was found, what to do.
        details: for a bug report; empty if the message says everything.
    """

    exit_code: ExitCode
    message: str
    details: str = ""


def explain(error: BaseException) -> Failure:
    """What an exception of a job means to the person who started it.

    Args:
        error: anything that a job raised.

    Returns:
        Exit code, sentence and, for errors of the program itself, the traceback.
    """
    if isinstance(error, Cancelled | KeyboardInterrupt):
        return Failure(ExitCode.CANCELLED, "Cancelled; nothing was written.")
    if isinstance(error, InputError):
        return Failure(ExitCode.BAD_INPUT, str(error))
    if isinstance(error, RegistrationError):
        return Failure(ExitCode.FAILED, str(error))
    details = "".join(traceback.format_exception(error))
    if is_out_of_memory(error):
        return Failure(
            ExitCode.FAILED,
            "The memory of this machine is full, so the registration was stopped. Close other programs, or "
            "resample the image to larger voxels (0.8 mm is enough), and try again.",
            details,
        )
    return Failure(
        ExitCode.FAILED,
        f"The registration stopped because of an error in the program ({type(error).__name__}: {error}). "
        "Please report it together with the details.",
        details,
    )


def is_out_of_memory(error: BaseException) -> bool:
    """True if memory ran out: of Python, of torch on any device, or of ITK."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY)
