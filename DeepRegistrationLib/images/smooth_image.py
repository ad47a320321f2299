"""Smoothing of flat images with a Gaussian; along each axis it is one matrix product."""

import torch


def smooth_image(image: torch.Tensor, sigma_px: float | tuple[float, float]) -> torch.Tensor:
    """Convolves with a Gaussian; at the border the weights that remain are normalized.

    Args:
        image: (..., rows, columns) floating.
        sigma_px: standard deviation [pixels], or one each along rows and columns. 0 changes nothing.

    Returns:
        The same shape.
    """
    along_rows, along_columns = sigma_px if isinstance(sigma_px, tuple) else (sigma_px, sigma_px)
    rows, columns = image.shape[-2:]
    if along_rows > 0:
        image = _weights(rows, along_rows, image) @ image
    if along_columns > 0:
        image = image @ _weights(columns, along_columns, image).T
    return image


def _weights(count: int, sigma: float, like: torch.Tensor) -> torch.Tensor:
    """(n, n); a row holds the weights of one smoothed pixel."""
    index = torch.arange(count, device=like.device, dtype=like.dtype)
    weights = torch.exp(-0.5 * ((index[:, None] - index) / sigma).square())
    return weights / weights.sum(1, keepdim=True)
