"""Calibration, row order and voxel order on real radiographs: a bone lies where both views show it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.xmalab_camera import read_xmalab_camera
from DeepRegistrationLib.projection.projector import project

WRIST = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray" / "autoscoper-wrist"
pytestmark = pytest.mark.skipif(
    not WRIST.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)
# of the radius, from the sample trial that Autoscoper writes for these images; the TIFF tags are wrong
SPACING_MM = (0.39625, 0.39625, 0.625)
# where a registration from 36 starts put the radius in frame 2: calibration frame from the volume's middle
WORLD_FROM_RADIUS = (
    (-0.95670211, 0.28894220, 0.03512078, 107.6932),
    (-0.01595674, -0.17254433, 0.98487250, 158.7741),
    (0.29063112, 0.94166919, 0.16968410, 75.2527),
    (0.0, 0.0, 0.0, 1.0),
)
# part of each radiograph around the radius: first column and row, columns and rows
PARTS = [((560, 960), (640, 800)), ((300, 960), (640, 800))]


@pytest.fixture(scope="module")
def the_radius():
    slices = []
    with Image.open(WRIST / "ct_rad.tif") as pages:
        for k in range(pages.n_frames):
            pages.seek(k)
            slices.append(np.array(pages, dtype=np.float32))
    values = torch.from_numpy(np.stack(slices)) / 4095
    matrix = np.diag([*SPACING_MM, 1.0])
    matrix[:3, 3] = -np.array(SPACING_MM) * (np.array(values.shape)[::-1] - 1) / 2
    return values[None, None], VolumeGeometry(tuple(values.shape), matrix)


def edges(image):
    across, down = image[1:-1, 2:] - image[1:-1, :-2], image[2:, 1:-1] - image[:-2, 1:-1]
    return torch.stack([across, down])


def agreement(radius, pose, mirrored=False):
    """Mean correlation of the edges of both radiographs with those of the projected bone."""
    values, geometry = radius
    values = values.flip(-1) if mirrored else values
    found = []
    for view, (first, size) in enumerate(PARTS, start=1):
        camera = read_xmalab_camera(WRIST / f"calib_cam0{view}.txt", 1400.0)
        camera = camera.cropped(first, size).resized((size[0] // 8, size[1] // 8))
        projected = edges(project(values, geometry, camera, torch.tensor(pose)[None].double())[0, 0])
        with Image.open(WRIST / f"cam0{view}_frame0002.tif") as file:
            pixels = np.array(file, dtype=np.float32)
        pixels = pixels[first[1] : first[1] + size[1], first[0] : first[0] + size[0]]
        seen = edges(torch.nn.functional.avg_pool2d(-torch.from_numpy(pixels).clamp(min=4).log()[None], 8)[0])
        both = torch.stack([projected.flatten(1), seen.flatten(1)])
        both = both - both.mean(-1, keepdim=True)
        both = both / both.norm(dim=-1, keepdim=True)
        found.append((both[0] * both[1]).sum(-1).mean().item())
    return float(np.mean(found))


def test_the_projected_bone_lies_on_the_bone_in_both_views(the_radius):
    best = agreement(the_radius, WORLD_FROM_RADIUS)
    assert best > 0.1
    for axis in range(3):
        for shift in (-4.0, 4.0):
            moved = np.array(WORLD_FROM_RADIUS)
            moved[axis, 3] += shift
            # least along the shaft, whose edges slide along themselves
            assert agreement(the_radius, moved.tolist()) < 0.85 * best


def test_a_mirrored_bone_does_not_fit(the_radius):
    best = agreement(the_radius, WORLD_FROM_RADIUS)
    assert agreement(the_radius, WORLD_FROM_RADIUS, mirrored=True) < 0.8 * best
