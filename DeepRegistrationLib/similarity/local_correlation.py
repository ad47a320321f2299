"""Local correlation: around every voxel a line of its own explains fixed intensities by moving ones.

The similarity is the mean squared local correlation (Cachier and Pennec, MMBIA 2000), which follows bias
fields and, since the sign is free, other contrasts. With local slope a and intercept b, 1 - correlation^2 of
a window is the mean of (f - a m - b)^2 over it, divided by the variance of f: a sum of squares over all
windows and their voxels.
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
        self.fixed_spread = self.fixed_variance + self.noise_variance
        self.total = (self.weights * self.fixed_variance / self.fixed_spread).sum()

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
        explained = slope * covariance / self.fixed_spread
        # each voxel belongs to many windows: sums over them give half the gradient by its intensity, exactly,
        # and the Gauss-Newton curvature
        share = self.weights * slope / (self.fixed_spread * self.count)
        sums = self._window(
            torch.cat([share, share * self.fixed_mean, share * slope, share * slope * mean], 1)
        )
        by_fixed, offset_fixed, curvature, offset_moving = sums.split(1, 1)
        pull = self.weights * (self.fixed * by_fixed - offset_fixed - images * curvature + offset_moving)
        slope_of_voxel = (self.weights * curvature).clamp(min=0).sqrt()
        residual = torch.where(slope_of_voxel > 1e-9, pull / slope_of_voxel.clamp(min=1e-9), 0.0)
        n = len(images)

        def absorbed(columns: torch.Tensor) -> torch.Tensor:
            """Changes of the windows' means, which the intercepts follow; estimated on windows side by
            side.
            """
            size = 2 * self.radius + 1
            grids = (self.weights * columns.mT.reshape(n, -1, *self.shape)).contiguous()
            means = (
                F.avg_pool3d(grids, size, stride=size) * size**3
            )  # (N, S, K', J', I'); sums of the windows
            inner = (slice(None), slice(None), *(slice(self.radius, extent, size) for extent in self.shape))
            stiffness = (share * slope / self.count)[inner][
                ..., : means.shape[2], : means.shape[3], : means.shape[4]
            ]
            weighted = (means * stiffness).flatten(2)
            return size**3 * weighted @ means.flatten(2).mT

        return IntensityFit(
            similarity=(self.weights * explained).flatten(1).sum(-1) / self.total,
            residual=residual.reshape(n, -1),
            slope=slope_of_voxel.reshape(n, -1),
            absorbed=absorbed,
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
