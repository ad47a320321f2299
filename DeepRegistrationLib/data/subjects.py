"""Brains as training needs them: small cubes of intensity, mask and tissues, all on one device."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, eq=False)
class SubjectCubes:
    """S brains in the canonical cube (`geometry/canonical_grid.py`) of m^3 voxels.

    Attributes:
        intensity: (S, 1, m, m, m) float32; 0..1 between two percentiles of the brain, also around it.
        mask: (S, 1, m, m, m) float32; share of each voxel that is brain.
        tissues: (S, T, m, m, m) float32; share of each voxel that is each tissue of `tissues.TISSUES`.
        ages_weeks: (S,) float32; gestational age.
        names: for model cards.
    """

    intensity: torch.Tensor
    mask: torch.Tensor
    tissues: torch.Tensor
    ages_weeks: torch.Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size(self) -> int:
        """Voxels m along each edge."""
        return self.intensity.shape[-1]

    def to(self, device: torch.device) -> "SubjectCubes":
        """The same brains on a device."""
        tensors = (self.intensity, self.mask, self.tissues, self.ages_weeks)
        return SubjectCubes(*(tensor.to(device) for tensor in tensors), self.names)
