"""Local correlation: around every voxel a line of its own explains the fixed intensities by the moving ones.

The similarity is the mean squared local correlation (Cachier and Pennec, 2000), which follows bias fields
and, since the sign is free, other contrasts. In least-squares form: with local slope a and intercept b, 1 -
correlation^2 is the windowed mean of (f - a m - b)^2 divided by the local variance of f.
"""

import torch
import torch.nn.functional as F

from DeepRegistrationLib.similarity.fit import IntensityFit


class LocalCorrelation:
    """Mean squared local correlation on a regular grid.

    Args:
        fixed: (K, J, I) float; fixed intensities, scaled to about 0..1.
        weights: (K, J, I) float, >= 0; zero where a voxel does not count.
        radius: windows have 2 radius + 1 voxels along each axis.
        noise: standard deviation below which a window counts as flat, on the scale of `fixed`.
    """

    def __init__(
        self, fixed: torch.Tensor, weights: torch.Tensor, radius: int = 2, noise: float = 0.02
    ) -> None:
        self.shape = fixed.shape
        self.radius = radius
        self.fixed, self.weights = fixed[None, None], weights[None, None]
        self.count = self._window(self.weights).clamp(min=1e-6)
        self.fixed_mean = self._window(self.weights * self.fixed) / self.count
        self.fixed_variance = self._window(self.weights * self.fixed**2) / self.count - self.fixed_mean**2
        self.fixed_variance = self.fixed_variance.clamp(min=0)
        self.noise_variance = noise**2
        self.strength = (self.weights / (self.fixed_variance + self.noise_variance)).sqrt()
        self.total = (self.weights * self.fixed_variance / (self.fixed_variance + self.noise_variance)).sum()

    def __call__(self, moving: torch.Tensor) -> IntensityFit:
        """Fits N poses at once; points are the grid's voxels, k slowest. See `LeastSquaresSimilarity`."""
        images = moving.reshape(-1, 1, *self.shape)
        weighted = self.weights * images
        windows = (
            self._window(torch.cat([weighted, weighted * images, weighted * self.fixed], 1)) / self.count
        )
        mean, square, product = windows.split(1, 1)
        variance = (square - mean**2).clamp(min=0) + self.noise_variance
        covariance = product - mean * self.fixed_mean
        slope = covariance / variance
        explained = slope * covariance / (self.fixed_variance + self.noise_variance)
        residual = (self.fixed - self.fixed_mean - slope * (images - mean)) * self.strength
        n = len(images)
        return IntensityFit(
            similarity=(self.weights * explained).flatten(1).sum(-1) / self.total,
            residual=residual.reshape(n, -1),
            slope=(slope * self.strength).reshape(n, -1),
            basis=moving.new_zeros((n, moving.shape[1], 0)),
        )

    def _window(self, images: torch.Tensor) -> torch.Tensor:
        """Sums over windows, zeros outside the grid; three passes of one axis each."""
        size, pad = 2 * self.radius + 1, self.radius
        for axis in range(3):
            kernel = [1, 1, 1]
            padding = [0, 0, 0]
            kernel[axis], padding[axis] = size, pad
            images = F.avg_pool3d(images, kernel, stride=1, padding=padding) * size
        return images
