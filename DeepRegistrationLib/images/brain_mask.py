"""A brain mask when none is given: the largest compact object that is not background; also in one slice.

Reconstructed fetal volumes are mostly masked already, with thin slabs of other tissue left around the brain;
others show the whole field of view on a dark background. Opening by a ball cuts thin bridges, the largest
piece stays.
"""

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.crop import box_around, cropped, cropped_geometry, reached_box
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume

_GRID_MM = 2.5
"""Resolution of the search: fine enough for the outline of a brain of 50 mL."""
_OPENING_MM = 7.5
"""Bridges thinner than twice this are cut; the brainstem stays with the brain at this value."""
_EDGE = 0.2
"""Share of bright tissue that a voxel at the surface must reach: between partial volume and dark tissue."""


def find_brain_mask(volume: Volume) -> Volume:
    """Finds the brain in a volume without labels.

    Args:
        volume: image, float; background is dark. A volume of one slice (along k) is searched in its plane.

    Returns:
        Mask (bool) on the grid of `volume`.

    Raises:
        InputError: nothing stands out from the background.
    """
    flat = volume.geometry.shape_kji[0] == 1
    coarse = downsample(volume, (_GRID_MM, _GRID_MM, volume.geometry.spacing_mm[2]) if flat else _GRID_MM)
    values = coarse.values.cpu().numpy()
    threshold = _background_threshold(values)
    foreground = values > threshold
    radius = max(1, round(_OPENING_MM / _GRID_MM))
    core = ndimage.binary_erosion(foreground, _ball(radius, flat))
    pieces, count = ndimage.label(core)
    if count == 0:
        # small brains on coarse grids: gentler opening before giving up
        radius = 1
        core = ndimage.binary_erosion(foreground, _ball(radius, flat))
        pieces, count = ndimage.label(core)
    if count == 0:
        raise InputError(
            f"No brain was found in '{volume.name}': nothing larger than 5 mm stands out from the "
            "background. Give a brain mask, or check that this is the right image."
        )
    sizes = ndimage.sum_labels(core, pieces, range(1, count + 1))
    piece = pieces == 1 + int(np.argmax(sizes))
    opened = ndimage.binary_dilation(piece, _ball(radius + 1, flat)) & foreground
    filled = _filled(opened)
    outline = coarse.with_values(torch.as_tensor(filled.astype(np.float32)), f"{volume.name} brain mask")
    edge = threshold + _EDGE * (float(np.percentile(values[filled], 90)) - threshold)
    return _at_full_resolution(outline, volume, edge)


def _at_full_resolution(outline: Volume, volume: Volume, threshold: float) -> Volume:
    """The mask on the grid of the image, which also says where tissue ends: the outline is blurred."""
    coarse = cropped(outline, box_around(outline.values > 0.5, outline.geometry, margin_mm=_GRID_MM))
    mask = torch.zeros(volume.values.shape, dtype=torch.bool)
    box = reached_box(coarse.geometry, volume.geometry, np.eye(4))
    if box is not None:
        inside = resample(coarse, cropped_geometry(volume.geometry, box)).values > 0.5
        tissue = inside & (volume.values[box].cpu() > threshold)
        mask[box] = torch.as_tensor(_filled(tissue.numpy()))
    return Volume(mask, volume.geometry, outline.name)


def _background_threshold(values: np.ndarray) -> float:
    """Value that separates background from tissue.

    Where the smallest value fills a tenth of the field of view it is padding, and everything above it is
    tissue; else the threshold of Otsu (1979) is taken.
    """
    lowest, highest = float(values.min()), float(np.percentile(values, 99.5))
    padding = values <= lowest + 1e-3 * (highest - lowest)
    if padding.mean() > 0.1:
        return lowest + 0.05 * (float(np.percentile(values[~padding], 90)) - lowest)
    counts, edges = np.histogram(values, bins=256, range=(lowest, highest))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    mean_below = np.cumsum(counts * middles) / np.maximum(below, 1)
    mean_above = (np.sum(counts * middles) - np.cumsum(counts * middles)) / np.maximum(above, 1)
    return float(middles[np.argmax(below * above * (mean_below - mean_above) ** 2)])


def _filled(mask: np.ndarray) -> np.ndarray:
    """Without holes; those of a single slice are closed within its plane."""
    neighbours = ndimage.generate_binary_structure(3, 1)
    if len(mask) == 1:
        neighbours[[0, 2]] = False  # above and below a single slice lies nothing that could open a hole
    return ndimage.binary_fill_holes(mask, neighbours)


def _ball(radius: int, flat: bool) -> np.ndarray:
    """A ball, or the disk in its middle."""
    line = np.arange(-radius, radius + 1)
    k, j, i = np.meshgrid(line[[radius]] if flat else line, line, line, indexing="ij")
    return k**2 + j**2 + i**2 <= radius**2 + 0.5
