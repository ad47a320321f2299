"""Registers the stacks of the slice study and measures where their slices end."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.slice_trials import StackTrial
from DeepRegistrationLib.evaluation.study_stacks import Stack, StackSource, section_centre_ras
from DeepRegistrationLib.evaluation.trials import TrialFile, matrix_text
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings, StackMode
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows import fetal_slice
from DeepRegistrationLib.workflows.result import RegistrationResult

Places = Mapping[int, np.ndarray]
"""Number of a slice -> (4, 4), atlas RAS from its RAS."""


def measure_stacks(
    stacks: Sequence[StackSource],
    file: TrialFile[StackTrial],
    models: Mapping[FetalSliceMethod, str],
    device: Device = Device.AUTO,
    report: Report = keep_going,
) -> None:
    """Registers every stack with every method; what is in the file is not repeated.

    Args:
        stacks: which stacks.
        file: gets the trials.
        models: which methods -> the networks that each may ask.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Raises:
        InputError: an image cannot be read.
        RegistrationError: the pose of a brain that stacks are cut from is not certain.
        Cancelled: `report` returned False.
    """
    for number, source in enumerate(stacks):
        left = [method for method in models if (source.name, str(method)) not in file]
        if not left:
            continue

        def tell(progress: Progress, number: int = number, share: float = 0.5) -> bool:
            return report(Progress((number + share * progress.fraction) / len(stacks), progress.text))

        stack = source.make(device, tell)
        for method in left:
            if not report(Progress((number + 0.5) / len(stacks), f"{source.name}: {method}")):
                raise Cancelled(source.name)
            file.add(_trial(source, stack, method, models[method], device, report))


def _trial(
    source: StackSource,
    stack: Stack,
    method: FetalSliceMethod,
    models: str,
    device: Device,
    report: Report,
) -> StackTrial:
    settings = FetalSliceSettings(
        method=method,
        gestational_age_weeks=stack.gestational_age_weeks,
        as_stack=StackMode.STACK,
        device=device,
    )
    started = time.perf_counter()
    result, error = None, ""
    try:
        inputs = fetal_slice.FetalSliceInputs(stack.image, stack.mask, stack.atlas)
        result = fetal_slice.register(inputs, settings, report)
    except RegistrationError as err:
        error = str(err)
    seconds = time.perf_counter() - started
    motion = _differences(_as_one(stack.right), stack)
    as_one = moved = (np.nan, np.nan)
    if result is not None:
        as_one = _differences(dict.fromkeys(stack.right, result.fixed_from_moving), stack)
        moved = _differences(_places(result), stack)
    return StackTrial(
        stack=source.name,
        kind=source.kind,
        method=str(method),
        slices=len(stack.right),
        motion_deg=motion[0],
        motion_mm=motion[1],
        as_one_deg=as_one[0],
        as_one_mm=as_one[1],
        moved_deg=moved[0],
        moved_mm=moved[1],
        confidence=0.0 if result is None else result.confidence.value,
        trust="" if result is None else str(result.confidence.trust),
        seconds=seconds,
        models=models,
        atlas_from_stack="" if result is None else matrix_text(result.fixed_from_moving),
        error=error,
    )


def _places(result: RegistrationResult) -> dict[int, np.ndarray]:
    return {entry.index: entry.matrix for entry in result.slices}


def _as_one(right: Places) -> dict[int, np.ndarray]:
    """The one rigid map that is closest to where all slices belong, for each of them."""
    if not right:
        return {}
    mean = np.mean(list(right.values()), axis=0)
    u, _, vh = np.linalg.svd(mean[:3, :3])
    mean[:3, :3] = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vh)]) @ vh
    return dict.fromkeys(right, mean)


def _differences(found: Places, stack: Stack) -> tuple[float, float]:
    """Medians over the slices: rotation [degrees], distance of the section's centre [mm]; NaN for none."""
    angles_deg, distances_mm = [], []
    for index, right in stack.right.items():
        if index in found:
            angles_deg.append(float(rotation_error_deg(found[index], right)))
            centre = np.append(section_centre_ras(stack.mask, index), 1.0)
            distances_mm.append(float(np.linalg.norm(((found[index] - right) @ centre)[:3])))
    if not angles_deg:
        return np.nan, np.nan
    return float(np.median(angles_deg)), float(np.median(distances_mm))
