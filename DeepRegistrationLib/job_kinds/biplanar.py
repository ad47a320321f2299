"""The job that bends an atlas to two radiographs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.atlases.label_names import Segment
from DeepRegistrationLib.data.biplanar_shape_model import SHAPE_MODEL, read_shape_model
from DeepRegistrationLib.data.femur_ct import FemurLabel
from DeepRegistrationLib.data.femur_folder import ATLAS, TABLE, CtPair, find_atlas
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ct_checks import check_ct
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.geometry_file import size_in_words
from DeepRegistrationLib.images.pose_file import read_pose
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.read_radiograph import read_radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_kinds.radiographs import radiographs_used, read_radiographs
from DeepRegistrationLib.job_kinds.steps import Case, JobSteps
from DeepRegistrationLib.jobs.biplanar import BiplanarFiles, installed_atlas_folder
from DeepRegistrationLib.jobs.checks import of_view
from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.report.biplanar_sections import biplanar_sections
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.results import folder as names
from DeepRegistrationLib.results.biplanar_entries import biplanar_entries
from DeepRegistrationLib.results.grid_transform_file import write_grid_transform
from DeepRegistrationLib.results.result_parts import ResultParts
from DeepRegistrationLib.results.segmentation_file import write_segmentation
from DeepRegistrationLib.workflows import biplanar
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs, BiplanarResult
from DeepRegistrationLib.workflows.result import Trust

_COLOURS = ((0.89, 0.83, 0.70), (0.55, 0.75, 0.90), (0.95, 0.93, 0.86), (0.80, 0.55, 0.40))
_FEMUR = {
    FemurLabel.CANCELLOUS: "cancellous bone",
    FemurLabel.HEAD: "femoral head",
    FemurLabel.CORTICAL: "cortical bone",
    FemurLabel.MARROW: "marrow",
}


def _read(job: Job, advance: Callable[[float], None]) -> Case:
    files: BiplanarFiles = job.files
    pair, model = _atlas_files(files)
    ct, labels = pair.read()
    check_ct(ct)
    advance(0.5)
    start = np.eye(4) if files.initial_pose is None else read_pose(files.initial_pose)
    radiographs, notes = read_radiographs(files, ct, start, job.settings.polarity)
    shadows = tuple(
        None if path is None else _shadow(path, radiograph)
        for path, radiograph in zip(files.masks or (None,) * len(radiographs), radiographs, strict=True)
    )
    inputs = BiplanarInputs(
        ct,
        labels,
        radiographs,
        shadows,
        None if model is None else read_shape_model(model),
        start,
        _segments(labels, is_femur=(pair.ct.parent / TABLE).is_file()),
        atlas_of_networks=files.atlas is None and files.folder == installed_atlas_folder(),
    )
    used = _files_used(files, pair, model)
    return Case(inputs, lambda result: used, notes)


def _atlas_files(files: BiplanarFiles) -> tuple[CtPair, Path | None]:
    """Atlas, and its shape model if there is one."""
    if files.atlas is not None:
        return CtPair(ATLAS, files.atlas, files.atlas_labels), None
    if files.atlas_dir is None and not files.folder.is_dir():
        raise InputError(
            "The femur atlas of the program is not installed. Give an atlas of your own: --atlas with "
            "--atlas-labels, or --atlas-dir with a folder that `deepregistration population` made."
        )
    model = files.folder / SHAPE_MODEL
    return find_atlas(files.folder), model if model.is_file() else None


def _shadow(path: Path, radiograph: Radiograph) -> torch.Tensor:
    values = read_radiograph(path).values != 0
    if values.shape != radiograph.values.shape:
        raise InputError(
            f"The mask '{path.name}' has {size_in_words(values.shape[::-1])} pixels, the radiograph "
            f"'{radiograph.name}' has {size_in_words(radiograph.camera.image_size_px)}. Give a mask on the "
            "pixels of the radiograph."
        )
    return values


def _segments(labels: Volume, is_femur: bool) -> tuple[Segment, ...]:
    present = [value for value in torch.unique(labels.values).tolist() if value != 0]
    return tuple(
        Segment(
            value,
            _FEMUR.get(value, f"label {value}") if is_femur else f"label {value}",
            _COLOURS[number % len(_COLOURS)],
        )
        for number, value in enumerate(present)
    )


def _files_used(files: BiplanarFiles, pair: CtPair, model: Path | None) -> dict[str, Path]:
    paths = {
        "atlas": pair.ct,
        "atlas_labels": pair.labels,
        "shape_model": model,
        "initial_pose": files.initial_pose,
    }
    for view in range(len(files.xrays)):
        paths[names.numbered("mask", view)] = of_view(files.masks, view)
    given = {role: path for role, path in paths.items() if path is not None}
    return {**given, **radiographs_used(files)}


def _parts(result: BiplanarResult, job: Job) -> ResultParts:
    files = {
        names.FIELD: partial(write_grid_transform, result.deformation),
        names.INVERSE: partial(write_grid_transform, result.inverse),
        names.UNCERTAINTY: partial(write_nrrd, result.uncertainty),
    }
    for number, view in enumerate(result.views):
        camera = view.radiograph.camera.moved(np.linalg.inv(view.camera_correction))
        images = {
            names.DRR: view.drr,
            names.DRR_START: view.drr_start,
            names.XRAY: view.radiograph.values.cpu(),
        }
        if not view.shadow_given:
            images[names.MASK] = view.shadow.to(torch.uint8)
        for stem, values in images.items():
            name = names.numbered(stem, number)
            files[f"{name}.nrrd"] = partial(write_nrrd, detector_volume(values, camera, name))
    if job.outputs.warped:
        files[names.WARPED] = partial(write_nrrd, result.warped)
    if job.outputs.segmentation:
        files[names.SEGMENTATION] = partial(
            write_segmentation, result.segmentation, result.segments, closed_surface=True
        )
    return ResultParts(
        "Atlas bent to two radiographs",
        files,
        partial(_draw, result),
        biplanar_entries(result),
        biplanar_sections,
        result.segments,
    )


def _draw(result: BiplanarResult, keep_going: Callable[[], object]) -> list[Picture]:
    from DeepRegistrationLib.report.biplanar_pictures import biplanar_pictures  # needs matplotlib

    return biplanar_pictures(result, keep_going)


def _outlines_in_words(result: BiplanarResult) -> str:
    distances = [f"{view.distance_mm:.1f} mm" for view in result.views if view.shadow_given]
    if result.confidence.trust is Trust.LOW or not distances:
        return ""
    return f"Outlines apart by {', '.join(distances)} at the bone."


BIPLANAR = JobSteps(_read, biplanar.register, _parts, _outlines_in_words)
