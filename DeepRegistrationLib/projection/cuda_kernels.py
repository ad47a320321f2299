"""The marching of rays on a GPU (Triton): each program takes a tile of neighbouring pixels of one image.

Where a ray enters the volume is computed in float64, as on the CPU; from there on positions are small numbers
and float32 is precise enough. The parameters of an image are 14 float64 numbers: source, directions (offset,
per column, per row), step and phase.
"""

import os

import triton
import triton.language as tl

# the interpreter, which checks the kernels without a GPU, has nothing to tune
_TILES = [(8, 8), (8, 16), (16, 16)] if os.environ.get("TRITON_INTERPRET") != "1" else [(8, 8)]
_CONFIGS = [
    triton.Config({"TILE_V": rows, "TILE_U": columns}, num_warps=max(1, rows * columns // 64))
    for rows, columns in _TILES
]
_KEY = ["rows", "columns", "MOMENTS"]


@triton.jit
def _clip(start, towards, low, high, first, last):
    """Narrows the fractions [first, last] to those at which start + fraction * towards is in [low, high]."""
    # a ray parallel to the slab crosses nothing: a tiny slope puts the crossings far away
    towards = tl.where(tl.abs(towards) < 1e-12, 1e-12, towards)
    one = (low - start) / towards
    other = (high - start) / towards
    return tl.maximum(first, tl.minimum(one, other)), tl.minimum(last, tl.maximum(one, other))


@triton.jit
def _pixels(rows, columns, TILE_V: tl.constexpr, TILE_U: tl.constexpr):
    """Row and column of each lane, and whether the image has them."""
    lane = tl.arange(0, TILE_V * TILE_U)
    tiles = tl.cdiv(columns, TILE_U)
    v = tl.program_id(0) // tiles * TILE_V + lane // TILE_U
    u = tl.program_id(0) % tiles * TILE_U + lane % TILE_U
    return v, u, (v < rows) & (u < columns)


@triton.jit
def _enter(rays, u, v, seen, size_i, size_j, size_k):
    """Where rays enter: first sample, step along i, j, k, number of samples, fraction of the first."""
    column, row = u.to(tl.float64), v.to(tl.float64)
    x, y, z = tl.load(rays), tl.load(rays + 1), tl.load(rays + 2)
    dx = tl.load(rays + 3) + column * tl.load(rays + 6) + row * tl.load(rays + 9)
    dy = tl.load(rays + 4) + column * tl.load(rays + 7) + row * tl.load(rays + 10)
    dz = tl.load(rays + 5) + column * tl.load(rays + 8) + row * tl.load(rays + 11)
    step, phase = tl.load(rays + 12), tl.load(rays + 13)
    # outside of the outermost centres the volume fades to zero within one voxel
    first, last = _clip(x, dx, -1.0, tl.cast(size_i, tl.float64), 0.0 * dx, 0.0 * dx + 1.0)
    first, last = _clip(y, dy, -1.0, tl.cast(size_j, tl.float64), first, last)
    first, last = _clip(z, dz, -1.0, tl.cast(size_k, tl.float64), first, last)
    hit = seen & (first <= last)
    begin = tl.ceil(tl.where(hit, first / step - phase, 0.0))
    end = tl.floor(tl.where(hit, last / step - phase, -1.0)) + 1.0
    count = tl.maximum(end - begin, 0.0).to(tl.int32)
    fraction = (begin + phase) * step
    return (
        x + fraction * dx,
        y + fraction * dy,
        z + fraction * dz,
        step * dx,
        step * dy,
        step * dz,
        count,
        fraction,
    )


@triton.autotune(configs=_CONFIGS, key=_KEY)
@triton.jit
def integrate(
    volume, rays, images, size_i, size_j, size_k, rows, columns, channels, volume_stride,
    MOMENTS: tl.constexpr, TILE_V: tl.constexpr, TILE_U: tl.constexpr,
):  # fmt: skip
    """Mean along each ray: value and, with MOMENTS, gradient and fraction * gradient along i, j, k.

    Args:
        volume: (B or 1, C, K, J, I).
        rays: (B, 14) float64.
        images: (B, C, 1 or 7, rows, columns); written.
        size_i: I.
        size_j: J.
        size_k: K.
        rows: of an image.
        columns: of an image.
        channels: C.
        volume_stride: from one volume of the batch to the next; 0 if there is one for all.
        MOMENTS: whether seven images are wanted.
        TILE_V: rows of a tile.
        TILE_U: columns of a tile.
    """
    real = volume.dtype.element_ty
    image = tl.program_id(1) // channels
    channel = tl.program_id(1) % channels
    v, u, seen = _pixels(rows, columns, TILE_V, TILE_U)
    rays += image * 14
    x0, y0, z0, sx, sy, sz, count, fraction = _enter(rays, u, v, seen, size_i, size_j, size_k)
    step = tl.load(rays + 12)
    x0, y0, z0 = x0.to(real), y0.to(real), z0.to(real)
    sx, sy, sz = sx.to(real), sy.to(real), sz.to(real)
    # 64 bits: a batch may hold more than 2^31 voxels
    voxels = tl.cast(size_i, tl.int64) * size_j * size_k
    volume += image.to(tl.int64) * volume_stride + channel * voxels
    row, slice_ = size_i, size_i * size_j
    total = tl.zeros([TILE_V * TILE_U], real)
    ax, ay, az, bx, by, bz = total, total, total, total, total, total
    for n in range(0, tl.max(count)):
        m = tl.full([TILE_V * TILE_U], n, tl.int32).to(real)
        active = n < count
        x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
        i, j, k = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32), tl.floor(z).to(tl.int32)
        fx, fy, fz = x - i.to(real), y - j.to(real), z - k.to(real)
        i0, i1 = active & (i >= 0) & (i < size_i), active & (i >= -1) & (i < size_i - 1)
        j0, j1 = (j >= 0) & (j < size_j), (j >= -1) & (j < size_j - 1)
        k0, k1 = (k >= 0) & (k < size_k), (k >= -1) & (k < size_k - 1)
        at = volume + (k * slice_ + j * row + i)
        a = tl.load(at, i0 & j0 & k0, 0.0)
        x_00 = tl.load(at + 1, i1 & j0 & k0, 0.0) - a
        v_00 = a + fx * x_00
        a = tl.load(at + row, i0 & j1 & k0, 0.0)
        x_01 = tl.load(at + row + 1, i1 & j1 & k0, 0.0) - a
        v_01 = a + fx * x_01
        at += slice_
        a = tl.load(at, i0 & j0 & k1, 0.0)
        x_10 = tl.load(at + 1, i1 & j0 & k1, 0.0) - a
        v_10 = a + fx * x_10
        a = tl.load(at + row, i0 & j1 & k1, 0.0)
        x_11 = tl.load(at + row + 1, i1 & j1 & k1, 0.0) - a
        v_11 = a + fx * x_11
        y_0, y_1 = v_01 - v_00, v_11 - v_10
        low, high = v_00 + fy * y_0, v_10 + fy * y_1
        total += low + fz * (high - low)
        if MOMENTS:
            x_0, x_1 = x_00 + fy * (x_01 - x_00), x_10 + fy * (x_11 - x_10)
            gx, gy, gz = x_0 + fz * (x_1 - x_0), y_0 + fz * (y_1 - y_0), high - low
            ax += gx
            ay += gy
            az += gz
            bx += m * gx
            by += m * gy
            bz += m * gz
    scale, base = step.to(real), fraction.to(real)
    pixels = tl.cast(rows * columns, tl.int64)
    images += tl.program_id(1).to(tl.int64) * (7 if MOMENTS else 1) * pixels + v * columns + u
    tl.store(images, total * scale, seen)
    if MOMENTS:
        # numbers counted from the first sample become fractions
        tl.store(images + pixels, ax * scale, seen)
        tl.store(images + 2 * pixels, ay * scale, seen)
        tl.store(images + 3 * pixels, az * scale, seen)
        tl.store(images + 4 * pixels, (base * ax + scale * bx) * scale, seen)
        tl.store(images + 5 * pixels, (base * ay + scale * by) * scale, seen)
        tl.store(images + 6 * pixels, (base * az + scale * bz) * scale, seen)


@triton.jit
def _add(at, one, other, first, second, wanted):
    """Adds to a voxel and to its neighbour along i."""
    tl.atomic_add(at, one, first & wanted, sem="relaxed")
    tl.atomic_add(at + 1, other, second & wanted, sem="relaxed")


@triton.autotune(configs=_CONFIGS, key=_KEY, reset_to_zero=["volume"])
@triton.jit
def back_project(
    images, rays, volume, size_i, size_j, size_k, rows, columns, channels, volume_stride,
    MOMENTS: tl.constexpr, TILE_V: tl.constexpr, TILE_U: tl.constexpr,
):  # fmt: skip
    """Adjoint of `integrate`; the order of the sums, and so their last digit, differs from run to run.

    Args:
        images: (B, C, 1 or 7, rows, columns).
        rays: (B, 14) float64.
        volume: (B or 1, C, K, J, I); zero, added to.
        size_i: I.
        size_j: J.
        size_k: K.
        rows: of an image.
        columns: of an image.
        channels: C.
        volume_stride: from one volume of the batch to the next; 0 if there is one for all.
        MOMENTS: whether there are seven images.
        TILE_V: rows of a tile.
        TILE_U: columns of a tile.
    """
    real = volume.dtype.element_ty
    image = tl.program_id(1) // channels
    channel = tl.program_id(1) % channels
    v, u, seen = _pixels(rows, columns, TILE_V, TILE_U)
    rays += image * 14
    x0, y0, z0, sx, sy, sz, count, fraction = _enter(rays, u, v, seen, size_i, size_j, size_k)
    step = tl.load(rays + 12)
    x0, y0, z0 = x0.to(real), y0.to(real), z0.to(real)
    sx, sy, sz = sx.to(real), sy.to(real), sz.to(real)
    voxels = tl.cast(size_i, tl.int64) * size_j * size_k
    volume += image.to(tl.int64) * volume_stride + channel * voxels
    row, slice_ = size_i, size_i * size_j
    scale, base = step.to(real), fraction.to(real)
    pixels = tl.cast(rows * columns, tl.int64)
    images += tl.program_id(1).to(tl.int64) * (7 if MOMENTS else 1) * pixels + v * columns + u
    weight = tl.load(images, seen, 0.0) * scale
    if MOMENTS:
        ax = tl.load(images + pixels, seen, 0.0) * scale
        ay = tl.load(images + 2 * pixels, seen, 0.0) * scale
        az = tl.load(images + 3 * pixels, seen, 0.0) * scale
        bx = tl.load(images + 4 * pixels, seen, 0.0) * scale
        by = tl.load(images + 5 * pixels, seen, 0.0) * scale
        bz = tl.load(images + 6 * pixels, seen, 0.0) * scale
    for n in range(0, tl.max(count)):
        m = tl.full([TILE_V * TILE_U], n, tl.int32).to(real)
        active = n < count
        x, y, z = x0 + m * sx, y0 + m * sy, z0 + m * sz
        i, j, k = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32), tl.floor(z).to(tl.int32)
        fx, fy, fz = x - i.to(real), y - j.to(real), z - k.to(real)
        i0, i1 = active & (i >= 0) & (i < size_i), active & (i >= -1) & (i < size_i - 1)
        j0, j1 = (j >= 0) & (j < size_j), (j >= -1) & (j < size_j - 1)
        k0, k1 = (k >= 0) & (k < size_k), (k >= -1) & (k < size_k - 1)
        gx, gy, gz = 1.0 - fx, 1.0 - fy, 1.0 - fz  # weights of the lower neighbours
        at = volume + (k * slice_ + j * row + i)
        # a corner gets the weight of the value, and of each gradient with +-1 along its axis
        p_00, p_01 = weight * gy * gz, weight * fy * gz
        p_10, p_11 = weight * gy * fz, weight * fy * fz
        if MOMENTS:
            at_fraction = base + m * scale
            wx, wy, wz = ax + at_fraction * bx, ay + at_fraction * by, az + at_fraction * bz
            p_00 -= wy * gz + wz * gy
            p_01 += wy * gz - wz * fy
            p_10 += wz * gy - wy * fz
            p_11 += wy * fz + wz * fy
            _add(at, p_00 * gx - wx * gy * gz, p_00 * fx + wx * gy * gz, i0, i1, j0 & k0)
            _add(at + row, p_01 * gx - wx * fy * gz, p_01 * fx + wx * fy * gz, i0, i1, j1 & k0)
            at += slice_
            _add(at, p_10 * gx - wx * gy * fz, p_10 * fx + wx * gy * fz, i0, i1, j0 & k1)
            _add(at + row, p_11 * gx - wx * fy * fz, p_11 * fx + wx * fy * fz, i0, i1, j1 & k1)
        else:
            _add(at, p_00 * gx, p_00 * fx, i0, i1, j0 & k0)
            _add(at + row, p_01 * gx, p_01 * fx, i0, i1, j1 & k0)
            at += slice_
            _add(at, p_10 * gx, p_10 * fx, i0, i1, j0 & k1)
            _add(at + row, p_11 * gx, p_11 * fx, i0, i1, j1 & k1)
