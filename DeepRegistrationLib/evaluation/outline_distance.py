"""How far the edges of a projected bone lie from those of a real radiograph, where the CT shows a part of the
bone only.
"""

import dataclasses
import math

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.radiograph_search import PoseRange
from DeepRegistrationLib.workflows.xray_anatomy import XrayAnatomy
from DeepRegistrationLib.workflows.xray_region import within_reach
from DeepRegistrationLib.workflows.xray_residual import edge_distance_mm
from DeepRegistrationLib.workflows.xray_views import project_volumes

_CUT_MM = 3.0
"""On the detector, about the shadow of a face at which the CT ends: the bone goes on there."""
_AROUND = PoseRange(turn_rad=1e-3, shift_mm=5.0)
"""Three times that is more than edges are looked for."""


def outline_distance_mm(
    radiograph: Radiograph, anatomy: XrayAnatomy, label: Volume, world_from_bone: np.ndarray
) -> float:
    """`edge_distance_mm` of a bone, but for the face at which its CT ends.

    From each high edge of the projected bone the partner is the steepest rise of the radiograph along the
    normal, within 10 mm on both sides: not the nearest edge of anything. So a bone moved by d across an edge
    is d from it, and edges of other things lie about 5 mm away; along a straight shaft only its end tells.

    Args:
        radiograph: attenuation.
        anatomy: of the CT.
        label: other than 0 in the bone; the bone was cut where it reaches the border of the volume.
        world_from_bone: (4, 4); pose.

    Returns:
        Mean distance on the detector [mm]; infinite if the radiograph shows nothing of the bone.
    """
    # a small bone on a large radiograph is projected in its part only
    radiograph = within_reach(radiograph, anatomy, world_from_bone, _AROUND)
    seen = radiograph.used() & ~_near_cut(radiograph, label, world_from_bone)
    if not bool(seen.any()):
        return math.inf
    bone = project_volumes((anatomy.bone,), anatomy, radiograph, world_from_bone)[0].cpu()
    return edge_distance_mm(dataclasses.replace(radiograph, mask=seen), bone)


def moved_outline_distance_mm(
    radiograph: Radiograph,
    anatomy: XrayAnatomy,
    label: Volume,
    world_from_bone: np.ndarray,
    shift_mm: float,
) -> float:
    """What `outline_distance_mm` says of a known error: the bone moved along the detector's rows of pixels.

    Args:
        radiograph: attenuation.
        anatomy: of the CT.
        label: other than 0 in the bone.
        world_from_bone: (4, 4); pose.
        shift_mm: on the detector.

    Returns:
        Mean of both directions [mm].
    """
    camera = radiograph.camera
    _, depth_mm = camera.project(world_from_bone[:3, :3] @ anatomy.centre_ras + world_from_bone[:3, 3])
    step = camera.column_direction * shift_mm * depth_mm / camera.source_to_detector_mm
    found = []
    for sign in (-1, 1):
        moved = world_from_bone.copy()
        moved[:3, 3] += sign * step
        found.append(outline_distance_mm(radiograph, anatomy, label, moved))
    return float(np.mean(found))


def _near_cut(radiograph: Radiograph, label: Volume, world_from_bone: np.ndarray) -> torch.Tensor:
    """(rows, columns) bool; near the shadow of bone at the border of the volume."""
    inside = torch.zeros(label.values.shape, dtype=torch.bool)
    inside[1:-1, 1:-1, 1:-1] = True
    kji = torch.nonzero((label.values != 0) & ~inside).numpy()
    camera = radiograph.camera
    near = torch.zeros(camera.shape_px, dtype=torch.bool)
    matrix = world_from_bone @ label.geometry.ras_from_ijk
    shadows, _ = camera.project(kji[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3])
    at = np.round(shadows).astype(int)
    at = at[((at >= 0) & (at < np.array(camera.image_size_px))).all(-1)]
    near[at[:, 1], at[:, 0]] = True
    reach = [math.ceil(_CUT_MM / spacing) for spacing in camera.pixel_spacing_mm[::-1]]
    window = [2 * n + 1 for n in reach]
    return F.max_pool2d(near[None, None].float(), window, stride=1, padding=reach)[0, 0] > 0
