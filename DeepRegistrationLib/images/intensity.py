"""Making intensities of different images comparable."""

import torch

from DeepRegistrationLib.errors import InputError


def normalize_robust(
    values: torch.Tensor, mask: torch.Tensor | None = None, percentiles: tuple[float, float] = (1.0, 99.0)
) -> torch.Tensor:
    """Maps two percentiles to 0 and 1 and clips what lies outside.

    Args:
        values: any shape, floating.
        mask: same shape; the percentiles are taken where it is not zero. None takes all.
        percentiles: lower and upper [%].

    Returns:
        Same shape and type, 0 to 1.

    Raises:
        InputError: the mask is empty, or both percentiles have the same intensity.
    """
    inside = _inside(values, mask)
    low, high = (percentile(inside, p) for p in percentiles)
    if not high > low:
        raise InputError(
            f"The intensities from the {percentiles[0]:g}th to the {percentiles[1]:g}th percentile are all "
            f"{low:.4g}, so the image shows no structure there. Choose another image or mask."
        )
    return ((values - low) / (high - low)).clamp(0.0, 1.0)


def zero_mean_unit_variance(values: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Subtracts the mean and divides by the standard deviation.

    Args:
        values: any shape, floating.
        mask: same shape; mean and deviation are taken where it is not zero. None takes all.

    Returns:
        Same shape and type; also outside the mask.

    Raises:
        InputError: the mask is empty, or the intensity is constant.
    """
    mean, deviation = _mean_and_deviation(values, mask)
    return (values - mean) / deviation


def match_mean_and_deviation(
    values: torch.Tensor,
    mask: torch.Tensor | None,
    reference: torch.Tensor,
    reference_mask: torch.Tensor | None,
) -> torch.Tensor:
    """Gives an image the mean and standard deviation of another.

    Args:
        values: any shape, floating.
        mask: same shape as `values`, or None.
        reference: any shape, floating.
        reference_mask: same shape as `reference`, or None.

    Returns:
        Shape and type of `values`.

    Raises:
        InputError: a mask is empty, or an image is constant.
    """
    mean, deviation = _mean_and_deviation(reference, reference_mask)
    return zero_mean_unit_variance(values, mask) * deviation + mean


def percentile(values: torch.Tensor, percent: float) -> float:
    """Value below which that share lies (nearest rank; no limit on the number of values).

    Args:
        values: at least one.
        percent: 0 to 100.

    Returns:
        One of the values.
    """
    flat = values.flatten()
    rank = 1 + round(percent / 100 * (flat.numel() - 1))
    return float(flat.kthvalue(rank).values)


def _inside(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    inside = values.flatten() if mask is None else values[mask != 0]
    if inside.numel() == 0:
        raise InputError("The mask is empty: no voxel is left to take intensities from. Choose another mask.")
    return inside


def _mean_and_deviation(values: torch.Tensor, mask: torch.Tensor | None) -> tuple[float, float]:
    inside = _inside(values, mask)
    deviation, mean = torch.std_mean(inside, correction=0)
    if not deviation > 1e-6 * mean.abs():
        raise InputError(
            f"The intensity is {mean.item():.4g} everywhere, so the image shows no structure. "
            "Choose another image or mask."
        )
    return mean.item(), deviation.item()
