"""The jobs that register fetal images to an atlas: volumes, and slices."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read import image_name, read_volume
from DeepRegistrationLib.images.slices import UNKNOWN_THICKNESS_MM, is_flat_picture, read_slices
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_kinds.steps import Case, JobSteps
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceFiles
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles
from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.report.slice_sections import slice_sections
from DeepRegistrationLib.results import folder as names
from DeepRegistrationLib.results.result_parts import ResultParts
from DeepRegistrationLib.results.segmentation_file import write_segmentation
from DeepRegistrationLib.results.slice_entries import slice_entries
from DeepRegistrationLib.results.slices_file import write_slices
from DeepRegistrationLib.sample_data import FETAL_ATLAS, installed_atlas_folder
from DeepRegistrationLib.workflows import fetal_slice, fetal_volume
from DeepRegistrationLib.workflows.result import RegistrationResult, Trust

ReadImage = Callable[[Path, bool], Volume]
MakeInputs = Callable[[Volume, Volume | None, FetalAtlas], object]


def _read(
    read_image: ReadImage,
    make_inputs: MakeInputs,
    warnings: Callable[[Job], tuple[str, ...]],
    job: Job,
    advance: Callable[[float], None],
) -> Case:
    atlas = _atlas(job.files)
    moving = read_image(job.files.moving, False)
    advance(0.6)
    mask = read_image(job.files.mask, True) if job.files.mask else None
    inputs = make_inputs(moving, mask, atlas)
    return Case(inputs, lambda result: _files_used(job.files, atlas, result), warnings(job))


def _atlas(files: FetalVolumeFiles | FetalSliceFiles) -> FetalAtlas:
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


def _thickness_warning(job: Job) -> tuple[str, ...]:
    if job.settings.slice_thickness_mm is not None or not is_flat_picture(job.files.moving):
        return ()
    return (
        f"The picture does not tell how thick the slice is; {UNKNOWN_THICKNESS_MM:g} mm were taken. "
        "Give the slice thickness if it is known.",
    )


def _files_used(
    files: FetalVolumeFiles | FetalSliceFiles, atlas: FetalAtlas, result: RegistrationResult
) -> dict[str, Path]:
    used = next(entry for entry in atlas.files if image_name(entry.image) == result.fixed.name)
    paths = {
        "moving": files.moving,
        "mask": files.mask,
        "atlas": used.image,
        "atlas_mask": used.mask,
        "atlas_labels": used.labels,
    }
    return {role: path for role, path in paths.items() if path is not None}


def _parts(title: str, result: RegistrationResult, job: Job) -> ResultParts:
    outputs, files = job.outputs, {}
    if outputs.warped:
        files[names.WARPED] = partial(write_nrrd, result.warped)
    if outputs.warped and result.matching is not None:
        files[names.MATCHING] = partial(write_nrrd, result.matching)
    if outputs.segmentation and result.segmentation is not None:
        files[names.SEGMENTATION] = partial(write_segmentation, result.segmentation, result.segments)
    if result.slices:
        files[names.SLICES] = partial(write_slices, result.slices)
    return ResultParts(
        title,
        files,
        partial(_draw, result),
        slice_entries(result),
        slice_sections,
        result.segments,
    )


def _draw(result: RegistrationResult, keep_going: Callable[[], object]) -> list[Picture]:
    from DeepRegistrationLib.report.pictures import pictures_of  # needs matplotlib

    return pictures_of(result, keep_going)


def _age_in_words(result: RegistrationResult) -> str:
    week = result.settings["atlas_age_weeks"]
    trusted = result.confidence.trust != Trust.LOW
    return f"Atlas of week {week:g}." if week is not None and trusted else ""


FETAL_VOLUME = JobSteps(
    partial(_read, read_volume, fetal_volume.FetalVolumeInputs, lambda job: ()),
    fetal_volume.register,
    partial(_parts, "Fetal brain to atlas"),
    _age_in_words,
)
FETAL_SLICE = JobSteps(
    partial(_read, read_slices, fetal_slice.FetalSliceInputs, _thickness_warning),
    fetal_slice.register,
    partial(_parts, "Fetal brain slice in the atlas"),
    _age_in_words,
)
