"""A volume: values and where they lie."""

from dataclasses import dataclass, replace

import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class Volume:
    """An image in the patient's space.

    Attributes:
        values: (K, J, I); float32 for images, an integer type for labels.
        geometry: where the voxels lie.
        name: for messages and node names; never a patient's name.

    Raises:
        ValueError: values and geometry differ in shape.
    """

    values: torch.Tensor
    geometry: VolumeGeometry
    name: str = "volume"

    def __post_init__(self) -> None:
        if tuple(self.values.shape) != self.geometry.shape_kji:
            raise ValueError(
                f"values {tuple(self.values.shape)} and geometry {self.geometry.shape_kji} differ in shape"
            )

    def with_values(self, values: torch.Tensor, name: str | None = None) -> "Volume":
        """Other values (K, J, I) on the same grid."""
        return replace(self, values=values, name=name or self.name)

    def with_voxels_scaled(self, factor: float) -> "Volume":
        """The same values where the header has wrong voxel sizes: all lengths times a factor, from RAS 0."""
        matrix = self.geometry.ras_from_ijk.copy()
        matrix[:3] *= factor
        return replace(self, geometry=VolumeGeometry(self.geometry.shape_kji, matrix))

    def with_axis_reversed(self, axis: int) -> "Volume":
        """The same values where the header runs along an axis the wrong way: mirrored about the middle.

        Args:
            axis: 0 is i, 1 is j, 2 is k.
        """
        matrix = self.geometry.ras_from_ijk.copy()
        matrix[:3, 3] += matrix[:3, axis] * (self.geometry.size_ijk[axis] - 1)
        matrix[:3, axis] *= -1
        return replace(self, geometry=VolumeGeometry(self.geometry.shape_kji, matrix))

    def to(self, device: torch.device) -> "Volume":
        """The same volume with its values on a device."""
        return replace(self, values=self.values.to(device))
