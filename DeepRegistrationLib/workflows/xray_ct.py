"""CT to one or more radiographs with known geometry, from a start pose that need not be good.

After Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020. What the paper's
network does, to lead the gradient to the right pose from afar, is done here by a search over the whole
distribution of starts; edges then decide by Gauss-Newton steps on the projector's tangent images. The paper's
own schedules are methods beside it.
"""

import numpy as np

from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationLib.optimize.radiograph_refinement import RadiographRefinementSettings, refine_poses
from DeepRegistrationLib.progress import Report, StageProgress, keep_going
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.gradient_orientation import gradient_orientation
from DeepRegistrationLib.workflows.result import NamedTransform
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
from DeepRegistrationLib.workflows.xray_confidence import XrayEvidence, judge
from DeepRegistrationLib.workflows.xray_methods import (
    DESCEND,
    REFINE,
    SEARCH,
    FoundPose,
    Track,
    find_pose,
    methods_stages,
    pose_range_of,
)
from DeepRegistrationLib.workflows.xray_placement import check_placement
from DeepRegistrationLib.workflows.xray_pose_search import FINE_PX, XrayScene, fine_measure
from DeepRegistrationLib.workflows.xray_region import within_reach
from DeepRegistrationLib.workflows.xray_result import CT, WORLD, PoseUncertainty, XrayCtInputs, XrayCtResult
from DeepRegistrationLib.workflows.xray_rivals import residual_ratio, rival_score, score_ratio
from DeepRegistrationLib.workflows.xray_uncertainty import pose_uncertainty
from DeepRegistrationLib.workflows.xray_views import make_view, seen_share

_PREPARE, _JUDGE = "Preparing CT and radiographs", "Judging the result"
_SHARES = {_PREPARE: 0.05, SEARCH: 0.6, DESCEND: 0.6, REFINE: 0.2, _JUDGE: 0.15}


def register(inputs: XrayCtInputs, settings: XrayCtSettings, report: Report = keep_going) -> XrayCtResult:
    """Registers one CT.

    Args:
        inputs: CT, labels of bones, radiographs with cameras, start pose.
        settings: choices.
        report: receives progress, with the pose so far; returns False to stop.

    Returns:
        The result; `transforms["world_from_ct"]` is the answer.

    Raises:
        InputError: CT, labels, radiographs or start pose cannot be used.
        RegistrationError: the device or a network is not there.
        Cancelled: `report` returned False.
    """
    steps = methods_stages(settings.method)
    stages = StageProgress(report, {n: s for n, s in _SHARES.items() if n in (_PREPARE, *steps, _JUDGE)})
    device = torch_device(settings.device)

    stages.enter(_PREPARE)
    check_placement(inputs)
    anatomy = prepare_anatomy(inputs.ct, inputs.labels, settings.bone_labels, device)
    radiographs = tuple(radiograph.to(device) for radiograph in inputs.radiographs)
    reached = tuple(
        within_reach(radiograph, anatomy, inputs.start, pose_range_of(settings)) for radiograph in radiographs
    )
    scene = XrayScene(anatomy, reached, inputs.start)

    track = Track(stages)
    found = find_pose(scene, settings, track)

    stages.enter(_JUDGE)
    answer = exactly_rigid(found.pose.numpy())
    views = tuple(make_view(anatomy, radiograph, answer, inputs.start) for radiograph in radiographs)
    stages.advance(0.4)
    uncertainty = pose_uncertainty(scene.level(FINE_PX, gradient_correlation, fine=True), found.pose)
    evidence = _evidence(scene, found, [view.residual_mm for view in views], uncertainty)
    confidence = judge(evidence)
    stages.finish()

    cameras = {
        f"camera{number or ''}_from_ct": NamedTransform(view.camera_from_ct, CT, f"camera {number or 1}")
        for number, view in zip([0, *range(2, len(views) + 1)], views, strict=True)
    }
    return XrayCtResult(
        job="xray-ct",
        method=str(settings.method),
        device=describe_device(device),
        transforms={"world_from_ct": NamedTransform(answer, CT, WORLD), **cameras},
        similarity={"gradient-correlation": evidence.similarity},
        confidence=confidence,
        warnings=_warnings(inputs, evidence),
        seconds=stages.seconds,
        settings={
            "method": str(settings.method),
            "measure": str(settings.measure),
            "search_rotation_deg": settings.search_rotation_deg,
            "search_translation_mm": settings.search_translation_mm,
            "candidates": settings.candidates,
            "rounds": found.rounds,
            "time_limit_s": settings.time_limit_s,
            "bones": "labels" if inputs.labels is not None else "by density",
            "bone_labels": list(settings.bone_labels),
            "bone_alone": anatomy.bone_alone,
            "polarity": str(settings.polarity),
            "device": str(settings.device),
            "seed": settings.seed,
        },
        history=track.history,
        models=found.models,
        ct=inputs.ct,
        labels=inputs.labels,
        views=views,
        start=inputs.start,
        uncertainty=uncertainty,
        poses=track.poses,
    )


def exactly_rigid(matrix: np.ndarray) -> np.ndarray:
    """(4, 4); the nearest rigid map: hundreds of products have left their rounding."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    rigid = np.eye(4)
    rigid[:3, :3], rigid[:3, 3] = left @ right, matrix[:3, 3]
    return rigid


def _evidence(
    scene: XrayScene, found: FoundPose, residuals_mm: list[float], uncertainty: PoseUncertainty
) -> XrayEvidence:
    """What speaks for the answer, and what against it."""
    pose = found.pose[None]
    by_edges = float(scene.level(FINE_PX, gradient_correlation, fine=True).similarity(pose)[0])
    other = refine_poses(
        pose,
        scene.level(FINE_PX, gradient_orientation),
        RadiographRefinementSettings(12, 5e-4, 0.1, 0.5),
    ).poses[0]
    best = float(scene.level(FINE_PX, fine_measure).similarity(pose)[0])
    rival = best
    if found.pool is not None:
        rival = rival_score(found.pool, found.pose, scene.centre, scene.cameras)
    camera = scene.radiographs[0].camera
    shadows = [camera.project((p[:3, :3] @ scene.centre + p[:3, 3]).numpy())[0] for p in (found.pose, other)]
    return XrayEvidence(
        similarity=by_edges,
        fit_score=best,
        score_ratio=score_ratio(best, rival),
        residual_ratio=residual_ratio(best, rival),
        edge_distance_mm=max(residuals_mm),
        disagreement_deg=float(rotation_error_deg(found.pose, other)),
        disagreement_mm=float(np.linalg.norm((shadows[0] - shadows[1]) * camera.pixel_spacing_mm)),
        seen_share=min(seen_share(scene.anatomy, r, found.pose.numpy()) for r in scene.radiographs),
        depth_sigma_mm=uncertainty.in_depth_mm,
        searched=float(found.pool is not None),
    )


def _warnings(inputs: XrayCtInputs, evidence: XrayEvidence) -> tuple[str, ...]:
    warnings = []
    if len(inputs.radiographs) == 1 and evidence.depth_sigma_mm > 5:
        warnings.append(
            f"The distance from the source is uncertain by about {evidence.depth_sigma_mm:.0f} mm; "
            "a second view from another direction would determine it."
        )
    if evidence.seen_share < 0.5:
        warnings.append(
            f"The radiographs show {100 * evidence.seen_share:.0f} % of the bones of the CT only. "
            "Labels of the bones that are visible make the registration more certain."
        )
    return tuple(warnings)
