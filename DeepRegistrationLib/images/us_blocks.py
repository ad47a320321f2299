"""What goes through whole frames once: means over blocks of pixels, and the extremes of every pixel.

On the CPU machine code (numba) does it in a fraction of the time.
"""

import torch

from DeepRegistrationLib.images.us_texture import machine_code_takes


def block_means(images: torch.Tensor, blocks: tuple[int, int]) -> torch.Tensor:
    """Means over blocks; blocks that are cut by the border average what there is.

    Args:
        images: (B, C, n, m) float.
        blocks: rows and columns of a block.

    Returns:
        (B, C, ceil(n / rows), ceil(m / columns)).
    """
    if blocks == (1, 1):
        return images
    if not machine_code_takes(images):
        return torch.nn.functional.avg_pool2d(images, blocks, ceil_mode=True, count_include_pad=False)
    from DeepRegistrationLib.images.us_box_kernels import block_means as by_machine_code

    size = [-(-length // block) for length, block in zip(images.shape[2:], blocks, strict=True)]
    out = torch.empty(*images.shape[:2], *size)
    planes, means = (of.numpy().reshape(-1, *of.shape[2:]) for of in (images.contiguous(), out))
    by_machine_code(planes, *blocks, means)
    return out


def extremes(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Smallest and largest value of every pixel over all frames.

    Args:
        frames: (N, rows, columns) float; no NaN.

    Returns:
        Two (rows, columns).
    """
    if not machine_code_takes(frames):
        return frames.amin(0), frames.amax(0)
    from DeepRegistrationLib.images.us_box_kernels import extremes as by_machine_code

    darkest, brightest = (torch.empty(frames.shape[1:]) for _ in range(2))
    by_machine_code(frames.contiguous().numpy(), darkest.numpy(), brightest.numpy())
    return darkest, brightest
