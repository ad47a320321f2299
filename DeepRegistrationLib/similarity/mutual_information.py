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

    def histogram_changes(
        self, moving: torch.Tensor, changes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Joint histogram, and how it changes with the parameters of a pose.

        Args:
            moving: (P,); moving intensities on the scale 0..1.
            changes: (S, P); their derivatives by the parameters.

        Returns:
            (bins, bins + 2), adding up to 1; (S, bins, bins + 2), each adding up to 0.
        """
        joint = self.fixed_windows.T @ _cubic_windows(moving, self.bins)
        slopes = _cubic_slopes(moving, self.bins)  # (P, bins + 2)
        by_pose = torch.einsum("pi,sp,pj->sij", self.fixed_windows, changes, slopes)
        return joint / joint.sum(), by_pose / joint.sum()


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


def _cubic_slopes(values: torch.Tensor, bins: int) -> torch.Tensor:
    """(P, bins + 2); derivatives of `_cubic_windows` by the values, 0 where these are clamped."""
    inside = (values >= 0) & (values <= 1)
    position = values.clamp(0, 1)[:, None] * (bins - 1)
    offset = position - torch.arange(-1, bins + 1).to(values)
    distance = offset.abs()
    near = -2 * distance + 1.5 * distance**2
    far = -((2 - distance).clamp(min=0) ** 2) / 2
    return torch.where(distance < 1, near, far) * offset.sign() * (bins - 1) * inside[:, None]
