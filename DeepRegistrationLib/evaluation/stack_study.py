"""Stacks of slices: three with simulated motion that is known, three of one fetus as acquired."""

import time
from collections.abc import Mapping, Sequence
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
from DeepRegistrationLib.workflows.result import RegistrationResult, Trust

SIMULATED, ACQUIRED = "simulated", "acquired"
_COMPARED = 24
"""Slices of a stack whose motion is measured, evenly spread over those that show the brain well."""
_SHOWN_SHARE = 0.5
"""A slice shows the brain well if its section has at least this share of the largest one's area."""
_SURE = 0.6
"""The motion of a slice is known if the slice fits the reconstruction at least this well."""


@dataclass(frozen=True)
class StackFiles:
    """One stack and the reconstruction of the same brain.

    Attributes:
        name: for tables.
        kind: `SIMULATED` or `ACQUIRED`.
        image: the stack.
        mask: brain mask on its grid; None if it is zero outside the brain.
        reconstruction: of the same brain, in the same space.
    """

    name: str
    kind: str
    image: Path
    mask: Path | None
    reconstruction: Path


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The brain that stacks show, in its place.

    Attributes:
        file: its image.
        atlas_from_world: (4, 4); rigid with one scale, found by the fetal volume job.
        age_weeks: of the atlas that was chosen.
    """

    file: Path
    atlas_from_world: np.ndarray
    age_weeks: float


def find_stacks(data: Path) -> list[StackFiles]:
    """The stacks: three of one brain with simulated motion, three of one fetus at three times.

    Args:
        data: folder with `svrtk-sim` and `mial-sub01`.

    Raises:
        InputError: an image is missing.
    """
    simulated, acquired = data / "svrtk-sim", data / "mial-sub01"
    template = _existing(simulated / "reconstructedTemplate.nii.gz")
    fetus = _existing(acquired / "sub-01_rec-SR_T2w.nii.gz")
    return [
        *(
            StackFiles(
                f"simulated d{number}",
                SIMULATED,
                _existing(simulated / f"simulated-stack-d{number}.nii.gz"),
                None,
                template,
            )
            for number in (0, 1, 2)
        ),
        *(
            StackFiles(
                f"fetus run {number}",
                ACQUIRED,
                _existing(acquired / f"sub-01_run-{number}_T2w.nii.gz"),
                _existing(acquired / f"sub-01_run-{number}_brain_mask.nii.gz"),
                fetus,
            )
            for number in (1, 3, 5)
        ),
    ]


def measure_stacks(
    data: Path,
    stacks: Sequence[StackFiles],
    file: TrialFile[StackTrial],
    models: Mapping[FetalSliceMethod, str],
    device: Device = Device.AUTO,
    report: Report = keep_going,
) -> None:
    """Registers every stack with every method; what is in the file is not repeated.

    Args:
        data: folder with the atlas, `sta`.
        stacks: which stacks.
        file: gets the trials.
        models: which methods -> the networks that each may ask.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Raises:
        InputError: an image cannot be read.
        RegistrationError: the place of a reconstruction is not certain.
        Cancelled: `report` returned False.
    """
    reconstructions: dict[Path, Reconstruction] = {}
    for number, stack in enumerate(stacks):

        def tell(progress: Progress, number: int = number) -> bool:
            return report(Progress((number + progress.fraction) / len(stacks), progress.text))

        left = [method for method in models if (stack.name, str(method)) not in file]
        if not left:
            continue
        atlas = FetalAtlas.from_folder(data / "sta")
        if stack.reconstruction not in reconstructions:
            reconstructions[stack.reconstruction] = _reconstruction(stack, atlas, device, tell)
        reconstruction = reconstructions[stack.reconstruction]
        image = read_volume(stack.image)
        if stack.mask is None:
            mask = image.with_values(image.values > 0, f"{image.name} mask")
        else:
            mask = read_volume(stack.mask, labels=True)
        right = {}
        if stack.kind == SIMULATED:
            right = _right_poses(image, mask, reconstruction, device, tell)
        for method in left:
            if not tell(Progress(0.5, f"{stack.name}: {method}")):
                raise Cancelled(stack.name)
            inputs = fetal_slice.FetalSliceInputs(image, mask, atlas)
            file.add(_trial(stack, method, models[method], inputs, reconstruction, right, device, report))


def _reconstruction(stack: StackFiles, atlas: FetalAtlas, device: Device, report: Report) -> Reconstruction:
    image = read_volume(stack.reconstruction)
    mask = image.with_values(image.values != 0, f"{image.name} mask") if stack.kind == SIMULATED else None
    inputs = fetal_volume.FetalVolumeInputs(image, mask, atlas)
    found = fetal_volume.register(inputs, FetalVolumeSettings(device=device), report)
    if found.confidence.trust == Trust.LOW:
        raise RegistrationError(
            f"The place of '{image.name}' in the atlas is not certain: {found.confidence.reason} "
            "Stacks cannot be measured against it; leave them out (--brains)."
        )
    return Reconstruction(
        stack.reconstruction,
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
    visible = np.flatnonzero((areas >= _SHOWN_SHARE * areas.max()).numpy())
    chosen = visible[np.unique(np.linspace(0, len(visible) - 1, _COMPARED).round().astype(int))]
    found = {}
    for number, index in enumerate(map(int, chosen)):
        if not report(Progress(0.5 * number / len(chosen), f"{stack.name}: where slice {index} belongs")):
            raise Cancelled(stack.name)
        inputs = fetal_slice.FetalSliceInputs(stack, mask, itself)
        result = fetal_slice.register(inputs, replace(settings, slice_index=index))
        if next(iter(result.similarity.values())) >= _SURE:
            centre = _centre_of(mask, index)
            # the atlas is as large as the age says, and the brain as large as it is
            found[index] = rigid_about(reconstruction.atlas_from_world @ result.fixed_from_moving, centre)
    return found


def _trial(
    stack: StackFiles,
    method: FetalSliceMethod,
    models: str,
    inputs: fetal_slice.FetalSliceInputs,
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
        result = fetal_slice.register(inputs, settings, report)
    except RegistrationError as err:
        return _without_result(stack, method, models, time.perf_counter() - started, str(err))
    seconds = time.perf_counter() - started
    mask = inputs.mask
    whole = result.fixed_from_moving
    centre = centre_of_gravity_ras(mask.with_values((mask.values != 0).float()))
    expected = rigid_about(reconstruction.atlas_from_world, centre)
    as_one, moved = _slice_errors(result, mask, right)
    return StackTrial(
        stack=stack.name,
        kind=stack.kind,
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
        models=models,
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


def _without_result(
    stack: StackFiles, method: FetalSliceMethod, models: str, seconds: float, error: str
) -> StackTrial:
    two = (np.nan, np.nan)
    return StackTrial(
        stack.name, stack.kind, str(method), *two, 0, *two, *two, 0.0, "", seconds, models, "", error
    )


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
            "images (--data), or leave the stacks out (--brains)."
        )
    return path
