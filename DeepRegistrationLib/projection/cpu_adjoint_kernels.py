"""The adjoint of marching rays, in machine code (numba): each thread adds all rays to slices of its own."""

import math

import numpy as np
from numba import njit

from DeepRegistrationLib.projection.cpu_rays import FAST, ONE, OPTIONS, march_limits


@njit(fastmath=FAST, **OPTIONS)
def _add_inner(flat, x0, y0, z0, sx, sy, sz, begin, end, row, slice_, weights, base, scale, moments):
    """Adds samples begin..end, all of whose corners exist; `weights` are those of the seven images."""
    real = flat.dtype.type
    one = real(1)
    value, ax, ay, az, bx, by, bz = weights
    for n in range(begin, end):
        m = real(n)
        x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
        i, j, k = np.uint32(x), np.uint32(y), np.uint32(z)
        fx, fy, fz = x - real(i), y - real(j), z - real(k)
        gx, gy, gz = one - fx, one - fy, one - fz
        # weights of the four pairs of corners along i, and what each pair's gradient along i adds
        p_00, p_01, p_10, p_11 = value * gy * gz, value * fy * gz, value * gy * fz, value * fy * fz
        q_00 = q_01 = q_10 = q_11 = real(0)
        if moments:
            at_fraction = base + m * scale
            wx, wy, wz = ax + at_fraction * bx, ay + at_fraction * by, az + at_fraction * bz
            p_00 -= wy * gz + wz * gy
            p_01 += wy * gz - wz * fy
            p_10 += wz * gy - wy * fz
            p_11 += wy * fz + wz * fy
            q_00, q_01, q_10, q_11 = wx * gy * gz, wx * fy * gz, wx * gy * fz, wx * fy * fz
        at = np.uint64(k) * slice_ + np.uint64(j) * row + np.uint64(i)
        flat[at] += p_00 * gx - q_00
        flat[at + ONE] += p_00 * fx + q_00
        flat[at + row] += p_01 * gx - q_01
        flat[at + row + ONE] += p_01 * fx + q_01
        at += slice_
        flat[at] += p_10 * gx - q_10
        flat[at + ONE] += p_10 * fx + q_10
        flat[at + row] += p_11 * gx - q_11
        flat[at + row + ONE] += p_11 * fx + q_11


@njit(fastmath=FAST, **OPTIONS)
def _add_border(volume, x0, y0, z0, sx, sy, sz, begin, end, first_k, last_k, weights, base, scale):
    """Adds samples begin..end to those of their corners that exist and belong to slices first_k..last_k."""
    real = volume.dtype.type
    one = real(1)
    value, ax, ay, az, bx, by, bz = weights
    _, size_j, size_i = volume.shape
    for n in range(begin, end):
        m = real(n)
        x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
        i, j, k = math.floor(x), math.floor(y), math.floor(z)
        fx, fy, fz = x - real(i), y - real(j), z - real(k)
        at_fraction = base + m * scale
        wx, wy, wz = ax + at_fraction * bx, ay + at_fraction * by, az + at_fraction * bz
        for dk in range(2):
            if k + dk < first_k or k + dk >= last_k:
                continue
            cz = fz if dk else one - fz
            for dj in range(2):
                if j + dj < 0 or j + dj >= size_j:
                    continue
                cy = fy if dj else one - fy
                for di in range(2):
                    if i + di < 0 or i + di >= size_i:
                        continue
                    cx = fx if di else one - fx
                    amount = value * cx * cy * cz + (wx if di else -wx) * cy * cz
                    amount += (wy if dj else -wy) * cx * cz + (wz if dk else -wz) * cx * cy
                    volume[k + dk, j + dj, i + di] += amount


@njit(fastmath=FAST, **OPTIONS)
def back_project(images, source, directions, step, phase, first_k, last_k, volume):
    """Adjoint of `integrate` (one image) or `integrate_moments` (seven): adds every ray to some slices.

    Each thread writes slices of its own, so none waits for another.

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
    zero, scale = real(0), real(step)
    size_k, size_j, size_i = volume.shape
    flat, row, slice_ = volume.reshape(-1), np.uint64(size_i), np.uint64(size_i * size_j)
    moments = images.shape[0] == 7
    for v in range(images.shape[1]):
        for u in range(images.shape[2]):
            weights = (images[0, v, u] * scale, zero, zero, zero, zero, zero, zero)
            if moments:
                weights = (
                    weights[0],
                    images[1, v, u] * scale, images[2, v, u] * scale, images[3, v, u] * scale,
                    images[4, v, u] * scale, images[5, v, u] * scale, images[6, v, u] * scale,
                )  # fmt: skip
            dx = directions[0, 0] + u * directions[1, 0] + v * directions[2, 0]
            dy = directions[0, 1] + u * directions[1, 1] + v * directions[2, 1]
            dz = directions[0, 2] + u * directions[1, 2] + v * directions[2, 2]
            x, y, z = source
            # a sample touches two slices: those in front of the share reach into it
            bounds = (
                -1.0,
                float(size_i),
                -1.0,
                float(size_j),
                max(first_k - 1.001, -1.0),
                min(last_k + 0.001, size_k),
            )
            begin, _, _, end = march_limits(x, y, z, dx, dy, dz, size_i, size_j, size_k, step, phase, bounds)
            if begin >= end:
                continue
            bounds = (-1.0, float(size_i), -1.0, float(size_j), float(first_k), last_k - 1.0)
            _, inner_begin, inner_end, _ = march_limits(
                x, y, z, dx, dy, dz, size_i, size_j, size_k, step, phase, bounds
            )
            if inner_begin >= inner_end:
                inner_begin = inner_end = end
            fraction = (begin + phase) * step
            x0, y0, z0 = real(x + fraction * dx), real(y + fraction * dy), real(z + fraction * dz)
            sx, sy, sz, base = real(step * dx), real(step * dy), real(step * dz), real(fraction)
            _add_inner(
                flat, x0, y0, z0, sx, sy, sz, inner_begin - begin, inner_end - begin, row, slice_,
                weights, base, scale, moments,
            )  # fmt: skip
            for one, other in ((0, inner_begin - begin), (inner_end - begin, end - begin)):
                _add_border(volume, x0, y0, z0, sx, sy, sz, one, other, first_k, last_k, weights, base, scale)
