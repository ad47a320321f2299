"""Grids and pictures for geometry tests: oblique axes, unequal spacing, far origin; made with numpy alone."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume

FAR = np.array([5000.0, -3200.0, 4100.0])


def rotation(degrees_xyz):
    return Rotation.from_euler("xyz", degrees_xyz, degrees=True).as_matrix()


def oblique_geometry(shape_kji, spacing_mm, centre_ras, degrees_xyz=(20, -35, 50)):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(degrees_xyz) * spacing_mm
    matrix[:3, 3] = centre_ras - matrix[:3, :3] @ ((np.array(shape_kji[::-1]) - 1) / 2)
    return VolumeGeometry(shape_kji, matrix)


def rigid(degrees_xyz, translation):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(degrees_xyz)
    matrix[:3, 3] = translation
    return matrix


def about(linear, point, arrives_at):
    """(4, 4) map with this linear part that sends one point to another."""
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = np.asarray(arrives_at) - linear @ np.asarray(point)
    return matrix


def positions(geometry):
    """(K, J, I, 3) float64; RAS of the voxels."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape_kji), indexing="ij")
    return np.stack([i, j, k], -1) @ geometry.ras_from_ijk[:3, :3].T + geometry.ras_from_ijk[:3, 3]


def blob(geometry, centre_ras, sigma_mm=5.0):
    squared = ((positions(geometry) - centre_ras) ** 2).sum(-1)
    return Volume(torch.tensor(np.exp(-squared / (2 * sigma_mm**2)), dtype=torch.float32), geometry, "blob")


def ramp(geometry, gradient_per_mm, zero_at):
    values = (positions(geometry) - zero_at) @ np.asarray(gradient_per_mm)
    return Volume(torch.tensor(values, dtype=torch.float32), geometry, "ramp")


def brightest_ras(volume):
    """Centre of mass of a single blob [mm, RAS]."""
    weights = volume.values.double().numpy()[..., None]
    return (positions(volume.geometry) * weights).sum((0, 1, 2)) / weights.sum()
