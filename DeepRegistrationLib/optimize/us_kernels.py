"""The sums of a step of the refinement, in machine code (numba); `us_sums.by_torch` says the same in
torch.
"""

import numpy as np
from numba import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
FAST = {"reassoc", "contract", "arcp", "nsz"}
SEEN = np.float32(0.99)


@njit(fastmath=FAST, **OPTIONS)
def _bring_back(moving, inner, matrix, warped, seen):
    """Values of the moving frame and of its mask at every pixel of the fixed one; 0 outside."""
    size = moving.shape[0]
    half = np.float32((size - 1) / 2)
    cosine, sine = np.float32(matrix[0, 0]), np.float32(matrix[1, 0])
    shift_i, shift_j = np.float32(matrix[0, 2] * size), np.float32(matrix[1, 2] * size)
    for j in range(size):
        y = np.float32(j) - half
        for i in range(size):
            x = np.float32(i) - half
            at_i = cosine * x - sine * y + shift_i + half
            at_j = sine * x + cosine * y + shift_j + half
            i0, j0 = int(np.floor(at_i)), int(np.floor(at_j))
            if i0 < 0 or j0 < 0 or i0 >= size - 1 or j0 >= size - 1:
                warped[j, i] = 0.0
                seen[j, i] = 0.0
                continue
            a, b = at_i - np.float32(i0), at_j - np.float32(j0)
            one = np.float32(1.0)
            w00, w01, w10, w11 = (one - a) * (one - b), a * (one - b), (one - a) * b, a * b
            warped[j, i] = (
                w00 * moving[j0, i0]
                + w01 * moving[j0, i0 + 1]
                + w10 * moving[j0 + 1, i0]
                + w11 * moving[j0 + 1, i0 + 1]
            )
            seen[j, i] = (
                w00 * inner[j0, i0]
                + w01 * inner[j0, i0 + 1]
                + w10 * inner[j0 + 1, i0]
                + w11 * inner[j0 + 1, i0 + 1]
            )


@njit(fastmath=FAST, **OPTIONS)
def _row(warped, fixed, inner, seen, j, inverse_outlier2, out):
    """Adds the pixels of one row to the sums; short sums in single precision keep their digits."""
    size = fixed.shape[0]
    scale = np.float32(size / 4)  # half a central difference of two frames, per edge
    v = (np.float32(j) - np.float32((size - 1) / 2)) / np.float32(size)
    sums = np.zeros(17, np.float32)
    for i in range(1, size - 1):
        if seen[j, i] <= SEEN or inner[j, i] <= np.float32(0.5):
            continue
        u = (np.float32(i) - np.float32((size - 1) / 2)) / np.float32(size)
        gu = scale * (fixed[j, i + 1] - fixed[j, i - 1] + warped[j, i + 1] - warped[j, i - 1])
        gv = scale * (fixed[j + 1, i] - fixed[j - 1, i] + warped[j + 1, i] - warped[j - 1, i])
        turn = gv * u - gu * v
        m, f = warped[j, i], fixed[j, i]
        residual = m - f
        root = np.float32(1.0) / (np.float32(1.0) + residual * residual * inverse_outlier2)
        weight = root * root
        wt, wu, wv = weight * turn, weight * gu, weight * gv
        sums[0] += wt * turn
        sums[1] += wt * gu
        sums[2] += wt * gv
        sums[3] += wu * gu
        sums[4] += wu * gv
        sums[5] += wv * gv
        sums[6] += wt * residual
        sums[7] += wu * residual
        sums[8] += wv * residual
        sums[9] += np.float32(1.0)
        sums[10] += weight
        sums[11] += weight * residual * residual
        sums[12] += m
        sums[13] += f
        sums[14] += m * m
        sums[15] += f * f
        sums[16] += m * f
    for index in range(17):
        out[index] += sums[index]


@njit(**OPTIONS)
def bring_all_back(moving, mask, matrix, warped, seen):
    """Moving frames and their masks on the grids of the fixed ones.

    Args:
        moving: (P, n, n) float32.
        mask: (1 or P, n, n) float32.
        matrix: (P, 3, 3) float64; moving from fixed [edges, from the centre].
        warped: (P, n, n) float32; receives the frames; 0 where they end, and in the last row and column.
        seen: (P, n, n) float32; receives the masks.
    """
    for pair in range(moving.shape[0]):
        one = mask[pair if mask.shape[0] > 1 else 0]
        _bring_back(moving[pair], one, matrix[pair], warped[pair], seen[pair])


@njit(**OPTIONS)
def add_up(moving, fixed, inner, matrix, outlier, out):
    """Adds up all pairs.

    Args:
        moving: (P, n, n) float32.
        fixed: (P, n, n) float32.
        inner: (1 or P, n, n) float32; 0 along the image's border.
        matrix: (P, 3, 3) float64; moving from fixed [edges, from the centre].
        outlier: residual.
        out: (P, 17) float64; receives the sums.
    """
    count, size = fixed.shape[0], fixed.shape[1]
    warped, seen = np.empty((size, size), np.float32), np.empty((size, size), np.float32)
    inverse_outlier2 = np.float32(1 / (outlier * outlier))
    for pair in range(count):
        mask = inner[pair if inner.shape[0] > 1 else 0]
        _bring_back(moving[pair], mask, matrix[pair], warped, seen)
        for j in range(1, size - 1):
            _row(warped, fixed[pair], mask, seen, j, inverse_outlier2, out[pair])
