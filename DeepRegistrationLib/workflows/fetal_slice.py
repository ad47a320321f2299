"""One slice of a fetal brain, or the slices of a stack, to their place in the atlas.

After Mohseni Salehi et al., "Real-time deep registration with geodesic loss", arXiv:1803.05982, 2018, section
2.2: the age gives the size, the centroid of the slice its place in the plane. Beside what the paper's network
proposes, a bank of slices is searched; every proposal is refined together with its mirror image.
"""

from dataclasses import dataclass, replace

import numpy as np

from DeepRegistrationLib.atlases.fetal_atlas import AtlasImage, FetalAtlas
from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.checks import check_same_grid
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.slices import check_slices, one_slice, slices_along_k
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceSettings, HalfSpace, StackMode
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.progress import Report, StageProgress, keep_going
from DeepRegistrationLib.workflows.fetal_slice_methods import FoundSlicePose, as_compared, find_pose
from DeepRegistrationLib.workflows.fetal_slice_motion import follow_motion
from DeepRegistrationLib.workflows.prepared_atlas import prepare_atlas
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice, prepare_slice
from DeepRegistrationLib.workflows.result import NamedTransform, RegistrationResult, SlicePose
from DeepRegistrationLib.workflows.slice_confidence import SliceEvidence, judge_slice
from DeepRegistrationLib.workflows.slice_hypotheses import Hypothesis, in_words, is_open, weigh

_FIND, _SEARCH, _MOTION, _CARRY = (
    "Finding the brain",
    "Searching the atlas",
    "Following the motion",
    "Carrying labels",
)
_SHARES = {_FIND: 0.1, _SEARCH: 0.6, _MOTION: 0.15, _CARRY: 0.15}
_SMALLEST_AREA_MM2 = 250.0
"""Sections smaller than 16 x 16 mm show too little to tell where they are."""


@dataclass(frozen=True, eq=False)
class FetalSliceInputs:
    """What the workflow needs in memory.

    Attributes:
        moving: one slice, a stack or a volume, at any orientation.
        mask: brain mask on the grid of `moving`; None finds it.
        atlas: where to register to.
    """

    moving: Volume
    mask: Volume | None
    atlas: FetalAtlas


def register(
    inputs: FetalSliceInputs, settings: FetalSliceSettings, report: Report = keep_going
) -> RegistrationResult:
    """Finds a slice, or the slices of a stack, in the atlas.

    Args:
        inputs: image, mask and atlas.
        settings: choices.
        report: receives progress; returns False to stop.

    Returns:
        The result; `transforms["atlas_from_slice"]` is the answer, RAS from RAS; of a stack it is the pose of
        the stack as a whole. `matching` is the atlas on the slice's own grid.

    Raises:
        InputError: image, mask or atlas cannot be used.
        RegistrationError: the device or a network is not there.
        Cancelled: `report` returned False.
    """
    stages = StageProgress(report, _SHARES)
    device = torch_device(settings.device)

    stages.enter(_FIND)
    moving, part, index = _prepare(inputs, settings, device)

    stages.enter(_SEARCH)
    found = find_pose(inputs.atlas, part, settings, device, stages.advance)
    answer = found.poses.rigid()
    hypotheses = weigh([answer.moving_from_fixed(n) for n in range(len(answer))], found.similarity.tolist())

    stages.enter(_MOTION)
    slices: tuple[SlicePose, ...] = ()
    if len(part.image.values) > 1:
        compared = as_compared(part, prepare_atlas(found.atlas.files, device), settings)
        slices = follow_motion(found, compared, stages.advance)

    stages.enter(_CARRY)
    chosen = found.atlas.source
    atlas_from_slice = found.poses.moving_from_fixed(0)  # with the fitted size
    matching = _on_slices(chosen.image, moving, atlas_from_slice, slices, found)
    stages.advance(0.4)
    labels = _carry_labels(chosen, moving, atlas_from_slice, slices, found)
    stages.advance(0.7)
    # every pixel is kept: the slice is put where it belongs, not cut into the atlas's voxels
    warped = Volume(moving.values, moving.geometry.moved(hypotheses[0].matrix), moving.name)
    stages.finish()

    return RegistrationResult(
        job="fetal-slice",
        method=str(settings.method),
        device=describe_device(device),
        transforms={
            "atlas_from_slice": NamedTransform(hypotheses[0].matrix, "slice RAS", "atlas RAS"),
            "atlas_from_slice_with_scale": NamedTransform(atlas_from_slice, "slice RAS", "atlas RAS"),
        },
        similarity={str(settings.measure): float(found.similarity[0])},
        confidence=judge_slice(_evidence(found, slices)),
        fixed=chosen.image,
        moving=moving,
        warped=warped,
        segmentation=labels,
        segments=chosen.segments,
        start=_centres_aligned(part, found),
        warnings=_warnings(inputs, settings, chosen, hypotheses, part),
        seconds=stages.seconds,
        settings={
            "method": str(settings.method),
            "measure": str(settings.measure),
            "contrast": str(settings.contrast),
            "gestational_age_weeks": settings.gestational_age_weeks,
            "atlas": inputs.atlas.name,
            "atlas_age_weeks": chosen.gestational_age_weeks,
            "as_stack": str(StackMode.STACK if index is None else StackMode.SINGLE),
            "slice_index": index,
            "half_space": str(settings.half_space),
            "slice_thickness_mm": part.thickness_mm,
            "candidates": settings.candidates,
            "initial_pose": "given" if settings.initial_pose is not None else None,
            "followed": found.followed,
            "mask": "found automatically" if inputs.mask is None else "given",
            "device": str(settings.device),
            "seed": settings.seed,
        },
        history=found.history,
        matching=matching,
        hypotheses=hypotheses,
        slices=slices,
        models=tuple(find_model(name).stamp for name in found.models),
    )


def _prepare(
    inputs: FetalSliceInputs, settings: FetalSliceSettings, device: object
) -> tuple[Volume, PreparedSlice, int | None]:
    """The slices that are registered, prepared, and the number of the slice; None for a stack."""
    check_slices(inputs.moving)
    if inputs.mask is not None:
        check_same_grid(inputs.mask, inputs.moving)
    image = slices_along_k(inputs.moving)
    mask = None if inputs.mask is None else slices_along_k(inputs.mask)
    index = settings.slice_index
    if index is not None:
        image, mask = one_slice(image, index), None if mask is None else one_slice(mask, index)
    mask = mask or find_brain_mask(image)
    areas_mm2 = _areas_mm2(mask)
    showing = int((areas_mm2 >= _SMALLEST_AREA_MM2).sum())
    stack = settings.as_stack == StackMode.STACK or (
        settings.as_stack == StackMode.AUTO and index is None and showing > 1
    )
    if not stack and index is None:
        index = int(areas_mm2.argmax())
        image, mask = one_slice(image, index), one_slice(mask, index)
        areas_mm2 = _areas_mm2(mask)
    if areas_mm2.max() < _SMALLEST_AREA_MM2:
        raise InputError(
            f"The slice of '{inputs.moving.name}' shows {areas_mm2.max():.0f} mm^2 of brain; at least "
            f"{_SMALLEST_AREA_MM2:.0f} mm^2 are needed to tell where it lies. Choose a slice nearer to the "
            "middle of the brain, or another mask."
        )
    return image, prepare_slice(image, mask, settings.slice_thickness_mm, device), None if stack else index


def _areas_mm2(mask: Volume) -> np.ndarray:
    """(K,); area that each slice shows [mm^2]."""
    return (mask.values != 0).sum((1, 2)).cpu().numpy() * float(np.prod(mask.geometry.spacing_mm[:2]))


def _on_slices(
    atlas: Volume,
    moving: Volume,
    atlas_from_stack: np.ndarray,
    slices: tuple[SlicePose, ...],
    found: FoundSlicePose,
    labels: bool = False,
) -> Volume:
    """An image of the atlas on the grid of the slices; each slice of a stack at its own pose."""
    whole = resample(atlas, moving.geometry, atlas_from_stack, labels)
    if not slices:
        return whole
    values = whole.values.clone()
    rigid = found.poses.rigid().moving_from_fixed(0)
    for entry in slices:
        grid = one_slice(moving, entry.index).geometry
        # the same motion, with the size of the stack
        own = entry.matrix @ np.linalg.inv(rigid) @ atlas_from_stack
        values[entry.index] = resample(atlas, grid, own, labels).values[0]
    return whole.with_values(values)


def _carry_labels(
    atlas: AtlasImage,
    moving: Volume,
    atlas_from_stack: np.ndarray,
    slices: tuple[SlicePose, ...],
    found: FoundSlicePose,
) -> Volume | None:
    if atlas.labels is None:
        return None
    marked = box_around(atlas.labels.values != 0, atlas.labels.geometry, margin_mm=0.0)
    return _on_slices(cropped(atlas.labels, marked), moving, atlas_from_stack, slices, found, labels=True)


def _evidence(found: FoundSlicePose, slices: tuple[SlicePose, ...]) -> SliceEvidence:
    """Of a stack that moved, slices are judged where they were followed to."""
    if not slices:
        return found.evidence
    return replace(found.evidence, similarity=float(np.mean([entry.similarity for entry in slices])))


def _warnings(
    inputs: FetalSliceInputs,
    settings: FetalSliceSettings,
    chosen: AtlasImage,
    hypotheses: tuple[Hypothesis, ...],
    part: PreparedSlice,
) -> tuple[str, ...]:
    found = []
    asked, age = settings.gestational_age_weeks, chosen.gestational_age_weeks
    if asked is None and age is not None:
        found.append(
            f"No gestational age was given; of a few weeks the atlas of week {age:g} fitted best. One slice "
            "tells the age badly: give it if it is known."
        )
    elif asked is not None and age is not None and abs(asked - age) > 2:
        found.append(
            f"The atlas '{inputs.atlas.name}' has no image within 2 weeks of {asked:g} weeks; "
            f"week {age:g} was used."
        )
    if is_open(hypotheses) and settings.half_space == HalfSpace.UNKNOWN:
        found.append(in_words(hypotheses, part.centre_ras))
    return tuple(found)


def _centres_aligned(part: PreparedSlice, found: FoundSlicePose) -> np.ndarray:
    """(4, 4) atlas from slice: the start, before any rotation."""
    matrix = np.eye(4)
    matrix[:3, 3] = found.atlas.brain.centre_ras - part.centre_ras
    return matrix
