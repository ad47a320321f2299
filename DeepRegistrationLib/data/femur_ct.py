"""From a surface to a CT: cortical shell, trabecular bone, marrow, with partial volume; and its labels."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch

from DeepRegistrationLib.data.femur_regions import FemurRegions
from DeepRegistrationLib.data.signed_distance import distance_on_grid, refined
from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.geometry.grid import affine_grid
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry


class FemurLabel(IntEnum):
    """Labels of a synthetic femur; all of them together are the femur."""

    CANCELLOUS = 1
    HEAD = 2
    CORTICAL = 3
    MARROW = 4


@dataclass(frozen=True)
class BoneDensity:
    """Densities of one femur; those of an average adult by default.

    Attributes:
        cortical_hu: of the shaft's cortical bone [HU].
        thickness: factor on the thickness of the cortical bone.
        head_hu: of the trabecular bone in the head [HU].
        metaphysis_hu: of the trabecular bone below the trochanters [HU].
        marrow_hu: of the cavity of the shaft, yellow marrow [HU].
        band_hu: by which the compressive trabeculae from the medial neck to the top of the head are denser
            [HU].
        triangle_hu: by which the neck between the bands (Ward's triangle) is less dense [HU].
        texture: relative standard deviation of the trabecular pattern.
        transition_mm: over which cortical bone becomes trabecular [mm].

    Source: ranges of clinical CTs (Schreiber et al., JBJS 2011, and ../shared/data's CTs of hips).
    """

    cortical_hu: float = 1500.0
    thickness: float = 1.0
    head_hu: float = 330.0
    metaphysis_hu: float = 130.0
    marrow_hu: float = -40.0
    band_hu: float = 170.0
    triangle_hu: float = 90.0
    texture: float = 0.15
    transition_mm: float = 1.2


@dataclass(frozen=True, eq=False)
class FemurField:
    """What a shape says at each voxel.

    Attributes:
        distance: (K, J, I) float32; from the surface, negative inside [mm].
        thickness: (K, J, I) float32; of the cortical bone nearby [mm].
        density: (K, J, I) float32; of the cortical bone nearby, relative to the shaft's.
        place: (3, K, J, I) float32; where the voxel would lie in the template [radii of its head].
    """

    distance: torch.Tensor
    thickness: torch.Tensor
    density: torch.Tensor
    place: torch.Tensor


def femur_field(
    regions: FemurRegions, vertices: np.ndarray, geometry: VolumeGeometry, femur_from_ras: np.ndarray
) -> FemurField:
    """Surface and anatomy on a grid.

    Args:
        regions: of the template.
        vertices: (N, 3); a shape in the frame of `femur_frame.py` [mm].
        geometry: grid in the world.
        femur_from_ras: (4, 4); rigid: where the femur stands.
    """
    mesh = regions.template.with_vertices(vertices)
    shift = vertices - regions.template.vertices
    attributes = np.column_stack([regions.thickness_mm, regions.density, shift])
    distance, nearby = distance_on_grid(mesh, attributes, geometry, femur_from_ras)
    points = affine_grid(femur_from_ras @ geometry.ras_from_ijk, geometry.shape_kji).movedim(-1, 0).float()
    return FemurField(distance, nearby[0], nearby[1], (points - nearby[2:]) / regions.radius_mm)


def femur_ct(
    field: FemurField,
    density: BoneDensity,
    outside_hu: torch.Tensor,
    voxel_mm: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """CT numbers and labels of a femur.

    Args:
        field: of the shape.
        density: of the bone.
        outside_hu: (K, J, I); what is around the femur [HU].
        voxel_mm: size over which the edge of the bone is blurred [mm].
        generator: of the trabecular pattern.

    Returns:
        (K, J, I) float32 [HU]; (K, J, I) uint8 of `FemurLabel`, 0 outside.
    """
    depth = -field.distance
    thickness = density.thickness * field.thickness
    inside = (0.5 + depth / voxel_mm).clamp(0, 1)
    cortical = (0.5 + (thickness - depth) / (voxel_mm + density.transition_mm)).clamp(0, 1)
    trabecular = _trabecular_hu(field, depth - thickness, density, generator)
    shell = 50 + (density.cortical_hu - 50) * field.density
    bone = cortical * shell + (1 - cortical) * trabecular
    values = inside * bone + (1 - inside) * outside_hu
    return values, _labels(field, depth, thickness)


def _labels(field: FemurField, depth: torch.Tensor, thickness: torch.Tensor) -> torch.Tensor:
    place = field.place
    head = _in_head(place) > 0.5
    labels = torch.full(depth.shape, int(FemurLabel.CANCELLOUS), dtype=torch.uint8)
    labels[(_in_shaft(place) > 0.5)] = int(FemurLabel.MARROW)
    labels[depth < thickness] = int(FemurLabel.CORTICAL)
    labels[head] = int(FemurLabel.HEAD)
    labels[depth <= 0] = 0
    return labels


def _trabecular_hu(
    field: FemurField, below_cortex: torch.Tensor, density: BoneDensity, generator: torch.Generator
) -> torch.Tensor:
    """(K, J, I); what fills the bone [HU]."""
    place = field.place
    shaft, head = _in_shaft(place), _in_head(place)
    values = density.marrow_hu + (1 - shaft) * (density.metaphysis_hu - density.marrow_hu)
    values = values + head * (density.head_hu - values)
    # principal compressive group: from the medial neck upwards to the top of the head
    start, end = torch.tensor([0.75, 0.0, -1.7]), torch.tensor([-0.15, 0.0, 0.85])
    values = values + density.band_hu * torch.exp(-_from_line(place, start, end).square() / (2 * 0.38**2))
    neck = torch.tensor([1.25, 0.05, -0.55])[:, None, None, None]
    values = values - density.triangle_hu * torch.exp(-(place - neck).square().sum(0) / (2 * 0.5**2))
    # trabeculae are denser where they meet the cortex
    values = values + 150 * (1 - shaft) * torch.exp(-below_cortex.clamp(min=0) / 2.5)
    fine = _texture(tuple(values.shape), generator)  # (K, J, I)
    return values + density.texture * (values - density.marrow_hu).clamp(min=0) * fine


def _in_head(place: torch.Tensor) -> torch.Tensor:
    """1 in the head, 0 beyond the plane where the neck begins, soft between."""
    # the neck leaves the head downwards and laterally, about 45 degrees below the horizontal
    along = (0.77 * place[0] - 0.64 * place[2] - 0.6) / 0.15
    distance = (place.square().sum(0).sqrt() - 1.12) / 0.15
    return torch.sigmoid(-4 * along) * torch.sigmoid(-4 * distance)


def _in_shaft(place: torch.Tensor) -> torch.Tensor:
    """1 in the marrow cavity of the shaft, 0 in the ends of the bone."""
    return _soft_step(-1.9, -3.4, place[2]) * (1 - _soft_step(-12.0, -14.5, place[2]))


def _from_line(place: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """(K, J, I); distance from a piece of a line [radii]."""
    line = end - start
    offset = place - start[:, None, None, None]
    part = (torch.tensordot(line, offset, dims=1) / line.square().sum()).clamp(0, 1)
    return (offset - part * line[:, None, None, None]).square().sum(0).sqrt()


def _soft_step(zero_at: float, one_at: float, values: torch.Tensor) -> torch.Tensor:
    part = ((values - zero_at) / (one_at - zero_at)).clamp(0, 1)
    return part * part * (3 - 2 * part)


def _texture(shape_kji: tuple[int, int, int], generator: torch.Generator) -> torch.Tensor:
    """(K, J, I); pattern with structures of a few voxels and of a few mm, standard deviation about 1."""
    half = tuple(-(-n // 2) + 1 for n in shape_kji)
    noise = torch.randn(1, 1, *half, generator=generator)
    fine = torch.nn.functional.avg_pool3d(noise, 3, stride=1, padding=1, count_include_pad=False) * 27**0.5
    large = random_field(1, 1, max(half), 24, 3, generator)[:, :, : half[0], : half[1], : half[2]]
    return refined((0.6 * fine + 0.8 * large)[0], shape_kji, 2)[0]
