"""A volume prepared for the refinement of slices: averaged over the slice's thickness."""

import torch

from DeepRegistrationLib.optimize.moving_sampler import MovingSampler
from DeepRegistrationLib.optimize.pose_batch import PoseBatch


class SliceSampler:
    """Samples one volume as thick slices see it, for many poses at once.

    Args:
        volume: sampler of the volume; its own resolution counts as part of the thickness.
        normal: (3,); direction of the slices' normal, in the frame of the offsets; unit length.
        thickness_mm: thickness that is still missing [mm]; 0 samples the middle only.
        samples: number of samples across.
    """

    def __init__(
        self, volume: MovingSampler, normal: torch.Tensor, thickness_mm: float, samples: int = 3
    ) -> None:
        self.volume = volume
        count = samples if thickness_mm > 0 else 1
        # middles of equal parts of a box as thick as the slice
        depths_mm = thickness_mm * ((torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5)
        self.shifts = (depths_mm[:, None] * normal.cpu().double()).to(normal)  # (T, 3)

    def linearized(
        self, poses: PoseBatch, offsets: torch.Tensor, scaling: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and their changes; see `MovingSampler.linearized`."""
        values, changes = self.volume.linearized(poses, self._through(offsets), scaling)
        return self._averaged(values), self._averaged(changes)

    def values(self, poses: PoseBatch, offsets: torch.Tensor) -> torch.Tensor:
        """(N, P); values alone."""
        return self._averaged(self.volume.values(poses, self._through(offsets)))

    def _through(self, offsets: torch.Tensor) -> torch.Tensor:
        """(T P, 3); every point at every depth of the slice."""
        return (offsets + self.shifts[:, None]).reshape(-1, 3)

    def _averaged(self, found: torch.Tensor) -> torch.Tensor:
        """(N, P, ...) from (N, T P, ...)."""
        return found.unflatten(1, (len(self.shifts), -1)).mean(1)
