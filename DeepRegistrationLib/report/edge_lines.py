"""Thin lines along the strongest edges of an image, to be drawn over another one."""

import numpy as np
from scipy import ndimage

_SMOOTH_PX = 1.2
_SHARE = 0.12
"""Of the pixels with any edge, so many carry the strongest ones; what is weaker is texture."""


def edge_lines(image: np.ndarray, used: np.ndarray | None = None) -> np.ndarray:
    """Ridges of the gradient's length, one pixel wide.

    Args:
        image: (rows, columns).
        used: (rows, columns) bool; True where lines may be; None where all may be.

    Returns:
        (rows, columns) bool.

    Source: Canny, "A computational approach to edge detection", 1986, section on non-maximum suppression.
    """
    smooth = ndimage.gaussian_filter(image.astype(np.float64), _SMOOTH_PX)
    down, right = np.gradient(smooth)
    length = np.hypot(down, right)
    usable = np.ones(image.shape, dtype=bool) if used is None else used
    some = length[usable & (length > 1e-3 * length.max(initial=0.0))]
    if not some.size:
        return np.zeros(image.shape, dtype=bool)
    # neighbours one pixel ahead and behind, along the gradient
    rows, columns = np.indices(image.shape)
    step = np.maximum(length, 1e-30)
    ahead, behind = (
        ndimage.map_coordinates(length, [rows + sign * down / step, columns + sign * right / step], order=1)
        for sign in (1, -1)
    )
    is_ridge = (length >= ahead) & (length > behind)
    return is_ridge & usable & (length >= np.quantile(some, 1 - _SHARE))
