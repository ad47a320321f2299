"""The stacks of the slice study: simulated ones whose motion is known, and those of one fetus as acquired.

Some are cut from brains in known poses that move meanwhile. Three were acquired of one fetus, of which there
is a reconstruction: where their slices belong is found by registering each slice to it. Three more show one
brain with simulated motion of which nothing is told; they are compared with each other only.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from DeepRegistrationLib.atlases.brain_growth import age_of_brain_volume_weeks
from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.evaluation.fetal_pairs import existing_image
from DeepRegistrationLib.evaluation.known_subjects import SubjectFiles, find_subjects, with_pose
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.slice_cut import rigid_about
from DeepRegistrationLib.evaluation.stack_cut import Motion, cut_stack
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.slices import one_slice
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceSettings, StackMode
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Progress, Report
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register

SIMULATED, ACQUIRED, UNTOLD = "simulated", "acquired", "motion not told"
_COMPARED = 24
"""Slices of an acquired stack that are registered to the reconstruction, evenly spread."""
_SHOWN_SHARE = 0.3
"""Slices are compared if their section has at least this share of the largest one's area."""
_SURE, _CERTAIN = 0.6, 0.95
"""Where a slice belongs is known if it fits the reconstruction at least this well, and one of its two places
is at least this probable."""


@dataclass(frozen=True, eq=False)
class Stack:
    """One stack in memory, and where its slices belong.

    Attributes:
        image: (K, J, I).
        mask: on the same grid.
        atlas: where to register to.
        gestational_age_weeks: told to the registration.
        right: number of a slice -> (4, 4), atlas RAS from its RAS; empty if nothing is known.
    """

    image: Volume
    mask: Volume
    atlas: FetalAtlas
    gestational_age_weeks: float
    right: Mapping[int, np.ndarray]


@dataclass(frozen=True)
class StackSource:
    """A stack before it is read or made.

    Attributes:
        name: for tables.
        kind: `SIMULATED`, `ACQUIRED` or `UNTOLD`.
        make: reads or makes it; takes the device and a report.
    """

    name: str
    kind: str
    make: Callable[[Device, Report], Stack]


def find_stacks(data: Path) -> list[StackSource]:
    """All stacks of the study.

    Args:
        data: folder with `sta`, `svrtk-sim` and `mial-sub01`.

    Raises:
        InputError: an image is missing.
    """
    moving = find_subjects(data, (SliceGroup.ATLAS, SliceGroup.FETUS))
    acquired, untold = data / "mial-sub01", data / "svrtk-sim"
    sources = [
        StackSource(f"{files.name}, moving", SIMULATED, partial(_simulated, files, Motion()))
        for files in moving
    ]
    existing = partial(existing_image, option="--brains")
    for run in (1, 3, 5):
        image = existing(acquired / f"sub-01_run-{run}_T2w.nii.gz")
        mask = existing(acquired / f"sub-01_run-{run}_brain_mask.nii.gz")
        sources.append(
            StackSource(f"fetus, run {run}", ACQUIRED, partial(_acquired, image, mask, moving[-1]))
        )
    for number in (0, 1, 2):
        image = existing(untold / f"simulated-stack-d{number}.nii.gz")
        sources.append(StackSource(f"svrtk d{number}", UNTOLD, partial(_untold, image, data / "sta")))
    return sources


def _simulated(files: SubjectFiles, motion: Motion, device: Device, report: Report) -> Stack:
    subject = with_pose(files, device, report)
    cut = cut_stack(subject, zlib.crc32(files.name.encode()), motion)
    areas = (cut.mask.values != 0).sum((1, 2))
    right = {
        number: place
        for number, place in cut.atlas_from_slice.items()
        if areas[number] >= _SHOWN_SHARE * areas.max()
    }
    return Stack(cut.image, cut.mask, subject.atlas, subject.gestational_age_weeks, right)


def _acquired(image: Path, mask: Path, files: SubjectFiles, device: Device, report: Report) -> Stack:
    subject = with_pose(files, device, report)
    stack, inside = read_volume(image), read_volume(mask, labels=True)
    right = _places_in_reconstruction(stack, inside, files.pair.moving, device, report)
    places = {
        number: rigid_about(subject.atlas_from_subject @ place, section_centre_ras(inside, number))
        for number, place in right.items()
    }
    return Stack(stack, inside, subject.atlas, subject.gestational_age_weeks, places)


def _untold(image: Path, atlas: Path, device: Device, report: Report) -> Stack:
    stack = read_volume(image)
    mask = stack.with_values(stack.values > 0, f"{stack.name} mask")
    # the age is not told; a size that fits spares the search of all ages
    weeks = age_of_brain_volume_weeks(volume_mm3(mask.with_values(mask.values.float())) / 1000)
    return Stack(stack, mask, FetalAtlas.from_folder(atlas), weeks, {})


def _places_in_reconstruction(
    stack: Volume, mask: Volume, reconstruction: Path, device: Device, report: Report
) -> dict[int, np.ndarray]:
    """Number of a slice -> reconstruction RAS from its RAS (4, 4); of slices that are certain."""
    itself = FetalAtlas.from_files(reconstruction)
    settings = FetalSliceSettings(
        as_stack=StackMode.SINGLE, initial_pose=tuple(np.eye(4).ravel().tolist()), device=device
    )
    areas = (mask.values != 0).sum((1, 2))
    visible = np.flatnonzero((areas >= _SHOWN_SHARE * areas.max()).numpy())
    chosen = visible[np.unique(np.linspace(0, len(visible) - 1, _COMPARED).round().astype(int))]
    found = {}
    for number, index in enumerate(map(int, chosen)):
        if not report(Progress(number / len(chosen), f"{stack.name}: where slice {index} belongs")):
            raise Cancelled(stack.name)
        inputs = FetalSliceInputs(stack, mask, itself)
        result = register(inputs, replace(settings, slice_index=index))
        best = result.hypotheses[0]
        if best.similarity >= _SURE and best.probability >= _CERTAIN:
            found[index] = result.fixed_from_moving
    return found


def section_centre_ras(mask: Volume, index: int) -> np.ndarray:
    """(3,); centroid of the brain in one slice of a stack [mm, RAS]."""
    return centre_of_gravity_ras(one_slice(mask.with_values((mask.values != 0).float()), index))
