"""Distance of the edges of the projected bones from those of a radiograph, in the plane of the detector."""

import math

import torch
import torch.nn.functional as F

from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.similarity.radiograph_filters import derivative_images, eroded

# on both sides of a projected edge its partner is looked for within this distance on the detector
_REACH_MM = 10.0
_STEPS = 41
# of all pixels of the projected bones, those with the highest edges
_EDGE_SHARE = 0.12
_LARGEST_PX = 256


def edge_distance_mm(radiograph: Radiograph, drr: torch.Tensor) -> float:
    """Mean distance of projected edges from the edge of the radiograph that belongs to them.

    Along the normal of every high edge of the projection, the steepest rise of the radiograph in the same
    direction is its partner: not the nearest one, for in a radiograph full of edges some edge is always near.
    Edges that have nothing to do with each other are 5 mm apart on average.

    Args:
        radiograph: attenuation.
        drr: (rows, columns); projection of the bones on its pixels.

    Returns:
        Mean distance [mm]; infinite where the projection shows no edge within the mask.

    Source: own definition.
    """
    radiograph, drr = _around_projection(radiograph, drr)
    factor = max(1, round(max(radiograph.camera.image_size_px) / _LARGEST_PX))
    small = radiograph.reduced(factor)
    projected = Radiograph(drr.float(), radiograph.camera).reduced(factor).values
    usable = eroded(small.used())
    across, down = derivative_images(projected[None])
    height = (across.square() + down.square()).sqrt() * usable
    edges = _ridge(height[0], across[0], down[0])
    positive = height[height > 0]
    if len(positive) == 0:
        return math.inf
    edges &= height[0] >= positive.quantile(1 - _EDGE_SHARE)
    rows, columns = torch.nonzero(edges, as_tuple=True)
    if len(rows) == 0:
        return math.inf
    normals = torch.stack([across[0][edges], down[0][edges]], -1) / height[0][edges][:, None]  # (P, 2)
    column_mm, row_mm = small.camera.pixel_spacing_mm
    # a normal in pixels per mm along it; pixels need not be square
    per_mm = normals / torch.tensor([column_mm, row_mm])
    per_mm = per_mm / (per_mm * torch.tensor([column_mm, row_mm])).norm(dim=-1, keepdim=True)
    offsets = torch.linspace(-_REACH_MM, _REACH_MM, _STEPS)
    at = torch.stack([columns, rows], -1)[:, None] + offsets[None, :, None] * per_mm[:, None]  # (P, T, 2)
    there = _sampled(torch.cat(derivative_images(small.values.float()[None])), usable, at)
    rise = (there * normals[:, None]).sum(-1)  # (P, T)
    best, where = rise.max(1)
    found = best > 0
    distances = torch.where(found, offsets[where].abs(), torch.tensor(_REACH_MM))
    return float(distances.mean())


def _around_projection(radiograph: Radiograph, drr: torch.Tensor) -> tuple[Radiograph, torch.Tensor]:
    """The part in which a projected edge can have a partner: a small bone keeps its fine pixels."""
    rows, columns = torch.nonzero((drr > 0) & radiograph.used(), as_tuple=True)
    if len(rows) == 0:
        return radiograph, drr
    margin = [math.ceil(_REACH_MM / spacing) + 2 for spacing in radiograph.camera.pixel_spacing_mm]
    width, height = radiograph.camera.image_size_px
    left, right = max(0, int(columns.min()) - margin[0]), min(width, int(columns.max()) + margin[0] + 1)
    top, bottom = max(0, int(rows.min()) - margin[1]), min(height, int(rows.max()) + margin[1] + 1)
    part = radiograph.cropped((left, top), (right - left, bottom - top))
    return part, drr[top:bottom, left:right]


def _ridge(height: torch.Tensor, across: torch.Tensor, down: torch.Tensor) -> torch.Tensor:
    """(rows, columns) bool; pixels higher than both neighbours along the steeper axis of the slope."""
    padded = F.pad(height[None, None], (1, 1, 1, 1))[0, 0]
    beside = torch.maximum(padded[1:-1, 2:], padded[1:-1, :-2])
    above = torch.maximum(padded[2:, 1:-1], padded[:-2, 1:-1])
    return height > torch.where(across.abs() > down.abs(), beside, above)


def _sampled(images: torch.Tensor, usable: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
    """(P, T, C); images (C, rows, columns) at positions (P, T, 2) of column and row; 0 where not usable."""
    return sample_plane((images * usable)[None], at[None], padding="zeros")[0].movedim(0, -1)
