"""One case of a batch, and what became of it."""

from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.jobs.job import ExitCode, Job


@dataclass(frozen=True)
class BatchCase:
    """One registration among many.

    Attributes:
        name: unique in the batch, and the name of its folder.
        job: what is done; its output folder is `folder / name`.
    """

    name: str
    job: Job


@dataclass(frozen=True)
class CaseOutcome:
    """How a case ended.

    Attributes:
        name: of the case.
        fingerprint: of its inputs and settings (`fingerprint.py`); a case with another one is done again.
        exit_code: as of the program.
        message: for the user.
        details: traceback of an error of the program; else empty.
        confidence: 0 to 1; 0 if there is no result.
        trust: the confidence in one word; empty if there is no result.
        seconds: wall time [s].
        finished_at: when, as ISO 8601 with time zone.
        process: host and number of the process that did it.
    """

    name: str
    fingerprint: str
    exit_code: ExitCode
    message: str
    details: str
    confidence: float
    trust: str
    seconds: float
    finished_at: str
    process: str

    @property
    def is_done(self) -> bool:
        """There is a result, trusted or not."""
        return self.exit_code in (ExitCode.DONE, ExitCode.NOT_TRUSTED)


def result_folder_of(folder: Path, name: str) -> Path:
    """Where the result of a case lies in the folder of its batch."""
    return folder / name
