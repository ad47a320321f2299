"""Poses and exact line integrals for tests of the projector; the integrals are written without a camera."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.rigid import se3_exp
from Testing.Lib.pictures import FAR


def pose_about_far(twists):
    """(..., 4, 4) rigid motions about the point FAR."""
    to_far = torch.eye(4, dtype=torch.float64)
    to_far[:3, 3] = torch.from_numpy(FAR)
    return to_far @ se3_exp(twists) @ torch.linalg.inv(to_far)


def relative_difference(found, expected):
    """Largest difference over the largest value, image by image of the dimension that is third from last."""
    difference = (found.double() - expected.double()).abs().amax((-1, -2))
    return float((difference / expected.double().abs().amax((-1, -2)).clamp_min(1e-30)).max())


def pixel_positions(camera):
    """(rows, columns, 3) float64 [mm, RAS]."""
    rows, columns = camera.shape_px
    u, v = np.meshgrid(np.arange(columns), np.arange(rows))
    origin, column, row = camera.detector_origin_ras, camera.column_direction, camera.row_direction
    spacing = camera.pixel_spacing_mm
    return origin + u[..., None] * spacing[0] * column + v[..., None] * spacing[1] * row


def distances_from(point, camera):
    """(rows, columns); distance of each ray from a point [mm]."""
    along = pixel_positions(camera) - camera.source_ras
    return np.linalg.norm(np.cross(along, point - camera.source_ras), axis=-1) / np.linalg.norm(
        along, axis=-1
    )


def box_chords(geometry, camera):
    """Length of each ray within the voxels of a grid, and how near to an edge of the box it comes.

    Returns:
        chords (rows, columns) [mm]; distances (rows, columns) of the rays from the nearest edge of the faces
        they cross, while they cross the fading border [voxels].
    """
    along = pixel_positions(camera) - camera.source_ras
    matrix = geometry.ijk_from_ras
    start, towards = matrix[:3, :3] @ camera.source_ras + matrix[:3, 3], along @ matrix[:3, :3].T
    low, high = np.full(3, -0.5), geometry.size_ijk - 0.5  # faces lie half a voxel outside of the centres
    one, other = (low - start) / towards, (high - start) / towards
    enter, leave = np.minimum(one, other), np.maximum(one, other)
    first, last = enter.max(-1), leave.min(-1)
    margins = []
    for fraction, axis in ((first, enter.argmax(-1)), (last, leave.argmin(-1))):
        crossing = start + fraction[..., None] * towards
        # half a voxel before and behind the face the border still fades: the ray moves on sideways meanwhile
        slope = np.abs(towards) / np.abs(np.take_along_axis(towards, axis[..., None], -1))
        inside = np.minimum(crossing - low, high - crossing) - slope / 2
        np.put_along_axis(inside, axis[..., None], np.inf, -1)
        margins.append(inside.min(-1))
    return np.maximum(last - first, 0) * np.linalg.norm(along, axis=-1), np.minimum(*margins)
