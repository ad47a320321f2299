"""Moving averages and local normalization of square images, means over blocks, extremes over frames, in
machine code (numba); `us_texture` and `us_blocks` say the same in torch.

Running sums go down the rows, all columns at once, then down those of the turned image: everything stays in
the processor's cache, and the width of the window costs nothing.
"""

import numpy as np
from numba import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
FAST = {"reassoc", "contract", "arcp", "nsz"}
_TILE = 16


@njit(fastmath=FAST, **OPTIONS)
def _down(source, target, half):
    """Means over 2 half + 1 rows; beyond the image is zero."""
    size = source.shape[0]
    inverse = np.float32(1.0 / (2 * half + 1))
    running = np.zeros(size, np.float32)
    for j in range(min(half, size)):
        for i in range(size):
            running[i] += source[j, i]
    for j in range(size):
        enters, leaves = j + half, j - half - 1
        if enters < size:
            for i in range(size):
                running[i] += source[enters, i]
        if leaves >= 0:
            for i in range(size):
                running[i] -= source[leaves, i]
        for i in range(size):
            target[j, i] = running[i] * inverse


@njit(**OPTIONS)
def _turned(source, target):
    """Rows become columns, tile by tile: a whole column would not stay in the cache."""
    size = source.shape[0]
    for top in range(0, size, _TILE):
        for left in range(0, size, _TILE):
            for j in range(top, min(top + _TILE, size)):
                for i in range(left, min(left + _TILE, size)):
                    target[i, j] = source[j, i]


@njit(**OPTIONS)
def _mean(image, other, half, times):
    """Averages `image` in place along both axes; `other` is a place to work in."""
    for _ in range(2):
        for _ in range(times):
            _down(image, other, half)
            image, other = other, image
        _turned(image, other)
        image, other = other, image
    # an even number of exchanges: the result is where it began


@njit(**OPTIONS)
def box_means(images, half, times):
    """Averages images in place.

    Args:
        images: (B, n, n) float32.
        half: the window has 2 half + 1 pixels.
        times: averages after each other.
    """
    other = np.empty((images.shape[1], images.shape[2]), np.float32)
    for index in range(images.shape[0]):
        _mean(images[index], other, half, times)


@njit(fastmath=FAST, **OPTIONS)
def _centre(image, mask, weight, mean, centred, squared):
    size = image.shape[0]
    for j in range(size):
        for i in range(size):
            value = image[j, i] - mean[j, i] / weight[j, i]
            centred[j, i] = value
            squared[j, i] = value * value * mask[j, i]


@njit(fastmath=FAST, **OPTIONS)
def _divide(centred, mask, weight, squared, flat, largest, out):
    size = centred.shape[0]
    for j in range(size):
        for i in range(size):
            variance = max(squared[j, i] / weight[j, i], np.float32(0.0))
            value = centred[j, i] / (np.sqrt(variance) + flat)
            out[j, i] = min(max(value, -largest), largest) * mask[j, i]


@njit(**OPTIONS)
def normalize(images, mask, weight, half, times, flat, largest, out):
    """Images less their local mean, in units of the local deviation.

    Args:
        images: (B, n, n) float32.
        mask: (1 or B, n, n) float32; 0 or 1.
        weight: (1 or B, n, n) float32; local mean of the mask, not 0.
        half: the window has 2 half + 1 pixels.
        times: averages after each other.
        flat: deviation that counts as nothing.
        largest: of the result.
        out: (B, n, n) float32; receives the result.
    """
    size = images.shape[1]
    mean = np.empty((size, size), np.float32)
    other, centred = np.empty_like(mean), np.empty_like(mean)
    flat, largest = np.float32(flat), np.float32(largest)
    for index in range(images.shape[0]):
        image = images[index]
        which = index if mask.shape[0] > 1 else 0
        seen, share = mask[which], weight[which]
        for j in range(size):
            for i in range(size):
                mean[j, i] = image[j, i] * seen[j, i]
        _mean(mean, other, half, times)
        _centre(image, seen, share, mean, centred, mean)
        _mean(mean, other, half, times)
        _divide(centred, seen, share, mean, flat, largest, out[index])


@njit(fastmath=FAST, **OPTIONS)
def block_means(images, rows, columns, out):
    """Means over blocks; a block that the border cuts averages what there is.

    Args:
        images: (B, n, m) float32.
        rows: of a block.
        columns: of a block.
        out: (B, ceil(n / rows), ceil(m / columns)) float32; receives the means.
    """
    height, width = images.shape[1], images.shape[2]
    running = np.empty(width, np.float32)
    for index in range(images.shape[0]):
        for j in range(out.shape[1]):
            first, last = j * rows, min((j + 1) * rows, height)
            for i in range(width):
                running[i] = images[index, first, i]
            for row in range(first + 1, last):
                for i in range(width):
                    running[i] += images[index, row, i]
            for i in range(out.shape[2]):
                left, right = i * columns, min((i + 1) * columns, width)
                total = np.float32(0.0)
                for column in range(left, right):
                    total += running[column]
                out[index, j, i] = total / np.float32((last - first) * (right - left))


@njit(**OPTIONS)
def extremes(frames, darkest, brightest):
    """Smallest and largest value of every pixel.

    Args:
        frames: (N, rows, columns) float32.
        darkest: (rows, columns) float32; receives the smallest.
        brightest: (rows, columns) float32; receives the largest.
    """
    darkest[:] = frames[0]
    brightest[:] = frames[0]
    for index in range(1, frames.shape[0]):
        for j in range(frames.shape[1]):
            for i in range(frames.shape[2]):
                value = frames[index, j, i]
                darkest[j, i] = min(darkest[j, i], value)
                brightest[j, i] = max(brightest[j, i], value)
