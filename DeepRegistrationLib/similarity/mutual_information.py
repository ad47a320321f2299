"""Normalized mutual information with smooth histograms, differentiable in the moving intensities."""

import torch


class MutualInformation:
    """(H(fixed) + H(moving)) / H(fixed, moving) - 1 from a joint histogram.

    Normalization after Studholme et al., Pattern Recognition 32, 1999; cubic B-spline windows on the moving
    side after Mattes et al., IEEE TMI 22, 2003.

    Args:
        fixed: (P,) float; fixed intensities, scaled to about 0..1.
        weights: (P,) float, >= 0; weight of each point.
        bins: number of bins between 0 and 1 on either side.
    """

    def __init__(self, fixed: torch.Tensor, weights: torch.Tensor, bins: int = 32) -> None:
        self.bins = bins
        share = weights / weights.sum()
        self.fixed_windows = _hat_windows(fixed, bins) * share[:, None]  # (P, bins)

    def __call__(self, moving: torch.Tensor) -> torch.Tensor:
        """Value for moving intensities (P,) on the scale 0..1; 0 (independent) to 1 (equal up to
        recolouring).
        """
        joint = self.fixed_windows.T @ _cubic_windows(moving, self.bins)  # (bins, bins + 2)
        joint = joint / joint.sum()
        entropies = _entropy(joint.sum(0)) + _entropy(joint.sum(1))
        return entropies / _entropy(joint).clamp(min=1e-9) - 1


def _entropy(probabilities: torch.Tensor) -> torch.Tensor:
    safe = probabilities.clamp(min=1e-12)
    return -(safe * safe.log()).sum()


def _hat_windows(values: torch.Tensor, bins: int) -> torch.Tensor:
    """(P, bins) linear shares in the two nearest bins."""
    position = values.clamp(0, 1)[:, None] * (bins - 1)
    centres = torch.arange(bins).to(values)
    return (1 - (position - centres).abs()).clamp(min=0)


def _cubic_windows(values: torch.Tensor, bins: int) -> torch.Tensor:
    """(P, bins + 2) cubic B-spline shares; one bin more on either side so that the shares always add to
    one.
    """
    position = values.clamp(0, 1)[:, None] * (bins - 1)
    distance = (position - torch.arange(-1, bins + 1).to(values)).abs()
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = (2 - distance).clamp(min=0) ** 3 / 6
    return torch.where(distance < 1, near, far)
