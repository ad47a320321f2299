"""How far the surfaces of two shapes lie apart [mm]."""

from dataclasses import dataclass

import numpy as np
import torch
from monai.metrics.utils import get_mask_edges, get_surface_distance

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import box_around


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between the outermost voxels of two shapes.

    Attributes:
        average_mm: mean over the surfaces of both (average symmetric surface distance, ASSD); infinite if
            nothing was found.
        hausdorff_95_mm: the larger of the two distances that 95 % of a surface stay below; infinite as well.
    """

    average_mm: float
    hausdorff_95_mm: float


def surface_distance_mm(
    found: torch.Tensor, reference: torch.Tensor, geometry: VolumeGeometry
) -> SurfaceDistance:
    """Average symmetric surface distance and 95 % Hausdorff distance of two masks.

    Voxels may be of unequal edges; oblique axes change no distance.

    Args:
        found: (K, J, I); not 0 is inside.
        reference: (K, J, I); at least one voxel is inside.
        geometry: grid of both.

    Raises:
        ValueError: shapes that do not fit the grid, or an empty reference.

    Source: Heimann et al., "Comparison and evaluation of methods for liver segmentation from CT datasets",
        IEEE TMI 2009, section III; surfaces and distances by MONAI.
    """
    shapes = {tuple(found.shape), tuple(reference.shape), geometry.shape_kji}
    if len(shapes) != 1 or not bool((reference != 0).any()):
        raise ValueError(f"needs one grid and a reference with a voxel; got the shapes {sorted(shapes)}")
    if not bool((found != 0).any()):
        return SurfaceDistance(float("inf"), float("inf"))
    # distances are computed for every voxel of the box: only around the shapes, with a voxel of background
    box = box_around(
        (found != 0) | (reference != 0), geometry, margin_mm=2 * float(geometry.spacing_mm.max())
    )
    first, second = ((mask[box] != 0).cpu().numpy() for mask in (found, reference))
    # not compute_average_surface_distance(): in MONAI 1.6 it warns about an argument that it passes itself
    edges = get_mask_edges(first, second, crop=False)
    spacing_kji = geometry.spacing_mm[::-1].tolist()
    there = get_surface_distance(edges[0], edges[1], spacing=spacing_kji)
    back = get_surface_distance(edges[1], edges[0], spacing=spacing_kji)
    return SurfaceDistance(
        float(np.concatenate([there, back]).mean()),
        float(max(np.percentile(there, 95), np.percentile(back, 95))),
    )
