"""Local correlation: around every voxel a line of its own explains fixed intensities by moving ones.

The similarity is the mean squared local correlation (Cachier and Pennec, MMBIA 2000), which follows bias
fields and, since the sign is free, other contrasts. With local slope a and intercept b, 1 - correlation^2 of
a window is the mean of (f - a m - b)^2 over it, divided by the variance of f: a sum of squares over all
windows and their voxels.
"""

import math

import torch
import torch.nn.functional as F

from DeepRegistrationLib.similarity.fit import IntensityFit


class LocalCorrelation:
    """Mean squared local correlation on a regular grid.

    Moving intensities are given at the voxels that count only, in the order of `inside`.

    Args:
        fixed: (K, J, I) float; fixed intensities, scaled to about 0..1.
        weights: (K, J, I) float, >= 0; zero where a voxel does not count.
        radius: windows have 2 radius + 1 voxels along each axis; three numbers give each of k, j, i its own
            (0 along k keeps every slice to itself).
        noise: standard deviation below which a window counts as flat, on the scale of `fixed`.
        shared_noise: both images are thought to hold the same noise: windows that are flat in both then fit,
            and an image fits itself perfectly. For images of one contrast and one scale; without it flat
            windows do not count.

    Attributes:
        inside: (P,) int64; flat indices, k slowest, of the voxels with weight.
    """

    def __init__(
        self,
        fixed: torch.Tensor,
        weights: torch.Tensor,
        radius: int | tuple[int, int, int] = 2,
        noise: float = 0.02,
        shared_noise: bool = False,
    ) -> None:
        self.shape = fixed.shape
        self.radius_kji = (radius,) * 3 if isinstance(radius, int) else radius
        self.inside = torch.nonzero(weights.flatten() > 0).flatten()
        self.fixed, self.weights = fixed[None, None], weights[None, None]
        self.count = self._window(self.weights).clamp(min=1e-6)
        self.fixed_mean = self._window(self.weights * self.fixed) / self.count
        self.fixed_variance = self._window(self.weights * self.fixed**2) / self.count - self.fixed_mean**2
        self.fixed_variance = self.fixed_variance.clamp(min=0)
        self.noise_variance = noise**2
        self.fixed_spread = self.fixed_variance + self.noise_variance
        self.shared_variance = self.noise_variance if shared_noise else 0.0
        shared = self.fixed_variance + self.shared_variance
        self.total = (self.weights * shared / self.fixed_spread).sum()
        self._tiles, self._tile_centres = self._side_by_side()

    def __call__(self, moving: torch.Tensor) -> IntensityFit:
        """Fits N poses at once; moving is (N, P). See `LeastSquaresSimilarity`."""
        images = moving.new_zeros((len(moving), self.fixed.numel()))
        images[:, self.inside] = moving
        images = images.reshape(-1, 1, *self.shape)
        weighted = self.weights * images
        windows = self._window(torch.cat([weighted, weighted * images, weighted * self.fixed], 1))
        mean, square, product = (windows / self.count).split(1, 1)
        variance = (square - mean**2).clamp(min=0) + self.noise_variance
        covariance = product - mean * self.fixed_mean + self.shared_variance
        slope = covariance / variance
        explained = slope * covariance / self.fixed_spread
        # each voxel belongs to many windows: sums over them give half the gradient by its intensity, exactly,
        # and the Gauss-Newton curvature
        share = self.weights * slope / (self.fixed_spread * self.count)
        sums = self._window(
            torch.cat([share, share * self.fixed_mean, share * slope, share * slope * mean], 1)
        )
        by_fixed, offset_fixed, curvature, offset_moving = sums.split(1, 1)
        pull = self._pick(
            self.weights * (self.fixed * by_fixed - offset_fixed - images * curvature + offset_moving)
        )
        slope_of_voxel = self._pick(self.weights * curvature).clamp(min=0).sqrt()
        stiffness = (share * slope / self.count).flatten(1)[:, self._tile_centres]  # (N, T)

        def absorbed(columns: torch.Tensor) -> torch.Tensor:
            """Changes of the windows' means, which intercepts follow; windows side by side stand for all."""
            weighted = columns * self.weights.flatten()[self.inside][:, None]
            sums = columns.new_zeros((len(columns), len(self._tile_centres), columns.shape[2]))
            sums.index_add_(1, self._tiles, weighted)  # (N, T, S)
            overlap = math.prod(2 * radius + 1 for radius in self.radius_kji)
            return overlap * (sums * stiffness[..., None]).mT @ sums

        return IntensityFit(
            similarity=(self.weights * explained).flatten(1).sum(-1) / self.total,
            residual=torch.where(slope_of_voxel > 1e-9, pull / slope_of_voxel.clamp(min=1e-9), 0.0),
            slope=slope_of_voxel,
            absorbed=absorbed,
        )

    def _pick(self, images: torch.Tensor) -> torch.Tensor:
        """(N, P) from (N, 1, K, J, I)."""
        return images.flatten(1)[:, self.inside]

    def _side_by_side(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows that touch and do not overlap: which one each inside voxel is in, and where they centre.

        Returns:
            (P,) int64, number of the window; (T,) int64, flat index of the centre voxel of each window.
        """
        size = [2 * radius + 1 for radius in self.radius_kji]
        k, j, i = torch.unravel_index(self.inside, self.shape)
        counts = [-(-extent // step) for extent, step in zip(self.shape, size, strict=True)]
        tiles = ((k // size[0]) * counts[1] + j // size[1]) * counts[2] + i // size[2]
        centres = [
            (torch.arange(count, device=tiles.device) * step + step // 2).clamp(max=extent - 1)
            for count, step, extent in zip(counts, size, self.shape, strict=True)
        ]
        k, j, i = torch.meshgrid(*centres, indexing="ij")
        return tiles, ((k * self.shape[1] + j) * self.shape[2] + i).flatten()

    def _window(self, images: torch.Tensor) -> torch.Tensor:
        """Sums over windows, zeros outside the grid; three passes of one axis each."""
        for axis, radius in enumerate(self.radius_kji):
            if radius == 0:
                continue
            kernel = [1, 1, 1]
            padding = [0, 0, 0]
            kernel[axis], padding[axis] = 2 * radius + 1, radius
            images = F.avg_pool3d(images, kernel, stride=1, padding=padding) * (2 * radius + 1)
        return images
