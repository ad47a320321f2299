"""What each view of a result shows: projected CT, similarity, distance of edges."""

from collections.abc import Sequence

import numpy as np
import torch

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.workflows.xray_anatomy import XrayAnatomy
from DeepRegistrationLib.workflows.xray_residual import edge_distance_mm
from DeepRegistrationLib.workflows.xray_result import XrayView


def make_view(
    anatomy: XrayAnatomy, radiograph: Radiograph, world_from_ct: np.ndarray, start: np.ndarray
) -> XrayView:
    """One view at the answer.

    Args:
        anatomy: components of the CT.
        radiograph: of the view.
        world_from_ct: (4, 4); the answer.
        start: (4, 4); the start pose.
    """
    # the border of the whole bone is what is drawn, and what edges are measured from
    shown = (anatomy.bone, anatomy.whole)
    at_answer, at_start = (
        project_volumes(shown, anatomy, radiograph, pose) for pose in (world_from_ct, start)
    )
    reduced = radiograph.reduced(max(1, round(max(radiograph.camera.image_size_px) / 128)))
    measure = gradient_correlation(reduced.values, reduced.used())
    small = project_volumes(anatomy.components, anatomy, reduced, world_from_ct)
    return XrayView(
        radiograph=radiograph,
        camera_from_ct=radiograph.camera.camera_from_world @ world_from_ct,
        drr=at_answer[1].float().cpu(),
        drr_start=at_start[1].float().cpu(),
        similarity=float(measure.similarity(small[None])[0]),
        residual_mm=edge_distance_mm(radiograph, at_answer[0].cpu()),
        residual_start_mm=edge_distance_mm(radiograph, at_start[0].cpu()),
        bones=at_answer[0].float().cpu(),
    )


def project_volumes(
    volumes: Sequence[Volume], anatomy: XrayAnatomy, radiograph: Radiograph, world_from_ct: np.ndarray
) -> torch.Tensor:
    """(C, rows, columns); volumes on the grid of the anatomy as this radiograph's camera sees them."""
    values = torch.stack([volume.values for volume in volumes])[None]
    pose = torch.from_numpy(np.array(world_from_ct, dtype=np.float64))[None]
    camera, geometry = radiograph.camera, anatomy.bone.geometry
    # neither finer than a voxel nor finer than a pixel can show
    depth_mm = camera.project((world_from_ct[:3, :3] @ anatomy.centre_ras + world_from_ct[:3, 3])[None])[1][0]
    pixel_mm = min(camera.pixel_spacing_mm) * max(float(depth_mm), 1.0) / camera.source_to_detector_mm
    step_mm = max(float(geometry.spacing_mm.min()), min(pixel_mm, float(geometry.spacing_mm.max()) * 2))
    return project(values, geometry, camera, pose, ProjectionSettings(step_mm=step_mm))[0]


def seen_share(anatomy: XrayAnatomy, radiograph: Radiograph, world_from_ct: np.ndarray) -> float:
    """Part of the projected bones that falls on pixels in use, 0..1."""
    factor = max(1, round(max(radiograph.camera.image_size_px) / 64))
    small = radiograph.reduced(factor)
    columns, rows = small.camera.image_size_px
    wide = small.camera.cropped((-columns, -rows), (3 * columns, 3 * rows))
    values = anatomy.bone.values[None, None]
    pose = torch.from_numpy(np.array(world_from_ct, dtype=np.float64))[None]
    shadow = project(values, anatomy.bone.geometry, wide, pose, ProjectionSettings(step_mm=4.0))[0, 0]
    inside = shadow[rows : 2 * rows, columns : 2 * columns][small.used()].sum()
    return float(inside / shadow.sum().clamp(min=1e-9))
