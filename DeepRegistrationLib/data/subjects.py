"""Brains as training needs them: small cubes of intensity, mask and tissues, all on one device."""

from collections.abc import Sequence
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
        origin: (S, 3) float32; where the centre of the whole brain lies in the cube, which may be centred at
            a part of it [brain radii of the cube].
        names: for model cards.
    """

    intensity: torch.Tensor
    mask: torch.Tensor
    tissues: torch.Tensor
    ages_weeks: torch.Tensor
    origin: torch.Tensor
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size(self) -> int:
        """Voxels m along each edge."""
        return self.intensity.shape[-1]

    def to(self, device: torch.device) -> "SubjectCubes":
        """The same brains on a device."""
        tensors = (self.intensity, self.mask, self.tissues, self.ages_weeks, self.origin)
        return SubjectCubes(*(tensor.to(device) for tensor in tensors), self.names)

    def joined(self, other: "SubjectCubes") -> "SubjectCubes":
        """These brains, then the others."""
        return SubjectCubes(
            intensity=torch.cat([self.intensity, other.intensity]),
            mask=torch.cat([self.mask, other.mask]),
            tissues=torch.cat([self.tissues, other.tissues]),
            ages_weeks=torch.cat([self.ages_weeks, other.ages_weeks]),
            origin=torch.cat([self.origin, other.origin]),
            names=(*self.names, *other.names),
        )

    def taken(self, chosen: Sequence[int]) -> "SubjectCubes":
        """Some of these brains."""
        index = list(chosen)
        tensors = (self.intensity, self.mask, self.tissues, self.ages_weeks, self.origin)
        return SubjectCubes(*(tensor[index] for tensor in tensors), tuple(self.names[i] for i in index))
