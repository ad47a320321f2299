"""How far each point lies from a surface, negative inside, and what the surface says about it there.

The surface is the smooth one on which the weighted planes of the vertices agree (implicit moving least
squares): smoother than the triangles, and right to a twentieth of their edges on round surfaces.
"""

import numpy as np
import torch
from scipy.spatial import cKDTree

from DeepRegistrationLib.data.bone_mesh import BoneMesh
from DeepRegistrationLib.geometry.grid import affine_grid
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

_NEIGHBOURS = 8
_STRIDE = 2
"""Voxels between the points at which the distance is computed; between them it is interpolated."""
_COARSE = 3
"""The same for the first look, relative to `_STRIDE`."""
_MARGIN_MM = 4.0
"""Distances are exact up to this far outside."""


def signed_distance(
    mesh: BoneMesh, points: np.ndarray, attributes: np.ndarray, tree: cKDTree | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Distance from a closed, smooth surface, and attributes of the surface nearby.

    Args:
        mesh: with edges shorter than its thinnest part.
        points: (P, 3) [mm].
        attributes: (N, A); of the vertices.
        tree: of the vertices, if there is one already.

    Returns:
        (P,); distance [mm], negative inside. (P, A); attributes, weighted by nearness.

    Source: Kolluri, "Provably good moving least squares", SODA 2005, eq. 1, with the nearest vertices only.
    """
    tree = tree or cKDTree(mesh.vertices)
    count = min(_NEIGHBOURS, len(mesh.vertices))
    apart, index = tree.query(points, k=count)
    # a width about the edge of a triangle keeps detail; further from the surface, neighbours become equal
    width = 0.7 * np.sqrt(2 * np.median(mesh.areas)) + 0.15 * apart[:, :1]
    weights = np.exp(-(apart**2 - apart[:, :1] ** 2) / (2 * width**2))
    weights /= weights.sum(1, keepdims=True)
    distance = np.zeros(len(points))
    nearby = np.zeros((len(points), attributes.shape[1]))
    for column in range(count):  # no (P, k, 3) array
        vertex = index[:, column]
        along = ((points - mesh.vertices[vertex]) * mesh.normals[vertex]).sum(1)
        distance += weights[:, column] * along
        nearby += weights[:, column, None] * attributes[vertex]
    return distance, nearby


def distance_on_grid(
    mesh: BoneMesh, attributes: np.ndarray, geometry: VolumeGeometry, mesh_from_ras: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Signed distance and attributes of a surface at every voxel.

    Far outside, where nothing depends on it, the distance is that of a first, coarse look.

    Args:
        mesh: closed surface.
        attributes: (N, A) of its vertices.
        geometry: grid in the world.
        mesh_from_ras: (4, 4); rigid.

    Returns:
        (K, J, I) float32 [mm], negative inside; (A, K, J, I) float32.
    """
    tree = cKDTree(mesh.vertices)
    coarse = thinned(geometry, _STRIDE * _COARSE)
    middle = thinned(geometry, _STRIDE)
    points = affine_grid(mesh_from_ras @ coarse.ras_from_ijk, coarse.shape_kji).reshape(-1, 3).numpy()
    distance, nearby = signed_distance(mesh, points, attributes, tree)
    first = torch.from_numpy(np.column_stack([distance, nearby]).T).float().reshape(-1, *coarse.shape_kji)
    values = refined(first, middle.shape_kji, _COARSE)
    # a distance changes by no more than the way: half a diagonal of a coarse cell
    reach = _MARGIN_MM + 0.5 * float(np.linalg.norm(coarse.spacing_mm))
    near = (values[0] < reach).reshape(-1).numpy()
    points = affine_grid(mesh_from_ras @ middle.ras_from_ijk, middle.shape_kji).reshape(-1, 3).numpy()[near]
    distance, nearby = signed_distance(mesh, points, attributes, tree)
    flat = values.reshape(len(values), -1)
    flat[:, torch.from_numpy(near)] = torch.from_numpy(np.column_stack([distance, nearby]).T).float()
    whole = refined(flat.reshape(values.shape), geometry.shape_kji, _STRIDE)
    return whole[0], whole[1:]


def thinned(geometry: VolumeGeometry, stride: int) -> VolumeGeometry:
    """Every n-th voxel of a grid, the last ones at or beyond its end."""
    shape = tuple(-(-(n - 1) // stride) + 1 for n in geometry.shape_kji)
    return VolumeGeometry(shape, geometry.ras_from_ijk @ np.diag([stride, stride, stride, 1.0]))


def refined(values: torch.Tensor, shape_kji: tuple[int, int, int], stride: int) -> torch.Tensor:
    """Linear interpolation between every n-th voxel.

    Args:
        values: (C, k, j, i); on a `thinned` grid, or a larger one.
        shape_kji: of the whole grid.
        stride: n.

    Returns:
        (C, K, J, I).
    """
    for axis, count in enumerate(shape_kji, start=1):  # one axis after the other: cheap, and exactly linear
        number = torch.arange(count, device=values.device)
        before = number // stride
        after = (before + 1).clamp(max=values.shape[axis] - 1)
        part = ((number % stride) / stride).to(values).reshape([-1 if a == axis else 1 for a in range(4)])
        values = torch.lerp(values.index_select(axis, before), values.index_select(axis, after), part)
    return values
