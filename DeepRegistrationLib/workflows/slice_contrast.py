"""T1-weighted slices made to look T2-weighted, each within its own plane.

After Mohseni Salehi et al., arXiv:1803.05982, section 3.4, where the generator translates slices too. It was
trained on slices of every orientation, so a slice that lies anyhow needs no other.
"""

from dataclasses import replace

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.intensity import normalize_robust
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2, translated
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice


def slices_as_t2(part: PreparedSlice, radius_mm: float) -> PreparedSlice:
    """Translates prepared T1-weighted slices with the generator of the catalogue.

    Args:
        part: one slice or a stack, T1-weighted.
        radius_mm: of the brain that they were cut from, as the age tells it: the generator's unit of length.

    Returns:
        The slices on the same grid, again 0.1..1 inside; mask, centroid and numbers are those of `part`.

    Raises:
        InputError: the catalogue has no such model.
        RegistrationError: its weights are missing or damaged.
    """
    generator = load_model(T1_TO_T2, part.image.values.device)
    grid = find_model(T1_TO_T2).input_grid
    return slices_like_t2(part, generator, grid.size, grid.half_edge_radii * radius_mm)


def slices_like_t2(
    part: PreparedSlice, generator: ContrastGenerator, size: int, half_edge_mm: float
) -> PreparedSlice:
    """Translates prepared T1-weighted slices.

    Args:
        part: one slice or a stack, T1-weighted.
        generator: trained for T1 to T2, in evaluation mode, on the device of the slices.
        size: pixels along each edge of what the generator sees; a multiple of its 2^depth.
        half_edge_mm: from the centroid to the centre of the first and of the last pixel [mm].

    Returns:
        As `slices_as_t2`.
    """
    plane = _squares(part, size, half_edge_mm)
    image, mask = (resample(level, plane) for level in part.level(float(plane.spacing_mm[0])))
    inside = mask.values > 0.5
    weight = inside.float()
    # smoothing mixed the surface with the background: what is left of the brain in each pixel is taken
    values = image.values / mask.values.clamp(min=0.5) * weight
    made = 0.1 + 0.9 * normalize_robust(translated(2 * values - 1, inside, generator), inside)
    back, share = (
        resample(image.with_values(entry), part.image.geometry).values for entry in (made * weight, weight)
    )
    # the coarse mask may miss pixels at the surface: they keep what they showed
    known = share > 0.25
    seen = torch.where(known, (back / share.clamp(min=0.25)).clamp(0.1, 1.0), part.image.values)
    return replace(part, image=part.image.with_values(seen * part.mask.values))


def _squares(part: PreparedSlice, size: int, half_edge_mm: float) -> VolumeGeometry:
    """Grid of square pixels about the centroid, in the planes of the slices.

    Args:
        part: the slices.
        size: pixels along each edge.
        half_edge_mm: from the centroid to the centre of the first and of the last pixel [mm].
    """
    old = part.image.geometry
    pixel_mm = 2 * half_edge_mm / (size - 1)
    centre_ijk = old.ijk_from_ras @ np.append(part.centre_ras, 1.0)
    in_first_plane = (old.ras_from_ijk @ np.array([centre_ijk[0], centre_ijk[1], 0.0, 1.0]))[:3]
    matrix = old.ras_from_ijk.copy()
    matrix[:3, :2] = part.ras_from_slice[:, :2] * pixel_mm
    matrix[:3, 3] = in_first_plane - half_edge_mm * part.ras_from_slice[:, :2].sum(1)
    return VolumeGeometry((old.shape_kji[0], size, size), matrix)
