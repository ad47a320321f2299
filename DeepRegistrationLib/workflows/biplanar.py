"""A CT atlas bent until its radiographs are those that were taken: a bone model from two views.

After Van Houtte et al., "Deep learning-based 2D/3D registration of an atlas to biplanar X-ray images", IJCARS
2022. What the paper's networks regress is found here by fitting through the projector; the network's answer,
where weights are installed, is a start for it.
"""

from collections.abc import Callable

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_atlas import BendableAtlas, prepare_atlas
from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.geometry.jacobian_range import jacobian_range
from DeepRegistrationLib.images.resample import warp
from DeepRegistrationLib.jobs.biplanar import BiplanarSettings
from DeepRegistrationLib.progress import Report, StageProgress, keep_going
from DeepRegistrationLib.workflows.biplanar_confidence import BiplanarEvidence, judge
from DeepRegistrationLib.workflows.biplanar_methods import POSE, SHAPE, START, FoundShape, find_shape
from DeepRegistrationLib.workflows.biplanar_products import BentAtlas, bend_atlas, make_views
from DeepRegistrationLib.workflows.biplanar_result import (
    ATLAS,
    WORLD,
    BiplanarInputs,
    BiplanarResult,
    BiplanarView,
)
from DeepRegistrationLib.workflows.biplanar_targets import check_seen
from DeepRegistrationLib.workflows.biplanar_uncertainty import uncertainty_map
from DeepRegistrationLib.workflows.result import NamedTransform

_PREPARE, _BEND, _JUDGE = "Preparing atlas and radiographs", "Bending the atlas", "Judging the result"
_SHARES = {_PREPARE: 0.05, START: 0.1, POSE: 0.1, SHAPE: 0.5, _BEND: 0.1, _JUDGE: 0.15}
_SMALLEST_ANGLE_DEG = 20.0


def register(
    inputs: BiplanarInputs, settings: BiplanarSettings, report: Report = keep_going
) -> BiplanarResult:
    """Bends one atlas to two or more radiographs.

    Args:
        inputs: atlas with labels, radiographs with cameras, shadows of the bone, start pose.
        settings: choices.
        report: receives progress, with the pose so far; returns False to stop.

    Returns:
        The result; `deformation` is the answer, `transforms["world_from_atlas"]` its affine part.

    Raises:
        InputError: atlas, radiographs or start pose cannot be used.
        RegistrationError: the device or the network is not there.
        Cancelled: `report` returned False.
    """
    stages = StageProgress(report, _SHARES)
    device = torch_device(settings.device)

    stages.enter(_PREPARE)
    atlas = prepare_atlas(inputs.ct, inputs.labels)
    for radiograph in inputs.radiographs:
        check_seen(radiograph, atlas.labels, inputs.start)

    stages.enter(START)
    found = find_shape(inputs, atlas, settings, device, _followed(stages))

    stages.enter(_BEND)
    bent = bend_atlas(atlas, found)
    stages.enter(_JUDGE)
    views = make_views(inputs, atlas, bent, found, lambda: stages.advance(0.3))
    uncertainty = uncertainty_map(atlas, found.fit, found.bent, bent.deformation)
    evidence = _evidence(atlas, found, bent, views, uncertainty)
    jacobian = jacobian_range(bent.inverse)
    stages.finish()

    affine = NamedTransform(bent.world_from_atlas, ATLAS, WORLD)
    present = set(torch.unique(bent.labels.values).tolist())
    return BiplanarResult(
        job="biplanar",
        method=str(settings.method),
        device=describe_device(device),
        transforms={"world_from_atlas": affine, **_cameras(views)},
        similarity={f"edges of view {number}": view.edges for number, view in enumerate(views, 1)},
        confidence=judge(evidence),
        warnings=(*found.notes, *_warnings(inputs, atlas, settings)),
        seconds=stages.seconds,
        models=found.models,
        settings={
            "method": str(settings.method),
            "search_rotation_deg": settings.search_rotation_deg,
            "search_translation_mm": settings.search_translation_mm,
            "view_rotation_deg": settings.view_rotation_deg,
            "view_translation_mm": settings.view_translation_mm,
            "shape_freedom": settings.shape_freedom,
            "shape_modes": found.bent.model.count,
            "masks": ["given" if view.shadow_given else "proposed" for view in views],
            "polarity": str(settings.polarity),
            "device": str(settings.device),
            "seed": settings.seed,
        },
        history=found.history,
        deformation=bent.deformation,
        inverse=bent.inverse,
        warped=bent.warped,
        segmentation=bent.labels,
        segments=tuple(segment for segment in inputs.segments if segment.value in present),
        uncertainty=uncertainty,
        jacobian=jacobian,
        views=views,
        start=inputs.start,
    )


def _followed(stages: StageProgress) -> Callable[[float, str, np.ndarray | None], None]:
    """Progress of the fit as that of the stages."""
    entered = START

    def advance(fraction: float, stage: str, pose: np.ndarray | None) -> None:
        nonlocal entered
        if stage != entered:
            stages.enter(stage)
            entered = stage
        within = {START: fraction, POSE: fraction / 0.2, SHAPE: (fraction - 0.2) / 0.8}[stage]
        flat = None if pose is None else tuple(pose.ravel().tolist())
        stages.advance(min(max(within, 0.0), 1.0), pose=flat)

    return advance


def _evidence(
    atlas: BendableAtlas,
    found: FoundShape,
    bent: BentAtlas,
    views: tuple[BiplanarView, ...],
    uncertainty: object,
) -> BiplanarEvidence:
    numbers = found.fit.numbers
    shape = torch.cat([numbers.pose, numbers.stretch, numbers.modes])
    bone = warp(atlas.labels, bent.deformation, labels=True).values != 0
    distances = [view.distance_mm for view in views if view.shadow_given]
    return BiplanarEvidence(
        edges=min(view.edges for view in views),
        outline_mm=max(distances) if distances else float("nan"),
        unusual=float(shape.square().mean().sqrt()),
        uncertainty_mm=float(uncertainty.values[bone].mean()) if bool(bone.any()) else float("inf"),
        folded=jacobian_range(bent.inverse).folded,
        masked=len(distances) / len(views),
    )


def _cameras(views: tuple[BiplanarView, ...]) -> dict[str, NamedTransform]:
    """camera_from_world for each view, with its correction."""
    return {
        f"camera{number if number > 1 else ''}_from_world": NamedTransform(
            view.radiograph.camera.camera_from_world @ view.camera_correction, WORLD, f"camera {number}"
        )
        for number, view in enumerate(views, 1)
    }


def _warnings(inputs: BiplanarInputs, atlas: BendableAtlas, settings: BiplanarSettings) -> tuple[str, ...]:
    warnings = []
    missing = sum(shadow is None for shadow in inputs.shadows)
    if missing:
        warnings.append(
            f"The shadow of the bone was not given for {missing} of {len(inputs.shadows)} radiographs; it "
            "was proposed from the atlas. A mask of the bone makes its outline much more certain."
        )
    if inputs.model is None:
        warnings.append(
            "The atlas has no shape model: where the radiographs show nothing, the shape is only smooth."
        )
    if atlas.continued_mm:
        warnings.append(
            f"The edge of the atlas cuts its bone; it was continued straight by {atlas.continued_mm:.0f} mm."
        )
    beams = [radiograph.camera.viewing_direction for radiograph in inputs.radiographs]
    angle = max(
        np.degrees(np.arccos(np.clip(abs(first @ second), 0, 1))) for first in beams for second in beams
    )
    if angle < _SMALLEST_ANGLE_DEG:
        warnings.append(
            f"The views are {angle:.0f} degrees apart only; depth and shape along the beams stay uncertain."
        )
    return tuple(warnings)
