"""Where a ray meets a volume, in machine code (numba); shared by the kernels and their adjoints.

numba keeps what it compiles on disk and looks at the file of a kernel alone: after a change here, delete
`__pycache__`.
"""

import math

import numpy as np
from numba import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
# Sums may be reordered and products fused. Nothing is assumed about NaN and infinity: one in the volume has
# to be seen in the image.
FAST = {"reassoc", "contract", "arcp", "nsz"}
ONE = np.uint64(1)


@njit(inline="always", **OPTIONS)
def _inverse(towards):
    """1 / towards. A ray parallel to a slab crosses nothing: a tiny slope puts the crossings far away."""
    return 1.0 / towards if abs(towards) > 1e-12 else 1e12


@njit(inline="always", **OPTIONS)
def _clip(start, inverse, low, high, first, last):
    """Narrows the fractions [first, last] to those at which start + fraction / inverse is in [low, high]."""
    one = (low - start) * inverse
    other = (high - start) * inverse
    return max(first, min(one, other)), min(last, max(one, other))


@njit(**OPTIONS)
def march_limits(x, y, z, dx, dy, dz, size_i, size_j, size_k, step, phase, bounds):
    """Samples of a ray: all within some bounds, and those among them whose eight corners exist.

    Args:
        x: index i of the source.
        y: index j.
        z: index k.
        dx: way along i from the source to the pixel.
        dy: along j.
        dz: along k.
        size_i: number of voxels along i.
        size_j: along j.
        size_k: along k.
        step: part of the way between two samples.
        phase: of the samples in their steps.
        bounds: lowest and highest position along i, j, k; at most from -1 to the size.

    Returns:
        begin, inner_begin, inner_end, end. Samples begin..inner_begin and inner_end..end lie near the bounds.
    """
    inverse_x, inverse_y, inverse_z, per_step = _inverse(dx), _inverse(dy), _inverse(dz), 1.0 / step
    first, last = _clip(x, inverse_x, bounds[0], bounds[1], 0.0, 1.0)
    first, last = _clip(y, inverse_y, bounds[2], bounds[3], first, last)
    first, last = _clip(z, inverse_z, bounds[4], bounds[5], first, last)
    if first > last:
        return 0, 0, 0, 0
    begin, end = math.ceil(first * per_step - phase), math.floor(last * per_step - phase) + 1
    if end <= begin:
        return 0, 0, 0, 0
    # float32 positions are off by less than this: further inside all eight corners exist for certain
    margin = 1e-3 + 4e-7 * (size_i + size_j + size_k)
    low, high = max(bounds[0], 0.0) + margin, min(bounds[1], size_i - 1.0) - margin
    first, last = _clip(x, inverse_x, low, high, first, last)
    low, high = max(bounds[2], 0.0) + margin, min(bounds[3], size_j - 1.0) - margin
    first, last = _clip(y, inverse_y, low, high, first, last)
    low, high = max(bounds[4], 0.0) + margin, min(bounds[5], size_k - 1.0) - margin
    first, last = _clip(z, inverse_z, low, high, first, last)
    if first > last:
        return begin, end, end, end
    inner_begin, inner_end = math.ceil(first * per_step - phase), math.floor(last * per_step - phase) + 1
    inner_begin = min(max(inner_begin, begin), end)
    return begin, inner_begin, max(min(inner_end, end), inner_begin), end


@njit(**OPTIONS)
def content_bounds(volume):
    """Bounds outside of which every sample is zero: one voxel beyond the outermost voxels that are not.

    Only the empty margin is looked at, so a volume without one costs nothing. NaN counts as content.

    Args:
        volume: (K, J, I).

    Returns:
        Lowest and highest position along i, j, k, as `march_limits` wants them; 1, 0, ... if all is zero.
    """
    size_k, size_j, size_i = volume.shape
    low_k = 0
    while low_k < size_k and not _any(volume, low_k, low_k + 1, 0, size_j):
        low_k += 1
    if low_k == size_k:
        return 1.0, 0.0, 1.0, 0.0, 1.0, 0.0
    high_k = size_k - 1
    while not _any(volume, high_k, high_k + 1, 0, size_j):
        high_k -= 1
    low_j, high_j = 0, size_j - 1
    while not _any(volume, low_k, high_k + 1, low_j, low_j + 1):
        low_j += 1
    while not _any(volume, low_k, high_k + 1, high_j, high_j + 1):
        high_j -= 1
    low_i, high_i = size_i, -1
    for k in range(low_k, high_k + 1):
        for j in range(low_j, high_j + 1):
            if low_i == 0 and high_i == size_i - 1:
                break
            if not _any(volume, k, k + 1, j, j + 1):
                continue
            i = 0
            while i < low_i and volume[k, j, i] == 0:
                i += 1
            low_i = min(low_i, i)
            i = size_i - 1
            while i > high_i and volume[k, j, i] == 0:
                i -= 1
            high_i = max(high_i, i)
    # the volume fades to zero within one voxel, also outside of its outermost centres
    return low_i - 1.0, high_i + 1.0, low_j - 1.0, high_j + 1.0, low_k - 1.0, high_k + 1.0


@njit(**OPTIONS)
def _any(volume, first_k, last_k, first_j, last_j):
    """True if a value in some rows is not zero."""
    for k in range(first_k, last_k):
        for j in range(first_j, last_j):
            row = volume[k, j]
            found = np.int32(0)
            for i in range(row.shape[0]):  # a loop that does not stop is vectorized
                found |= np.int32(row[i] != 0)
            if found:
                return True
    return False
