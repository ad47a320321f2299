"""Ultrasound images freed of gain, depth gain and shadows: what is left are edges and texture.

On the CPU machine code (numba) does it in a sixth of the time; the numbers are those of torch.
"""

from functools import cache

import torch

from DeepRegistrationLib.task_pool import run_tasks, split_evenly

_WINDOW = 0.14
"""Edge of the neighbourhood, relative to the image."""
_FLAT = 0.02
"""Deviation that counts as nothing; grey values reach from 0 to 1."""
_LARGEST = 3.0
_SPECKLE = 5
"""Pixels; on 128 pixels a few grains of speckle."""


def locally_normalized(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Each pixel less the mean of its neighbourhood, in units of the neighbourhood's deviation.

    A gain that varies smoothly with place and depth, and a different brightness, leave no trace. The
    neighbourhood is two box means after each other, nearly round, so that a turned image stays the turned
    image.

    Args:
        images: (B, C, n, n) float; about 0 to 1.
        mask: (B or 1, 1, n, n) float; 1 where pixels count, else 0.

    Returns:
        (B, C, n, n); within -3..3, 0 outside the mask.
    """
    return _normalized(images, mask, 2 * round(_WINDOW * images.shape[-1] / 2) + 1, 2)


def fine_texture(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Speckle alone: each pixel against the 5 x 5 around it.

    Speckle changes within a fraction of the beam's width out of plane, while edges of organs stay: two frames
    whose edges fit and whose speckle does not were taken at different places.

    Args:
        images: (B, C, n, n) float; about 0 to 1.
        mask: (B or 1, 1, n, n) float; 1 where pixels count, else 0.

    Returns:
        (B, C, n, n); within -3..3, 0 outside the mask.

    Source: Chen et al., "Determination of scan-plane motion using speckle decorrelation", Int. J. Imaging
        Systems and Technology 1997.
    """
    return _normalized(images, mask, _SPECKLE, 1)


def blurred(images: torch.Tensor, width: int, times: int) -> torch.Tensor:
    """Moving averages along both axes; outside is zero.

    Args:
        images: (B, C, n, n) float.
        width: of the window, odd [pixels].
        times: averages after each other; 2 is nearly round.
    """
    if machine_code_takes(images):
        from DeepRegistrationLib.images.us_box_kernels import box_means

        out = images.clone(memory_format=torch.contiguous_format)
        planes = out.numpy().reshape(-1, *images.shape[2:])
        run_tasks([(box_means, (planes[a:b], width // 2, times)) for a, b in _shares(len(planes))])
        return out
    # products with a banded matrix: faster than running sums or convolutions, as far as torch has them
    band = _band(images.shape[-1], width, times).to(images)
    return band @ images @ band  # the matrix is symmetric


@cache
def machine_code_is_available() -> bool:
    """True if numba is installed, fits numpy, and may keep what it compiles."""
    try:
        from DeepRegistrationLib.images import us_box_kernels  # noqa: F401
    except (ImportError, RuntimeError):  # RuntimeError: no place for what is compiled
        return False
    return True


def machine_code_takes(images: torch.Tensor) -> bool:
    """True if there is machine code for images of this kind, on this device."""
    fits = images.device.type == "cpu" and images.dtype == torch.float32 and not images.requires_grad
    return fits and machine_code_is_available()


def _normalized(images: torch.Tensor, mask: torch.Tensor, width: int, times: int) -> torch.Tensor:
    weight = blurred(mask, width, times).clamp(min=1e-3)
    if machine_code_takes(images):
        return _normalized_by_machine_code(images, mask, weight, width, times)
    centred = images - blurred(images * mask, width, times) / weight
    deviation = (blurred(centred.square() * mask, width, times) / weight).clamp(min=0).sqrt()
    return (centred / (deviation + _FLAT)).clamp(-_LARGEST, _LARGEST) * mask


def _normalized_by_machine_code(
    images: torch.Tensor, mask: torch.Tensor, weight: torch.Tensor, width: int, times: int
) -> torch.Tensor:
    from DeepRegistrationLib.images.us_box_kernels import normalize

    out = torch.empty_like(images, memory_format=torch.contiguous_format)
    size = images.shape[2:]
    if len(mask) > 1 and images.shape[1] > 1:  # one mask for each plane
        mask, weight = (of.expand(-1, images.shape[1], -1, -1) for of in (mask, weight))
    given, masks, weights = (of.contiguous().numpy().reshape(-1, *size) for of in (images, mask, weight))
    planes = out.numpy().reshape(-1, *size)

    def part(a: int, b: int) -> None:
        own = slice(a, b) if len(masks) > 1 else slice(0, 1)
        of_mask = (masks[own], weights[own])
        normalize(given[a:b], *of_mask, width // 2, times, _FLAT, _LARGEST, planes[a:b])

    run_tasks([(part, share) for share in _shares(len(planes))])
    return out


def _shares(planes: int) -> list[tuple[int, int]]:
    return split_evenly(planes, max(1, min(planes, torch.get_num_threads())))


@cache
def _band(size: int, width: int, times: int) -> torch.Tensor:
    """(n, n); one row holds the weights of one pixel."""
    index = torch.arange(size)
    once = ((index[:, None] - index).abs() <= width // 2).double() / width
    return torch.linalg.matrix_power(once, times).float()
