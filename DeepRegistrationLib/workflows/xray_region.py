"""The part of a radiograph that the anatomy can reach: coarse levels should show it, not its surroundings."""

import math

import numpy as np

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.optimize.radiograph_search import PoseRange
from DeepRegistrationLib.workflows.xray_anatomy import XrayAnatomy

# nearly all of a normal distribution lies within this many standard deviations
_DEVIATIONS = 3.0
# a part that is hardly smaller is not worth another pyramid
_SMALLER = 0.8


def within_reach(
    radiograph: Radiograph, anatomy: XrayAnatomy, start: np.ndarray, pose_range: PoseRange
) -> Radiograph:
    """The radiograph, cut down to where the bones may be seen.

    Args:
        radiograph: as it was taken.
        anatomy: its bones.
        start: (4, 4) float64; world from CT.
        pose_range: how far the start may be off.

    Returns:
        A radiograph with the camera of its pixels; the whole one if the bones may be anywhere, or nowhere.
    """
    camera = radiograph.camera
    points = anatomy.points_ras.numpy()
    shadows, depths = camera.project(points @ start[:3, :3].T + start[:3, 3])
    if not np.isfinite(shadows).all():
        return radiograph
    radius_mm = np.linalg.norm(points - anatomy.centre_ras, axis=1).max()
    # a turn moves the outermost points, at most to the other side
    turned_mm = 2 * radius_mm * math.sin(min(_DEVIATIONS * pose_range.turn_rad, math.pi) / 2)
    magnification = camera.source_to_detector_mm / depths.min()
    reach_px = (_DEVIATIONS * pose_range.shift_mm + turned_mm) * magnification / camera.pixel_spacing_mm
    size = np.array(camera.image_size_px)
    first = np.clip(np.floor(shadows.min(0) - reach_px), 0, size).astype(int)
    last = np.clip(np.ceil(shadows.max(0) + reach_px) + 1, 0, size).astype(int)
    # along the longer side, too: its length decides how large the pixels of the levels are
    if (last <= first).any() or (last - first).max() > _SMALLER * size.max():
        return radiograph
    (left, top), (right, bottom) = first.tolist(), last.tolist()
    if not bool(radiograph.used()[top:bottom, left:right].any()):
        return radiograph
    return radiograph.cropped((left, top), (right - left, bottom - top))
