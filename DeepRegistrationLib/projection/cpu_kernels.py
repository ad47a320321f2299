"""The marching of rays in machine code (numba), one thread's share at a time.

Everything is in indices of one volume (K, J, I): the source, and the directions of the pixels as rows
(offset, per column, per row). A kernel works on some rows of the image and releases Python's lock, so that
threads run side by side; see `cpu_fused` for what is computed. The kernels are compiled when first called and
kept on disk.
"""

import math

import numpy as np
from numba import njit

_OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
# Sums may be reordered and products fused. Nothing is assumed about NaN and infinity: one in the volume has
# to be seen in the image.
_FAST = {"reassoc", "contract", "arcp", "nsz"}
_ONE = np.uint64(1)


@njit(inline="always", **_OPTIONS)
def _inverse(towards):
    """1 / towards. A ray parallel to a slab crosses nothing: a tiny slope puts the crossings far away."""
    return 1.0 / towards if abs(towards) > 1e-12 else 1e12


@njit(inline="always", **_OPTIONS)
def _clip(start, inverse, low, high, first, last):
    """Narrows the fractions [first, last] to those at which start + fraction / inverse is in [low, high]."""
    one = (low - start) * inverse
    other = (high - start) * inverse
    return max(first, min(one, other)), min(last, max(one, other))


@njit(**_OPTIONS)
def _march_limits(x, y, z, dx, dy, dz, size_i, size_j, size_k, step, phase, low_k, high_k):
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


@njit(inline="always", **_OPTIONS)
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


@njit(fastmath=_FAST, **_OPTIONS)
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


@njit(fastmath=_FAST, **_OPTIONS)
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


@njit(fastmath=_FAST, **_OPTIONS)
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
        a, b = flat[at], flat[at + _ONE]
        low = a + fx * (b - a)
        a, b = flat[at + row], flat[at + row + _ONE]
        low += fy * (a + fx * (b - a) - low)
        at += slice_
        a, b = flat[at], flat[at + _ONE]
        high = a + fx * (b - a)
        a, b = flat[at + row], flat[at + row + _ONE]
        high += fy * (a + fx * (b - a) - high)
        total += low + fz * (high - low)
    return total


@njit(fastmath=_FAST, **_OPTIONS)
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
        x_00 = flat[at + _ONE] - a
        v_00 = a + fx * x_00
        a = flat[at + row]
        x_01 = flat[at + row + _ONE] - a
        v_01 = a + fx * x_01
        at += slice_
        a = flat[at]
        x_10 = flat[at + _ONE] - a
        v_10 = a + fx * x_10
        a = flat[at + row]
        x_11 = flat[at + row + _ONE] - a
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


@njit(fastmath=_FAST, **_OPTIONS)
def integrate(volume, source, directions, step, phase, first_row, last_row, image):
    """Mean value along each ray: step * sum of the samples.

    Args:
        volume: (K, J, I) float32 or float64, contiguous.
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
            begin, inner_begin, inner_end, end = _march_limits(
                source[0], source[1], source[2], dx, dy, dz, size_i, size_j, size_k, step, phase, -1.0, size_k
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


@njit(fastmath=_FAST, **_OPTIONS)
def integrate_moments(volume, source, directions, step, phase, first_row, last_row, images):
    """Mean value along each ray, mean gradient, and mean of fraction * gradient.

    Args:
        volume: (K, J, I) float32 or float64, contiguous.
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
            begin, inner_begin, inner_end, end = _march_limits(
                source[0], source[1], source[2], dx, dy, dz, size_i, size_j, size_k, step, phase, -1.0, size_k
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


@njit(fastmath=_FAST, **_OPTIONS)
def back_project(images, source, directions, step, phase, first_k, last_k, volume):
    """Adjoint of `integrate` (one image) or `integrate_moments` (seven): adds every ray to some slices.

    Each thread writes slices of its own and adds the rays in the same order whatever the number of threads.

    Args:
        images: (1 or 7, rows, columns).
        source: (3,) float64.
        directions: (3, 3) float64.
        step: part of the ray between two samples.
        phase: of the samples in their steps.
        first_k: first slice of this thread's share.
        last_k: after the share.
        volume: (K, J, I); added to.
    """
    real = volume.dtype.type
    one = real(1)
    size_k, size_j, size_i = volume.shape
    moments = images.shape[0] == 7
    gx = gy = gz = hx = hy = hz = real(0)
    for v in range(images.shape[1]):
        for u in range(images.shape[2]):
            weight = images[0, v, u] * real(step)
            if moments:
                gx, gy, gz = images[1, v, u], images[2, v, u], images[3, v, u]
                hx, hy, hz = images[4, v, u], images[5, v, u], images[6, v, u]
                if weight == 0 and gx == 0 and gy == 0 and gz == 0 and hx == 0 and hy == 0 and hz == 0:
                    continue
            elif weight == 0:
                continue
            dx = directions[0, 0] + u * directions[1, 0] + v * directions[2, 0]
            dy = directions[0, 1] + u * directions[1, 1] + v * directions[2, 1]
            dz = directions[0, 2] + u * directions[1, 2] + v * directions[2, 2]
            # the first sample is counted in the whole volume, so that all shares round positions alike
            begin, _, _, _ = _march_limits(
                source[0], source[1], source[2], dx, dy, dz, size_i, size_j, size_k, step, phase, -1.0, size_k
            )
            # a sample touches two slices: those in front of the share reach into it
            share, _, _, end = _march_limits(
                source[0], source[1], source[2], dx, dy, dz, size_i, size_j, size_k, step, phase,
                first_k - 1.001, last_k + 0.001,
            )  # fmt: skip
            fraction = (begin + phase) * step
            x0, y0, z0 = (
                real(source[0] + fraction * dx),
                real(source[1] + fraction * dy),
                real(source[2] + fraction * dz),
            )
            sx, sy, sz = real(step * dx), real(step * dy), real(step * dz)
            for n in range(max(share, begin), end):
                m = real(n - begin)
                x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
                i, j, k = math.floor(x), math.floor(y), math.floor(z)
                fx, fy, fz = x - real(i), y - real(j), z - real(k)
                if moments:
                    at = (real(n) + real(phase)) * real(step)
                    wx = (gx + at * hx) * real(step)
                    wy = (gy + at * hy) * real(step)
                    wz = (gz + at * hz) * real(step)
                for dk in range(2):
                    kk = k + dk
                    if kk < first_k or kk >= last_k:
                        continue
                    cz = fz if dk else one - fz
                    for dj in range(2):
                        jj = j + dj
                        if jj < 0 or jj >= size_j:
                            continue
                        cy = fy if dj else one - fy
                        for di in range(2):
                            ii = i + di
                            if ii < 0 or ii >= size_i:
                                continue
                            cx = fx if di else one - fx
                            amount = weight * cx * cy * cz
                            if moments:
                                amount += (wx if di else -wx) * cy * cz
                                amount += (wy if dj else -wy) * cx * cz
                                amount += (wz if dk else -wz) * cx * cy
                            volume[kk, jj, ii] += amount
