"""An affine map after a flow: how an atlas is brought to a patient, and back.

patient RAS --flow of the velocity--> patient RAS --atlas_from_patient--> atlas RAS
            (no folds, exact inverse)             (4, 4), any affine map
"""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, vectors_at
from DeepRegistrationLib.geometry.grid import affine_grid
from DeepRegistrationLib.geometry.velocity_field import flow, index_frame
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

_POLISHING = 8


@dataclass(frozen=True, eq=False)
class AffineAndFlow:
    """Map from fixed (patient) to moving (atlas).

    Attributes:
        moving_from_fixed: (4, 4); the affine part, applied last [mm, RAS].
        velocity: (K, J, I, 3); stationary velocity [mm per unit time, RAS].
        geometry: grid of the velocity, in the fixed space.

    Source: Van Houtte et al., 2022: Psi(x) = T(phi(x)), the atlas is warped by the affine map T first.
    """

    moving_from_fixed: np.ndarray
    velocity: torch.Tensor
    geometry: VolumeGeometry

    def field(self) -> DisplacementField:
        """Fixed -> moving on the velocity's grid; what an image is warped with."""
        moved = flow(self.velocity[None], self.geometry)[0]
        return DisplacementField(moved + self._linear_displacement(self.geometry, moved), self.geometry)

    def inverse(self, moving: VolumeGeometry) -> DisplacementField:
        """Moving -> fixed.

        Args:
            moving: grid of the result, in the moving space.
        """
        back = DisplacementField(self._flow_back(), self.geometry)
        fixed_from_moving = np.linalg.inv(self.moving_from_fixed)
        # indices come from one matrix in float64: a far origin costs no precision
        index_matrix = self.geometry.ijk_from_ras @ fixed_from_moving @ moving.ras_from_ijk
        ijk = affine_grid(index_matrix, moving.shape_kji).to(self.velocity)
        difference = (fixed_from_moving - np.eye(4)) @ moving.ras_from_ijk
        linear = affine_grid(difference, moving.shape_kji).to(self.velocity)
        return DisplacementField(linear + vectors_at(back, ijk), moving)

    def _flow_back(self) -> torch.Tensor:
        """(K, J, I, 3); inverse of the flow [mm, RAS].

        The flow of the negative velocity differs from it by what linear interpolation adds on the way; some
        fixed-point steps make it the inverse of the very field that is saved.
        """
        there = DisplacementField(flow(self.velocity[None], self.geometry)[0], self.geometry)
        back = flow(-self.velocity[None], self.geometry)[0]
        start, index_from_mm = index_frame(self.geometry, back)
        # where the field changes faster than the distance, a step leads away: the better one is kept
        missing = back + vectors_at(there, start + back @ index_from_mm)
        for _ in range(_POLISHING):
            candidate = back - missing
            left = candidate + vectors_at(there, start + candidate @ index_from_mm)
            better = left.norm(dim=-1, keepdim=True) < missing.norm(dim=-1, keepdim=True)
            back, missing = torch.where(better, candidate, back), torch.where(better, left, missing)
        return back

    def _linear_displacement(self, geometry: VolumeGeometry, moved: torch.Tensor) -> torch.Tensor:
        """(K, J, I, 3); T(x + u) - (x + u), for displacements u (K, J, I, 3)."""
        difference = np.asarray(self.moving_from_fixed, dtype=np.float64) - np.eye(4)
        at_voxels = affine_grid(difference @ geometry.ras_from_ijk, geometry.shape_kji).to(moved)
        return at_voxels + moved @ torch.from_numpy(difference[:3, :3].T.copy()).to(moved)
