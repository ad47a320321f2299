"""The job that registers a CT to radiographs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.atlases.label_names import Segment
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ct_checks import check_bones, check_ct
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.pose_file import read_pose
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_kinds.radiographs import radiographs_used, read_radiographs, stamp
from DeepRegistrationLib.job_kinds.steps import Case, JobSteps
from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.report.xray_sections import xray_sections
from DeepRegistrationLib.results import folder as names
from DeepRegistrationLib.results.result_parts import ResultParts
from DeepRegistrationLib.results.segmentation_file import write_segmentation
from DeepRegistrationLib.results.xray_entries import xray_entries
from DeepRegistrationLib.workflows import xray_ct, xray_preview
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.xray_placement import check_placement
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs, XrayCtResult

_COLOUR = (0.89, 0.83, 0.70)
"""Of bone, as Slicer paints it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Inputs(XrayCtInputs):
    """What the workflow needs, and where pictures of its poses go.

    Attributes:
        live_folder: see `XrayCtFiles`.
    """

    live_folder: Path | None = None


def _read(job: Job, advance: Callable[[float], None]) -> Case:
    files: XrayCtFiles = job.files
    ct = _ct(files.ct, stamp(files.ct))
    advance(0.5)
    labels = None
    if files.ct_labels is not None:
        labels = _labels(files.ct_labels, stamp(files.ct_labels))
        check_bones(labels, ct, job.settings.bone_labels)
    elif job.settings.bone_labels:
        wanted = ", ".join(map(str, job.settings.bone_labels))
        raise InputError(
            f"Labels of bones were chosen ({wanted}) but no label image was given. "
            "Give the labels of the CT too."
        )
    advance(0.7)
    start = np.eye(4) if files.initial_pose is None else read_pose(files.initial_pose)
    radiographs, notes = read_radiographs(files, ct, start, job.settings.polarity)
    inputs = _Inputs(ct, labels, radiographs, start, live_folder=files.live_folder)
    check_placement(inputs)
    # a preview is thrown away: nobody asks for its checksums
    used = {} if job.settings.preview else _files_used(files)
    return Case(inputs, lambda result: used, notes)


# what was read stays for the next job: a preview, and the registration after it, begin at once
@lru_cache(maxsize=1)
def _ct(path: Path, stamp: tuple[int, int]) -> Volume:
    ct = read_volume(path)
    check_ct(ct)
    return ct


@lru_cache(maxsize=1)
def _labels(path: Path, stamp: tuple[int, int]) -> Volume:
    return read_volume(path, labels=True)


def _register(inputs: _Inputs, settings: XrayCtSettings, report: Report) -> XrayCtResult:
    if settings.preview:
        return xray_preview.show(inputs, settings, report)
    if inputs.live_folder is not None:
        report = xray_preview.followed(inputs, settings, inputs.live_folder, report)
    return xray_ct.register(inputs, settings, report)


def _files_used(files: XrayCtFiles) -> dict[str, Path]:
    paths = {"ct": files.ct, "ct_labels": files.ct_labels, "initial_pose": files.initial_pose}
    given = {role: path for role, path in paths.items() if path is not None}
    return {**given, **radiographs_used(files)}


def _parts(result: XrayCtResult, job: Job) -> ResultParts:
    files = {}
    for number, view in enumerate(result.views):
        camera = view.radiograph.camera
        images = {names.DRR: view.drr, names.XRAY: view.radiograph.values, names.BONES: view.bones}
        for stem, values in images.items():
            if values is None:
                continue
            name = names.numbered(stem, number)
            files[f"{name}.nrrd"] = partial(write_nrrd, detector_volume(values, camera, name))
    segments = _segments(result)
    if job.outputs.warped:
        # every voxel is kept: the CT is put where it belongs, not cut into other voxels
        files[names.WARPED] = partial(write_nrrd, _moved(result.ct, result))
    if job.outputs.segmentation and result.labels is not None:
        files[names.SEGMENTATION] = partial(write_segmentation, _moved(result.labels, result), segments)
    return ResultParts(
        "CT to radiographs", files, partial(_draw, result), xray_entries(result), xray_sections, segments
    )


def _moved(volume: Volume, result: XrayCtResult) -> Volume:
    return Volume(volume.values, volume.geometry.moved(result.world_from_ct), volume.name)


def _segments(result: XrayCtResult) -> tuple[Segment, ...]:
    if result.labels is None:
        return ()
    values = [value for value in torch.unique(result.labels.values).tolist() if value != 0]
    return tuple(Segment(value, f"bone {value}", _COLOUR) for value in values)


def _draw(result: XrayCtResult, keep_going: Callable[[], object]) -> list[Picture]:
    from DeepRegistrationLib.report.xray_pictures import xray_pictures  # needs matplotlib

    return xray_pictures(result, keep_going)


def _residual_in_words(result: XrayCtResult) -> str:
    if result.confidence.trust == Trust.LOW:
        return ""
    residuals = ", ".join(f"{view.residual_mm:.1f} mm" for view in result.views)
    return f"Residual on the detector: {residuals}."


XRAY_CT = JobSteps(_read, _register, _parts, _residual_in_words)
