"""One job from files to a result folder: what the worker, the command line and batches all call."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.images.read import image_name, read_volume
from DeepRegistrationLib.images.slices import UNKNOWN_THICKNESS_MM, is_flat_picture, read_slices
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobFiles, JobKind
from DeepRegistrationLib.progress import Progress, Report, StageProgress, keep_going
from DeepRegistrationLib.report.words import shown_confidence
from DeepRegistrationLib.results.folder import check_output_folder
from DeepRegistrationLib.results.json_result import FileStamp, stamp
from DeepRegistrationLib.results.result_files import write_result_files
from DeepRegistrationLib.results.scene_child import check_scene_is_possible
from DeepRegistrationLib.sample_data import FETAL_ATLAS, installed_atlas_folder
from DeepRegistrationLib.workflows import fetal_slice, fetal_volume
from DeepRegistrationLib.workflows.result import RegistrationResult, Trust

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


@dataclass(frozen=True)
class _Kind:
    """What differs between jobs of different kinds.

    Attributes:
        read: (path, labels) -> image or mask.
        inputs: (moving, mask, atlas) -> what the workflow takes.
        register: (inputs, settings, report) -> result.
        warnings: what the files themselves call for.
    """

    read: Callable[[Path, bool], Volume]
    inputs: Callable[[Volume, Volume | None, FetalAtlas], object]
    register: Callable[[object, object, Report], RegistrationResult]
    warnings: Callable[[Job], tuple[str, ...]] = lambda job: ()


def _thickness_warning(job: Job) -> tuple[str, ...]:
    if job.settings.slice_thickness_mm is not None or not is_flat_picture(job.files.moving):
        return ()
    return (
        f"The picture does not tell how thick the slice is; {UNKNOWN_THICKNESS_MM:g} mm were taken. "
        "Give the slice thickness if it is known.",
    )


_KINDS = {
    JobKind.FETAL_VOLUME: _Kind(read_volume, fetal_volume.FetalVolumeInputs, fetal_volume.register),
    JobKind.FETAL_SLICE: _Kind(
        read_slices, fetal_slice.FetalSliceInputs, fetal_slice.register, _thickness_warning
    ),
}


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
    kind = _KINDS[job.kind]
    atlas = _atlas(job.files)
    moving = kind.read(job.files.moving, False)
    stages.advance(0.6)
    mask = kind.read(job.files.mask, True) if job.files.mask else None

    stages.enter(_REGISTER)
    result = _register(kind, kind.inputs(moving, mask, atlas), job, _part_of(stages))
    result = dataclasses.replace(result, warnings=(*kind.warnings(job), *result.warnings))

    stages.enter(_WRITE)
    stamps = _stamps(job.files, atlas, result)
    seconds = {_READ: stages.seconds[_READ], **result.seconds}
    result = dataclasses.replace(result, seconds=seconds)
    write_result_files(result, stamps, job, stages.advance)
    return _outcome(job.output_folder, result)


def _atlas(files: JobFiles) -> FetalAtlas:
    if files.atlas and files.atlas_dir:
        raise InputError("Two atlases were given: an image and a folder. Give one of them.")
    if files.atlas:
        return FetalAtlas.from_files(files.atlas, files.atlas_labels, files.atlas_mask)
    if files.atlas_labels or files.atlas_mask:
        raise InputError(
            "Atlas labels or an atlas mask were given without their atlas image. Give the image too."
        )
    folder = files.atlas_dir or installed_atlas_folder()
    if folder is None:
        raise InputError(
            "No atlas was given and none is installed. Name an atlas image or folder, or download the atlas "
            f"with: deepregistration data download {FETAL_ATLAS}"
        )
    return FetalAtlas.from_folder(folder)


def _register(kind: _Kind, inputs: object, job: Job, report: Report) -> RegistrationResult:
    """Registers; if the memory of a graphics card is full, again on the CPU, and says so."""
    try:
        return kind.register(inputs, job.settings, report)
    except RuntimeError as error:
        # torch has a type for CUDA only; a full main memory is another error, and no device helps there
        if not isinstance(error, torch.cuda.OutOfMemoryError) and "MPS backend out of memory" not in str(
            error
        ):
            raise
    torch.cuda.empty_cache()
    result = kind.register(inputs, dataclasses.replace(job.settings, device=Device.CPU), report)
    note = "The memory of the graphics card was full; this was computed on the CPU instead."
    return dataclasses.replace(result, warnings=(*result.warnings, note))


def _part_of(stages: StageProgress) -> Report:
    """The workflow's report, shown as the middle part of the whole bar."""

    def report(progress: Progress) -> bool:
        try:
            stages.advance(progress.fraction, progress.text)
        except Cancelled:
            return False
        return True

    return report


def _stamps(files: JobFiles, atlas: FetalAtlas, result: RegistrationResult) -> dict[str, FileStamp]:
    used = next(entry for entry in atlas.files if image_name(entry.image) == result.fixed.name)
    paths = {
        "moving": files.moving,
        "mask": files.mask,
        "atlas": used.image,
        "atlas_mask": used.mask,
        "atlas_labels": used.labels,
    }
    return {role: stamp(path) for role, path in paths.items() if path is not None}


def _outcome(folder: Path, result: RegistrationResult) -> RunOutcome:
    confidence = result.confidence
    trusted = confidence.trust != Trust.LOW
    week = result.settings["atlas_age_weeks"]
    atlas = f" Atlas of week {week:g}." if week is not None and trusted else ""
    return RunOutcome(
        exit_code=ExitCode.DONE if trusted else ExitCode.NOT_TRUSTED,
        output_folder=folder,
        message=f"{_IN_WORDS[confidence.trust]} ({shown_confidence(confidence.value)}): "
        f"{confidence.reason}{atlas}",
        confidence=confidence.value,
        trust=confidence.trust,
    )
