"""The marching of rays in machine code (numba), one thread's share at a time.

Everything is in indices of one volume (K, J, I): the source, and the directions of the pixels as rows
(offset, per column, per row). A kernel works on some rows of the image and releases Python's lock, so that
threads run side by side; see `cpu_fused` for what is computed. The kernels are compiled when first called and
kept on disk.
"""

import math

import numpy as np
from numba import njit

from DeepRegistrationLib.projection.cpu_rays import FAST, ONE, OPTIONS, march_limits


@njit(inline="always", **OPTIONS)
def _neighbours(x, size, one):
    """The two voxels around a position along one axis, of which one or both may not exist.

    Without a branch: a voxel that does not exist is replaced by one that does, and counted zero times.

    Returns:
        two indices; their weights; how often each of them counts (0 or 1).
    """
    low = np.int64(math.floor(x))
    fraction = x - type(one)(low)
    first = one if (low >= 0) & (low < size) else one - one
    second = one if (low >= -1) & (low < size - 1) else one - one
    lower, upper = min(max(low, 0), size - 1), min(max(low + 1, 0), size - 1)
    return np.uint64(lower), np.uint64(upper), (one - fraction) * first, fraction * second, first, second


@njit(fastmath=FAST, **OPTIONS)
def _border_sum(flat, x0, y0, z0, sx, sy, sz, begin, end, size_i, size_j, size_k):
    """Sum of samples begin..end, some of whose corners may not exist: there the volume is zero."""
    real = flat.dtype.type
    total, one = real(0), real(1)
    row, slice_ = np.uint64(size_i), np.uint64(size_i * size_j)
    for n in range(begin, end):
        m = real(n)
        i, i_, wx, wx_, _, _ = _neighbours(x0 + m * sx, size_i, one)
        j, j_, wy, wy_, _, _ = _neighbours(y0 + m * sy, size_j, one)
        k, k_, wz, wz_, _, _ = _neighbours(z0 + m * sz, size_k, one)
        at, at_ = k * slice_ + j * row, k * slice_ + j_ * row
        low = wy * (wx * flat[at + i] + wx_ * flat[at + i_]) + wy_ * (
            wx * flat[at_ + i] + wx_ * flat[at_ + i_]
        )
        at, at_ = k_ * slice_ + j * row, k_ * slice_ + j_ * row
        high = wy * (wx * flat[at + i] + wx_ * flat[at + i_]) + wy_ * (
            wx * flat[at_ + i] + wx_ * flat[at_ + i_]
        )
        total += wz * low + wz_ * high
    return total


@njit(fastmath=FAST, **OPTIONS)
def _border_moments(flat, x0, y0, z0, sx, sy, sz, begin, end, size_i, size_j, size_k):
    """Sums of value, gradient and number * gradient of samples some of whose corners may not exist."""
    real = flat.dtype.type
    one = real(1)
    row, slice_ = np.uint64(size_i), np.uint64(size_i * size_j)
    total = ax = ay = az = bx = by = bz = real(0)
    for n in range(begin, end):
        m = real(n)
        i, i_, wx, wx_, ex, ex_ = _neighbours(x0 + m * sx, size_i, one)
        j, j_, wy, wy_, ey, ey_ = _neighbours(y0 + m * sy, size_j, one)
        k, k_, wz, wz_, ez, ez_ = _neighbours(z0 + m * sz, size_k, one)
        at, at_ = k * slice_ + j * row, k * slice_ + j_ * row
        a, b = flat[at + i], flat[at + i_]
        v_00, x_00 = wx * a + wx_ * b, ex_ * b - ex * a
        a, b = flat[at_ + i], flat[at_ + i_]
        v_01, x_01 = wx * a + wx_ * b, ex_ * b - ex * a
        at, at_ = k_ * slice_ + j * row, k_ * slice_ + j_ * row
        a, b = flat[at + i], flat[at + i_]
        v_10, x_10 = wx * a + wx_ * b, ex_ * b - ex * a
        a, b = flat[at_ + i], flat[at_ + i_]
        v_11, x_11 = wx * a + wx_ * b, ex_ * b - ex * a
        low, high = wy * v_00 + wy_ * v_01, wy * v_10 + wy_ * v_11
        gx = wz * (wy * x_00 + wy_ * x_01) + wz_ * (wy * x_10 + wy_ * x_11)
        gy = wz * (ey_ * v_01 - ey * v_00) + wz_ * (ey_ * v_11 - ey * v_10)
        gz = ez_ * high - ez * low
        total += wz * low + wz_ * high
        ax += gx
        ay += gy
        az += gz
        bx += m * gx
        by += m * gy
        bz += m * gz
    return total, ax, ay, az, bx, by, bz


@njit(fastmath=FAST, **OPTIONS)
def _inner_sum(flat, x0, y0, z0, sx, sy, sz, begin, end, row, slice_):
    """Sum of samples begin..end, all of whose corners exist.

    Unsigned 64-bit positions in the flat volume spare numba's check for negative indices; only then are the
    loads gathered for many samples at once, which halves the time.
    """
    real = flat.dtype.type
    total = real(0)
    for n in range(begin, end):
        m = real(n)
        x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
        i, j, k = np.uint32(x), np.uint32(y), np.uint32(z)
        fx, fy, fz = x - real(i), y - real(j), z - real(k)
        at = np.uint64(k) * slice_ + np.uint64(j) * row + np.uint64(i)
        a, b = flat[at], flat[at + ONE]
        low = a + fx * (b - a)
        a, b = flat[at + row], flat[at + row + ONE]
        low += fy * (a + fx * (b - a) - low)
        at += slice_
        a, b = flat[at], flat[at + ONE]
        high = a + fx * (b - a)
        a, b = flat[at + row], flat[at + row + ONE]
        high += fy * (a + fx * (b - a) - high)
        total += low + fz * (high - low)
    return total


@njit(fastmath=FAST, **OPTIONS)
def _inner_moments(flat, x0, y0, z0, sx, sy, sz, begin, end, row, slice_):
    """Sums of value, gradient and number * gradient of samples begin..end, all of whose corners exist."""
    real = flat.dtype.type
    total = ax = ay = az = bx = by = bz = real(0)
    for n in range(begin, end):
        m = real(n)
        x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
        i, j, k = np.uint32(x), np.uint32(y), np.uint32(z)
        fx, fy, fz = x - real(i), y - real(j), z - real(k)
        at = np.uint64(k) * slice_ + np.uint64(j) * row + np.uint64(i)
        a = flat[at]
        x_00 = flat[at + ONE] - a
        v_00 = a + fx * x_00
        a = flat[at + row]
        x_01 = flat[at + row + ONE] - a
        v_01 = a + fx * x_01
        at += slice_
        a = flat[at]
        x_10 = flat[at + ONE] - a
        v_10 = a + fx * x_10
        a = flat[at + row]
        x_11 = flat[at + row + ONE] - a
        v_11 = a + fx * x_11
        y_0, y_1 = v_01 - v_00, v_11 - v_10
        low, high = v_00 + fy * y_0, v_10 + fy * y_1
        x_0, x_1 = x_00 + fy * (x_01 - x_00), x_10 + fy * (x_11 - x_10)
        gx, gy, gz = x_0 + fz * (x_1 - x_0), y_0 + fz * (y_1 - y_0), high - low
        total += low + fz * gz
        ax += gx
        ay += gy
        az += gz
        bx += m * gx
        by += m * gy
        bz += m * gz
    return total, ax, ay, az, bx, by, bz


@njit(fastmath=FAST, **OPTIONS)
def integrate(volume, bounds, source, directions, step, phase, first_row, last_row, image):
    """Mean value along each ray: step * sum of the samples.

    Args:
        volume: (K, J, I) float32 or float64, contiguous.
        bounds: outside of which the volume is zero; see `content_bounds`.
        source: (3,) float64.
        directions: (3, 3) float64.
        step: part of the ray between two samples.
        phase: of the samples in their steps.
        first_row: of this thread's share.
        last_row: after the share.
        image: (rows, columns); written.
    """
    real = volume.dtype.type
    size_k, size_j, size_i = volume.shape
    flat, row, slice_ = volume.reshape(-1), np.uint64(size_i), np.uint64(size_i * size_j)
    for v in range(first_row, last_row):
        for u in range(image.shape[1]):
            dx = directions[0, 0] + u * directions[1, 0] + v * directions[2, 0]
            dy = directions[0, 1] + u * directions[1, 1] + v * directions[2, 1]
            dz = directions[0, 2] + u * directions[1, 2] + v * directions[2, 2]
            begin, inner_begin, inner_end, end = march_limits(
                source[0], source[1], source[2], dx, dy, dz, size_i, size_j, size_k, step, phase, bounds
            )
            # from the first sample on, positions are small numbers and float32 is precise enough
            fraction = (begin + phase) * step
            x0, y0, z0 = (
                real(source[0] + fraction * dx),
                real(source[1] + fraction * dy),
                real(source[2] + fraction * dz),
            )
            sx, sy, sz = real(step * dx), real(step * dy), real(step * dz)
            total = _inner_sum(
                flat, x0, y0, z0, sx, sy, sz, inner_begin - begin, inner_end - begin, row, slice_
            )
            for one, other in ((0, inner_begin - begin), (inner_end - begin, end - begin)):
                total += _border_sum(flat, x0, y0, z0, sx, sy, sz, one, other, size_i, size_j, size_k)
            image[v, u] = total * real(step)


@njit(fastmath=FAST, **OPTIONS)
def integrate_moments(volume, bounds, source, directions, step, phase, first_row, last_row, images):
    """Mean value along each ray, mean gradient, and mean of fraction * gradient.

    Args:
        volume: (K, J, I) float32 or float64, contiguous.
        bounds: outside of which the volume is zero; see `content_bounds`.
        source: (3,) float64.
        directions: (3, 3) float64.
        step: part of the ray between two samples.
        phase: of the samples in their steps.
        first_row: of this thread's share.
        last_row: after the share.
        images: (7, rows, columns); written: value, gradient along i, j, k, fraction * gradient along i, j, k.
    """
    real = volume.dtype.type
    size_k, size_j, size_i = volume.shape
    flat, row, slice_ = volume.reshape(-1), np.uint64(size_i), np.uint64(size_i * size_j)
    for v in range(first_row, last_row):
        for u in range(images.shape[2]):
            dx = directions[0, 0] + u * directions[1, 0] + v * directions[2, 0]
            dy = directions[0, 1] + u * directions[1, 1] + v * directions[2, 1]
            dz = directions[0, 2] + u * directions[1, 2] + v * directions[2, 2]
            begin, inner_begin, inner_end, end = march_limits(
                source[0], source[1], source[2], dx, dy, dz, size_i, size_j, size_k, step, phase, bounds
            )
            fraction = (begin + phase) * step
            x0, y0, z0 = (
                real(source[0] + fraction * dx),
                real(source[1] + fraction * dy),
                real(source[2] + fraction * dz),
            )
            sx, sy, sz = real(step * dx), real(step * dy), real(step * dz)
            total, ax, ay, az, bx, by, bz = _inner_moments(
                flat, x0, y0, z0, sx, sy, sz, inner_begin - begin, inner_end - begin, row, slice_
            )
            for one, other in ((0, inner_begin - begin), (inner_end - begin, end - begin)):
                if one < other:
                    sums = _border_moments(flat, x0, y0, z0, sx, sy, sz, one, other, size_i, size_j, size_k)
                    total, ax, ay, az = total + sums[0], ax + sums[1], ay + sums[2], az + sums[3]
                    bx, by, bz = bx + sums[4], by + sums[5], bz + sums[6]
            # numbers counted from the first sample become fractions
            base, scale = real(fraction), real(step)
            images[0, v, u] = total * scale
            images[1, v, u] = ax * scale
            images[2, v, u] = ay * scale
            images[3, v, u] = az * scale
            images[4, v, u] = (base * ax + scale * bx) * scale
            images[5, v, u] = (base * ay + scale * by) * scale
            images[6, v, u] = (base * az + scale * bz) * scale
