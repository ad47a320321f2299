"""What lies around a femur in a CT: the hip bone, the tibia, muscle, fat and air."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_split import BiplanarSplit, subject_name
from DeepRegistrationLib.data.bone_mesh import BoneMesh, read_stl
from DeepRegistrationLib.data.femur_frame import find_sphere
from DeepRegistrationLib.data.femur_meshes import RealFemur, Side
from DeepRegistrationLib.data.signed_distance import distance_on_grid, refined, thinned
from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.geometry.grid import affine_grid, index_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import Box, cropped_geometry

_SOCKETS_MM = (18.0, 34.0)
_SAME_SCAN_MM = 12.0
"""A socket that is no further from the head lies in the same scan as the femur."""
_RAS_FROM_ISB = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
"""Pelves that come alone lie in the frame of the International Society of Biomechanics: x anterior, y up, z
right (Wu et al., J. Biomech. 2002)."""
_GAP_MM = 2.5
"""Cartilage between head and socket."""


@dataclass(frozen=True, eq=False)
class Neighbour:
    """A bone beside the femur.

    Attributes:
        mesh: in the frame of its own subject's right femur [mm]; the hip's centre, or the lower end of the
            femur for a tibia, is the origin.
        head_radius_mm: of its own subject's femur; its size follows that of the new femur.
        at_hip: it is anchored at the hip, else at the knee.
    """

    mesh: BoneMesh
    head_radius_mm: float
    at_hip: bool


@dataclass(frozen=True)
class SoftTissue:
    """Around one femur; an average thigh by default.

    Attributes:
        muscle_hu: of muscle [HU].
        fat_hu: of fat [HU].
        fat_mm: thickness of the fat under the skin [mm].
        half_width_mm: of the thigh, from side to side [mm].
        half_depth_mm: of the thigh, from front to back [mm].
        marbling: share of the muscle's volume that is fat between its bundles.
        bone_hu: of the spongy part of neighbouring bones [HU].
        shell_hu: of their surface [HU].
    """

    muscle_hu: float = 55.0
    fat_hu: float = -100.0
    fat_mm: float = 15.0
    half_width_mm: float = 95.0
    half_depth_mm: float = 85.0
    marbling: float = 0.12
    bone_hu: float = 220.0
    shell_hu: float = 800.0


def load_neighbours(
    folder: Path, femora: tuple[RealFemur, ...], split: BiplanarSplit, unit_mm: float = 1.0
) -> tuple[Neighbour, ...]:
    """Pelves and tibiae of the subjects of a split.

    Args:
        folder: with files `SUBJECT_pelvis*.stl` and `SUBJECT_tibia_r.stl`.
        femora: of this folder.
        split: whose bones are wanted.
        unit_mm: what 1 in the files means [mm].

    Returns:
        May be empty.
    """
    found = []
    for femur in femora:
        if femur.split is not split or femur.side is not Side.RIGHT:
            continue
        for bone, place in (("_pelvis", _hip), ("_tibia_r", _knee)):
            paths = sorted(path for path in folder.glob("*.stl") if bone in path.stem)
            owned = [path for path in paths if subject_name(path.stem.partition(bone)[0]) == femur.subject]
            found += [place(read_stl(path, unit_mm), femur) for path in owned]
    return tuple(found)


def surroundings_hu(
    geometry: VolumeGeometry,
    femur_from_ras: np.ndarray,
    neighbours: tuple[tuple[Neighbour, np.ndarray], ...],
    tissue: SoftTissue,
    lateral_mm: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """CT numbers of everything but the femur.

    Args:
        geometry: grid in the world.
        femur_from_ras: (4, 4); rigid.
        neighbours: bones, each with the map (4, 4) that carries its own frame to the femur's.
        tissue: around the bones.
        lateral_mm: how far the femur reaches sideways; the skin is beyond.
        generator: of the pattern of the muscles.

    Returns:
        (K, J, I) float32 [HU].
    """
    values = refined(
        _soft_tissue_hu(thinned(geometry, 2), femur_from_ras, tissue, lateral_mm, generator)[None],
        geometry.shape_kji,
        2,
    )[0]
    for neighbour, femur_from_neighbour in neighbours:
        mesh = neighbour.mesh.moved(femur_from_neighbour)
        box = points_box(mesh.moved(np.linalg.inv(femur_from_ras)).vertices, geometry, margin_mm=3.0)
        if box is None:
            continue
        distance, _ = distance_on_grid(
            mesh, np.zeros((len(mesh.vertices), 0)), cropped_geometry(geometry, box), femur_from_ras
        )
        share = (0.5 - distance / 1.0).clamp(0, 1)
        shell = (0.5 + (1.4 + distance) / 1.5).clamp(0, 1)
        bone = tissue.bone_hu + shell * (tissue.shell_hu - tissue.bone_hu)
        values[box] += share * (bone - values[box])
    return values


def points_box(points: np.ndarray, geometry: VolumeGeometry, margin_mm: float) -> Box | None:
    """The part of a grid around points.

    Args:
        points: (N, 3) [mm, RAS].
        geometry: the grid.
        margin_mm: added on every side [mm].

    Returns:
        Slices along k, j, i; None if the points are all beside the grid.
    """
    ijk = points @ geometry.ijk_from_ras[:3, :3].T + geometry.ijk_from_ras[:3, 3]
    first = np.maximum(np.floor(ijk.min(0) - margin_mm / geometry.spacing_mm), 0).astype(int)
    end = np.minimum(np.ceil(ijk.max(0) + margin_mm / geometry.spacing_mm) + 1, geometry.size_ijk).astype(int)
    if (end <= first).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(first, end, strict=True))
    return k, j, i


def _soft_tissue_hu(
    geometry: VolumeGeometry,
    femur_from_ras: np.ndarray,
    tissue: SoftTissue,
    lateral_mm: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """(K, J, I) float32; a thigh of muscle, fat and skin, air around it [HU]."""
    x, y, _ = affine_grid(femur_from_ras @ geometry.ras_from_ijk, geometry.shape_kji).float().unbind(-1)
    centre_x = lateral_mm + tissue.fat_mm + 12.0 - tissue.half_width_mm
    reach = ((x - centre_x) / tissue.half_width_mm).square() + (y / tissue.half_depth_mm).square()
    depth = (1 - reach.sqrt()) * min(tissue.half_width_mm, tissue.half_depth_mm)
    fascia, bundles = _patterns(geometry.shape_kji, generator)
    muscle = torch.sigmoid((depth - tissue.fat_mm - 3 * fascia) / 0.8)
    threshold = float(torch.distributions.Normal(0, 1).icdf(torch.tensor(1 - tissue.marbling)))
    muscle = muscle * torch.sigmoid(-(bundles - threshold) / 0.15)
    values = tissue.fat_hu + (tissue.muscle_hu - tissue.fat_hu) * muscle
    return torch.where(depth > 0, values, torch.full_like(values, -1000.0))


def _patterns(
    shape_kji: tuple[int, int, int], generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two smooth patterns (K, J, I): of the layers of fat, and of the bundles of muscle."""
    size = 48
    fields = [random_field(1, 1, size, points, 3, generator) for points in (7, 16)]
    index = index_grid(shape_kji) * ((size - 1) / torch.tensor([max(n - 1, 1) for n in shape_kji[::-1]]))
    index = torch.stack([index[..., 0], index[..., 1], 0.5 * index[..., 2]], -1)  # muscles are long in z
    large, small = sample(torch.cat(fields, 1), index[None], padding="border")[0]
    return large, small


def _hip(pelvis: BoneMesh, femur: RealFemur) -> Neighbour:
    """A pelvis in the frame of the right femur of its subject, its socket around the head."""
    radius = femur.frame.head_radius_mm
    placed = pelvis.moved(femur.frame.femur_from_mesh)
    socket, size = _socket_near(placed, np.zeros(3))
    if np.linalg.norm(socket) > _SAME_SCAN_MM:
        placed = pelvis.moved(_map(_RAS_FROM_ISB))
        right = placed.vertices[:, 0].max()  # right is +x here, and the pelvis is centred on x = 0
        socket, size = _socket_near(placed, np.array([0.65 * right, 0.0, np.median(placed.vertices[:, 2])]))
    scale = (radius + _GAP_MM) / size
    return Neighbour(placed.with_vertices((placed.vertices - socket) * scale), radius, at_hip=True)


def _socket_near(pelvis: BoneMesh, point: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and radius of the socket in the half of the pelvis around a point."""
    kept = np.linalg.norm((pelvis.vertices - point)[:, :2], axis=1) < 75.0
    triangles = pelvis.triangles[kept[pelvis.triangles].all(1)]
    index = np.cumsum(kept) - 1
    part = BoneMesh(pelvis.vertices[kept], index[triangles], pelvis.name)
    centre, radius, _ = find_sphere(part, _SOCKETS_MM, hollow=True)
    return centre, radius


def _knee(tibia: BoneMesh, femur: RealFemur) -> Neighbour:
    placed = tibia.moved(femur.frame.femur_from_mesh)
    lowest = femur.mesh.vertices[np.argmin(femur.mesh.vertices[:, 2])]
    return Neighbour(placed.with_vertices(placed.vertices - lowest), femur.frame.head_radius_mm, at_hip=False)


def _map(linear: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    return matrix
