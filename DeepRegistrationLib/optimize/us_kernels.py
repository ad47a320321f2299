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
    zero, one = np.float32(0.0), np.float32(1.0)
    cosine, sine = np.float32(matrix[0, 0]), np.float32(matrix[1, 0])
    shift_i, shift_j = np.float32(matrix[0, 2] * size), np.float32(matrix[1, 2] * size)
    # indices without a sign: Python's counting from the end would be asked about for each of them
    values, shares, step = moving.ravel(), inner.ravel(), np.uintp(size)
    right, below, opposite = np.uintp(1), step, step + np.uintp(1)
    for j in range(size):
        y = np.float32(j) - half
        start_i, start_j = shift_i + half - sine * y, shift_j + half + cosine * y
        for i in range(size):
            x = np.float32(i) - half
            at_i, at_j = start_i + cosine * x, start_j + sine * x
            if not (zero <= at_i < size - 1 and zero <= at_j < size - 1):
                warped[j, i] = zero
                seen[j, i] = zero
                continue
            # truncating is rounding down here
            i0, j0 = np.int32(at_i), np.int32(at_j)
            a, b = at_i - np.float32(i0), at_j - np.float32(j0)
            w00, w01, w10, w11 = (one - a) * (one - b), a * (one - b), (one - a) * b, a * b
            at = np.uintp(j0) * step + np.uintp(i0)
            warped[j, i] = (
                w00 * values[at]
                + w01 * values[at + right]
                + w10 * values[at + below]
                + w11 * values[at + opposite]
            )
            seen[j, i] = (
                w00 * shares[at]
                + w01 * shares[at + right]
                + w10 * shares[at + below]
                + w11 * shares[at + opposite]
            )


@njit(fastmath=FAST, **OPTIONS)
def _row(warped, fixed, inner, seen, j, inverse_outlier2, out):
    """Adds the pixels of one row to the sums; short sums in single precision keep their digits."""
    size = fixed.shape[0]
    zero, one = np.float32(0.0), np.float32(1.0)
    scale = np.float32(size / 4)  # half a central difference of two frames, per edge
    middle, edge = np.float32((size - 1) / 2), np.float32(1.0 / size)
    v = (np.float32(j) - middle) * edge
    # sums with names of their own, and no branch: the loop then runs on several pixels at once
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = s8 = s9 = s10 = s11 = s12 = s13 = s14 = s15 = s16 = zero
    for i in range(1, size - 1):
        counts = inner[j, i] if seen[j, i] > SEEN else zero
        u = (np.float32(i) - middle) * edge
        gu = scale * (fixed[j, i + 1] - fixed[j, i - 1] + warped[j, i + 1] - warped[j, i - 1])
        gv = scale * (fixed[j + 1, i] - fixed[j - 1, i] + warped[j + 1, i] - warped[j - 1, i])
        turn = gv * u - gu * v
        m, f = warped[j, i], fixed[j, i]
        residual = m - f
        root = one / (one + residual * residual * inverse_outlier2)
        weight = root * root * counts
        wt, wu, wv = weight * turn, weight * gu, weight * gv
        s0 += wt * turn
        s1 += wt * gu
        s2 += wt * gv
        s3 += wu * gu
        s4 += wu * gv
        s5 += wv * gv
        s6 += wt * residual
        s7 += wu * residual
        s8 += wv * residual
        s9 += counts
        s10 += weight
        s11 += weight * residual * residual
        s12 += counts * m
        s13 += counts * f
        s14 += counts * m * m
        s15 += counts * f * f
        s16 += counts * m * f
    sums = (s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15, s16)
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
