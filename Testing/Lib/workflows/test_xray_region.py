"""A small bone on a large radiograph is looked for where it may be."""

import math
from types import SimpleNamespace

import numpy as np
import torch

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.optimize.radiograph_search import PoseRange
from DeepRegistrationLib.workflows.xray_region import within_reach
from Testing.Lib.xray_case import MIDDLE, a_camera

NEAR = PoseRange(math.radians(5), 4.0)


def a_large_radiograph(mask=None):
    camera = a_camera(25.0, 10.0, pixels=300)
    values = torch.rand(camera.shape_px, generator=torch.Generator().manual_seed(0))
    return Radiograph(values, camera, mask)


def a_small_bone(size_mm=12.0):
    corners = np.stack(np.meshgrid(*[[-size_mm / 2, size_mm / 2]] * 3), -1).reshape(-1, 3)
    return SimpleNamespace(points_ras=torch.from_numpy(MIDDLE + corners), centre_ras=MIDDLE)


def test_the_part_keeps_its_pixels_and_their_rays():
    whole, bone = a_large_radiograph(), a_small_bone()
    part = within_reach(whole, bone, np.eye(4), NEAR)
    assert part.values.shape < whole.values.shape
    shift = part.camera.project(MIDDLE[None])[0] - whole.camera.project(MIDDLE[None])[0]
    column, row = np.round(-shift[0]).astype(int)
    rows, columns = part.values.shape
    assert torch.equal(part.values, whole.values[row : row + rows, column : column + columns])


def test_the_bone_stays_in_view_three_deviations_away():
    bone = a_small_bone()
    part = within_reach(a_large_radiograph(), bone, np.eye(4), NEAR)
    for direction in (part.camera.column_direction, -part.camera.row_direction):
        moved = bone.points_ras.numpy() + 3 * NEAR.shift_mm * direction
        shadows, _ = part.camera.project(moved)
        assert (shadows >= 0).all()
        assert (shadows <= np.array(part.camera.image_size_px) - 1).all()


def test_a_wide_search_keeps_the_whole_radiograph():
    whole = a_large_radiograph()
    assert within_reach(whole, a_small_bone(), np.eye(4), PoseRange(math.radians(30), 55.0)) is whole


def test_the_mask_is_cut_alike():
    camera = a_camera(25.0, 10.0, pixels=300)
    mask = torch.rand(camera.shape_px, generator=torch.Generator().manual_seed(1)) > 0.3
    whole = a_large_radiograph(mask)
    part = within_reach(whole, a_small_bone(), np.eye(4), NEAR)
    values = torch.where(mask, whole.values, torch.tensor(-1.0))
    cut = within_reach(Radiograph(values, whole.camera), a_small_bone(), np.eye(4), NEAR).values
    assert torch.equal(part.mask, cut >= 0)
