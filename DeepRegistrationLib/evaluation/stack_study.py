"""Stacks of slices: three with simulated motion that is known, three of one fetus as acquired."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.evaluation.slice_cut import rigid_about
from DeepRegistrationLib.evaluation.slice_trials import StackTrial
from DeepRegistrationLib.evaluation.trials import TrialFile, matrix_text
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.images.moments import centre_of_gravity_ras
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.slices import one_slice
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings, StackMode
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows import fetal_slice, fetal_volume
from DeepRegistrationLib.workflows.result import RegistrationResult

SIMULATED, ACQUIRED = "simulated", "acquired"
_STACKS = {
    "simulated d0": ("svrtk-sim/simulated-stack-d0.nii.gz", None),
    "simulated d1": ("svrtk-sim/simulated-stack-d1.nii.gz", None),
    "simulated d2": ("svrtk-sim/simulated-stack-d2.nii.gz", None),
    "fetus run 1": ("mial-sub01/sub-01_run-1_T2w.nii.gz", "mial-sub01/sub-01_run-1_brain_mask.nii.gz"),
    "fetus run 3": ("mial-sub01/sub-01_run-3_T2w.nii.gz", "mial-sub01/sub-01_run-3_brain_mask.nii.gz"),
    "fetus run 5": ("mial-sub01/sub-01_run-5_T2w.nii.gz", "mial-sub01/sub-01_run-5_brain_mask.nii.gz"),
}
_RECONSTRUCTIONS = {
    SIMULATED: "svrtk-sim/reconstructedTemplate.nii.gz",
    ACQUIRED: "mial-sub01/sub-01_rec-SR_T2w.nii.gz",
}
_COMPARED = 24
"""Slices of a stack whose motion is measured, evenly spread over those that show the brain well."""
_SHOWN_SHARE = 0.5
"""A slice shows the brain well if its section has at least this share of the largest one's area."""
_SURE = 0.6
"""The motion of a slice is known if the slice fits the reconstruction at least this well."""


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The brain that stacks show, in its place.

    Attributes:
        file: its image.
        image: the same in memory, zero outside the brain.
        mask: what is not zero; None if the brain has to be found.
        atlas_from_world: (4, 4); rigid with one scale, found by the fetal volume job.
        age_weeks: of the atlas that was chosen.
    """

    file: Path
    image: Volume
    mask: Volume | None
    atlas_from_world: np.ndarray
    age_weeks: float


def measure_stacks(
    data: Path,
    file: TrialFile[StackTrial],
    methods: tuple[FetalSliceMethod, ...],
    device: Device = Device.AUTO,
    report: Report = keep_going,
) -> None:
    """Registers every stack with every method; stacks that are in the file are not repeated.

    Args:
        data: folder with `sta`, `svrtk-sim` and `mial-sub01`.
        file: gets the trials.
        methods: which methods.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Raises:
        InputError: an image is missing.
        Cancelled: `report` returned False.
    """
    atlas = FetalAtlas.from_folder(data / "sta")
    for kind, reconstruction_file in _RECONSTRUCTIONS.items():
        names = [name for name in _STACKS if name.startswith("simulated") == (kind == SIMULATED)]
        if all((name, str(method)) in file for name in names for method in methods):
            continue
        reconstruction = _reconstruction(_existing(data / reconstruction_file), kind, atlas, device)
        for name in names:
            image_file, mask_file = _STACKS[name]
            stack = read_volume(_existing(data / image_file))
            mask = (
                stack.with_values(stack.values > 0, f"{stack.name} mask")
                if mask_file is None
                else read_volume(_existing(data / mask_file), labels=True)
            )
            left = [method for method in methods if (name, str(method)) not in file]
            right = _right_poses(stack, mask, reconstruction, device, report) if kind == SIMULATED else {}
            for method in left:
                if not report(Progress(0.0, f"{name}: {method}")):
                    raise Cancelled(name)
                trial = _trial(name, kind, method, stack, mask, atlas, reconstruction, right, device, report)
                file.add(trial)


def _reconstruction(path: Path, kind: str, atlas: FetalAtlas, device: Device) -> Reconstruction:
    image = read_volume(path)
    mask = image.with_values(image.values != 0, f"{image.name} mask") if kind == SIMULATED else None
    found = fetal_volume.register(
        fetal_volume.FetalVolumeInputs(image, mask, atlas), FetalVolumeSettings(device=device)
    )
    return Reconstruction(
        path,
        image,
        mask,
        found.transforms["atlas_from_subject_with_scale"].matrix,
        found.settings["atlas_age_weeks"],
    )


def _right_poses(
    stack: Volume, mask: Volume, reconstruction: Reconstruction, device: Device, report: Report
) -> dict[int, np.ndarray]:
    """Number of a slice -> atlas RAS from its RAS (4, 4), by way of the reconstruction of the same brain."""
    itself = FetalAtlas.from_files(reconstruction.file)
    settings = FetalSliceSettings(
        as_stack=StackMode.SINGLE, initial_pose=tuple(np.eye(4).ravel().tolist()), device=device
    )
    areas = (mask.values != 0).sum((1, 2))
    shown = np.flatnonzero((areas >= _SHOWN_SHARE * areas.max()).numpy())
    chosen = shown[np.unique(np.linspace(0, len(shown) - 1, _COMPARED).round().astype(int))]
    found = {}
    for index in map(int, chosen):
        if not report(Progress(0.0, f"{stack.name}: where slice {index} belongs")):
            raise Cancelled(stack.name)
        inputs = fetal_slice.FetalSliceInputs(stack, mask, itself)
        result = fetal_slice.register(inputs, replace(settings, slice_index=index))
        if next(iter(result.similarity.values())) >= _SURE:
            centre = _centre_of(mask, index)
            # the atlas is as large as the age says, and the brain as large as it is
            found[index] = rigid_about(reconstruction.atlas_from_world @ result.fixed_from_moving, centre)
    return found


def _trial(
    name: str,
    kind: str,
    method: FetalSliceMethod,
    stack: Volume,
    mask: Volume,
    atlas: FetalAtlas,
    reconstruction: Reconstruction,
    right: dict[int, np.ndarray],
    device: Device,
    report: Report,
) -> StackTrial:
    settings = FetalSliceSettings(
        method=method,
        gestational_age_weeks=reconstruction.age_weeks,
        as_stack=StackMode.STACK,
        device=device,
    )
    started = time.perf_counter()
    try:
        result = fetal_slice.register(fetal_slice.FetalSliceInputs(stack, mask, atlas), settings, report)
    except RegistrationError as err:
        return _without_result(name, kind, method, time.perf_counter() - started, str(err))
    seconds = time.perf_counter() - started
    whole = result.fixed_from_moving
    centre = centre_of_gravity_ras(mask.with_values((mask.values != 0).float()))
    expected = rigid_about(reconstruction.atlas_from_world, centre)
    as_one, moved = _slice_errors(result, mask, right)
    return StackTrial(
        stack=name,
        kind=kind,
        method=str(method),
        rotation_deg=float(rotation_error_deg(whole, expected)),
        distance_mm=_distance_mm(whole, expected, centre),
        slices=len(moved),
        as_one_deg=_median(as_one, 0),
        as_one_mm=_median(as_one, 1),
        moved_deg=_median(moved, 0),
        moved_mm=_median(moved, 1),
        confidence=result.confidence.value,
        trust=str(result.confidence.trust),
        seconds=seconds,
        atlas_from_stack=matrix_text(whole),
    )


def _slice_errors(
    result: RegistrationResult, mask: Volume, right: dict[int, np.ndarray]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Degrees and mm of each slice at the pose of the stack, and with its own motion."""
    as_one, moved = [], []
    for entry in result.slices:
        if entry.index in right:
            centre = _centre_of(mask, entry.index)
            for found, errors in ((result.fixed_from_moving, as_one), (entry.matrix, moved)):
                angle_deg = float(rotation_error_deg(found, right[entry.index]))
                errors.append((angle_deg, _distance_mm(found, right[entry.index], centre)))
    return as_one, moved


def _without_result(name: str, kind: str, method: FetalSliceMethod, seconds: float, error: str) -> StackTrial:
    missing = (np.nan, np.nan)
    return StackTrial(name, kind, str(method), *missing, 0, *missing, *missing, 0.0, "", seconds, "", error)


def _centre_of(mask: Volume, index: int) -> np.ndarray:
    return centre_of_gravity_ras(one_slice(mask.with_values((mask.values != 0).float()), index))


def _distance_mm(first: np.ndarray, second: np.ndarray, point: np.ndarray) -> float:
    return float(np.linalg.norm(((first - second) @ np.append(point, 1.0))[:3]))


def _median(errors: list[tuple[float, float]], column: int) -> float:
    return float(np.median([error[column] for error in errors])) if errors else np.nan


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"The study needs the image '{path}', which is not there. Choose the folder with the public "
            "images (--data), or leave the stacks out (--subjects)."
        )
    return path
