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
def march_limits(x, y, z, dx, dy, dz, size_i, size_j, size_k, step, phase, low_k, high_k):
    """Samples of a ray: all that are not zero, and those among them whose eight corners exist.

    Returns:
        begin, inner_begin, inner_end, end. Samples begin..inner_begin and inner_end..end lie in the fading
        border (or within a rounding error of it).
    """
    inverse_x, inverse_y, inverse_z, per_step = _inverse(dx), _inverse(dy), _inverse(dz), 1.0 / step
    first, last = _clip(x, inverse_x, -1.0, size_i, 0.0, 1.0)
    first, last = _clip(y, inverse_y, -1.0, size_j, first, last)
    first, last = _clip(z, inverse_z, low_k, high_k, first, last)
    if first > last:
        return 0, 0, 0, 0
    begin, end = math.ceil(first * per_step - phase), math.floor(last * per_step - phase) + 1
    if end <= begin:
        return 0, 0, 0, 0
    # float32 positions are off by less than this: further inside all eight corners exist for certain
    margin = 1e-3 + 4e-7 * (size_i + size_j + size_k)
    first, last = _clip(x, inverse_x, margin, size_i - 1.0 - margin, first, last)
    first, last = _clip(y, inverse_y, margin, size_j - 1.0 - margin, first, last)
    inner_k = max(low_k, 0.0) + margin, min(high_k, size_k - 1.0) - margin
    first, last = _clip(z, inverse_z, inner_k[0], inner_k[1], first, last)
    if first > last:
        return begin, end, end, end
    inner_begin, inner_end = math.ceil(first * per_step - phase), math.floor(last * per_step - phase) + 1
    inner_begin = min(max(inner_begin, begin), end)
    return begin, inner_begin, max(min(inner_end, end), inner_begin), end
