"""Slices and stacks cut from the phantom, on oblique grids with unequal spacing, far from the origin."""

import numpy as np
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from Testing.Lib.pictures import FAR, about

WEEK = 28
SPACING_MM = (1.3, 1.1, 3.0)


def slices_of_head(seed, count=1, offset_mm=6.0, motions=None):
    """A slice or a stack of a phantom that lies anywhere; (image, mask, atlas RAS from slice RAS).

    The head is turned at random; `motions` (count, 4, 4) move the head for each slice, in its own frame.
    """
    generator = torch.Generator().manual_seed(seed)
    head, plane = uniform_random_rotations(2, generator).double().numpy()
    slice_from_atlas = about(head, [0, 0, 0], FAR)
    matrix = np.eye(4)
    matrix[:3, :3] = plane * SPACING_MM
    size = np.array([88, 96, count])
    normal = plane[:, 2]
    matrix[:3, 3] = FAR + normal * offset_mm - matrix[:3, :3] @ ((size - 1) / 2)
    images, masks = [], []
    for number in range(count):
        one = matrix.copy()
        one[:3, 3] += number * matrix[:3, 2]
        motion = np.eye(4) if motions is None else motions[number]
        grid = VolumeGeometry((1, 96, 88), one)
        image, mask, _ = fetal_brain_phantom(WEEK, ras_from_phantom=slice_from_atlas @ motion, geometry=grid)
        images.append(image.values)
        masks.append(mask.values)
    geometry = VolumeGeometry((count, 96, 88), matrix)
    noise = 12 * torch.randn((count, 96, 88), generator=generator)
    whole = image.with_values(images[0], "slice")
    image = type(whole)(torch.cat(images) + noise, geometry, "slice")
    return image, type(whole)(torch.cat(masks), geometry, "mask"), np.linalg.inv(slice_from_atlas)


def angle_deg(first, second):
    """Angle between the rotations of two rigid maps."""
    cosine = (np.trace(first[:3, :3].T @ second[:3, :3]) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def apart_mm(first, second, image):
    """Distance between the places to which two maps send the middle of an image [mm]."""
    centre = np.append(image.geometry.centre_ras, 1.0)
    return float(np.linalg.norm((first @ centre - second @ centre)[:3]))


def mirrored_pose(atlas_from_slice, image):
    """The pose that shows the same slice of a brain whose sides are equal."""
    axes = image.geometry.ras_from_ijk[:3, :2] / image.geometry.spacing_mm[:2]
    normal = np.cross(axes[:, 0], axes[:, 1])
    centre = image.geometry.centre_ras
    behind = about(np.eye(3) - 2 * np.outer(normal, normal), centre, centre)
    return np.diag([-1.0, 1.0, 1.0, 1.0]) @ atlas_from_slice @ behind
