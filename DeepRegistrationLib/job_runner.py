"""One job from files to a result folder: what the worker, the command line and batches all call."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.job_kinds.kinds import KINDS
from DeepRegistrationLib.job_kinds.steps import JobSteps
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import ExitCode, Job
from DeepRegistrationLib.progress import Progress, Report, StageProgress, keep_going
from DeepRegistrationLib.report.words import shown_confidence
from DeepRegistrationLib.results.folder import check_output_folder
from DeepRegistrationLib.results.json_result import stamp
from DeepRegistrationLib.results.result_files import write_result_files
from DeepRegistrationLib.results.scene_child import check_scene_is_possible
from DeepRegistrationLib.workflows.result import Result, Trust

_READ, _REGISTER, _WRITE = "Reading the images", "Registering", "Writing the result"
_SHARES = {_READ: 0.1, _REGISTER: 0.7, _WRITE: 0.2}
_IN_WORDS = {
    Trust.HIGH: "Done; confidence high",
    Trust.MODERATE: "Done; confidence moderate",
    Trust.LOW: "Done, but not to be trusted; confidence low",
}


@dataclass(frozen=True)
class RunOutcome:
    """How a job ended.

    Attributes:
        exit_code: DONE or NOT_TRUSTED.
        output_folder: where the result lies.
        message: one or two sentences for the user.
        confidence: 0 to 1.
        trust: the confidence in one word.
    """

    exit_code: ExitCode
    output_folder: Path
    message: str
    confidence: float
    trust: Trust


def run_job(job: Job, report: Report = keep_going) -> RunOutcome:
    """Runs one job: reads, registers, writes.

    Args:
        job: what to do.
        report: receives progress; False stops.

    Returns:
        How it ended; a result of low confidence is written too, with exit code 4.

    Raises:
        InputError: files, settings or output folder cannot be used; found before anything is computed.
        RegistrationError: this machine cannot do it.
        Cancelled: `report` returned False; nothing is left on disk.
    """
    stages = StageProgress(report, _SHARES)
    stages.enter(_READ)
    check_output_folder(job.output_folder)
    if job.outputs.scene:
        check_scene_is_possible()
    steps = KINDS[job.kind]
    case = steps.read(job, stages.advance)

    stages.enter(_REGISTER)
    result = _register(steps, case.inputs, job, _part_of(stages))

    stages.enter(_WRITE)
    result = dataclasses.replace(
        result,
        warnings=(*case.warnings, *result.warnings),
        seconds={_READ: stages.seconds[_READ], **result.seconds},
    )
    stamps = {role: stamp(path) for role, path in case.files(result).items()}
    write_result_files(result, steps.parts(result, job), stamps, job, stages.advance)
    return _outcome(job.output_folder, result, steps.remark(result))


def _register(steps: JobSteps, inputs: object, job: Job, report: Report) -> Result:
    """Registers; if the memory of a graphics card is full, again on the CPU, and says so."""
    try:
        return steps.register(inputs, job.settings, report)
    except RuntimeError as error:
        # torch has a type for CUDA only; a full main memory is another error, and no device helps there
        if not isinstance(error, torch.cuda.OutOfMemoryError) and "MPS backend out of memory" not in str(
            error
        ):
            raise
    torch.cuda.empty_cache()
    result = steps.register(inputs, dataclasses.replace(job.settings, device=Device.CPU), report)
    note = "The memory of the graphics card was full; this was computed on the CPU instead."
    return dataclasses.replace(result, warnings=(*result.warnings, note))


def _part_of(stages: StageProgress) -> Report:
    """The workflow's report, shown as the middle part of the whole bar."""

    def report(progress: Progress) -> bool:
        try:
            stages.advance(progress.fraction, progress.text, progress.pose, progress.similarity)
        except Cancelled:
            return False
        return True

    return report


def _outcome(folder: Path, result: Result, remark: str) -> RunOutcome:
    confidence = result.confidence
    words = f"{_IN_WORDS[confidence.trust]} ({shown_confidence(confidence.value)}): {confidence.reason}"
    return RunOutcome(
        exit_code=ExitCode.DONE if confidence.trust != Trust.LOW else ExitCode.NOT_TRUSTED,
        output_folder=folder,
        message=f"{words} {remark}".rstrip(),
        confidence=confidence.value,
        trust=confidence.trust,
    )
