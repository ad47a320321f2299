"""The steps of a job that depend on its kind; `job_runner` puts them in order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.results.result_parts import ResultParts
from DeepRegistrationLib.workflows.result import Result


@dataclass(frozen=True, eq=False)
class Case:
    """A job after its files were read.

    Attributes:
        inputs: what the workflow takes.
        files: result -> role -> the files it was computed from, for their checksums.
        warnings: what the files themselves call for, in sentences for the user.
    """

    inputs: object
    files: Callable[[Result], Mapping[str, Path]]
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class JobSteps:
    """One kind of job.

    Attributes:
        read: (job, advance) -> case; refuses files and settings before anything is computed. `advance`
            receives the fraction that is read, and may raise to stop.
        register: (inputs, settings, report) -> result: the workflow.
        parts: (result, job) -> what it writes beside what all jobs write.
        remark: result -> words after the confidence in the message to the user; may be empty.
    """

    read: Callable[[Job, Callable[[float], None]], Case]
    register: Callable[[object, object, Report], Result]
    parts: Callable[[Result, Job], ResultParts]
    remark: Callable[[Result], str] = lambda result: ""
