"""A moving image prepared for refinement: its values and gradients at the points that poses map to."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.pose_batch import PoseBatch


class MovingSampler:
    """Samples value and RAS gradient of one image for many poses at once.

    Args:
        volume: moving image, already smoothed to the resolution of the points; zero outside.
    """

    def __init__(self, volume: Volume) -> None:
        self.geometry = volume.geometry
        values = volume.values
        per_kji = torch.gradient(values)  # central differences per voxel, along k, j, i
        per_ijk = torch.stack(per_kji[::-1], 0)
        # chain rule: d/dRAS = (d ijk / d RAS)^T d/dijk
        ijk_from_ras = torch.as_tensor(self.geometry.ijk_from_ras[:3, :3].T.copy()).to(values)
        gradients = torch.einsum("rc,ckji->rkji", ijk_from_ras, per_ijk)
        self.channels = torch.cat([values[None], gradients], 0)[None]  # (1, 4, K, J, I)

    def __call__(
        self, poses: PoseBatch, offsets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Samples at the mapped points.

        Args:
            poses: N poses.
            offsets: (P, 3); fixed points relative to `poses.centre_fixed` [mm].

        Returns:
            values (N, P); gradients (N, P, 3) per mm RAS; turned offsets s R x (N, P, 3) [mm].
        """
        turned = torch.einsum("nrc,pc->npr", poses.linear(), offsets)
        # all points of all poses in one row: the image is then shared, not repeated
        found = sample(self.channels, self._ijk(poses, turned), padding="zeros")
        found = found.reshape(4, len(poses), -1)
        return found[0], found[1:].movedim(0, -1), turned

    def values(self, poses: PoseBatch, offsets: torch.Tensor) -> torch.Tensor:
        """(N, P); values alone at the mapped points, for the arguments of a call."""
        turned = torch.einsum("nrc,pc->npr", poses.linear(), offsets)
        return sample(self.channels[:, :1], self._ijk(poses, turned), padding="zeros").reshape(len(poses), -1)

    def _ijk(self, poses: PoseBatch, turned: torch.Tensor) -> torch.Tensor:
        """(1, 1, 1, N P, 3); indices of the mapped points, from turned offsets (N, P, 3)."""
        ijk_from_ras = self.geometry.ijk_from_ras
        centre_ijk = ijk_from_ras[:3, :3] @ poses.centre_moving + ijk_from_ras[:3, 3]
        linear = torch.as_tensor(ijk_from_ras[:3, :3].copy()).to(turned)
        ijk = (
            torch.as_tensor(np.asarray(centre_ijk)).to(turned)
            + (turned + poses.translation[:, None]) @ linear.T
        )  # (N, P, 3)
        return ijk.reshape(1, 1, 1, -1, 3)

    def linearized(
        self, poses: PoseBatch, offsets: torch.Tensor, scaling: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and how a step of the poses changes them.

        Args:
            poses: N poses.
            offsets: (P, 3); fixed points relative to `poses.centre_fixed` [mm].
            scaling: with a seventh column for the log scale.

        Returns:
            values (N, P); changes (N, P, 6 or 7) by rotation vector [rad], translation [mm], log scale.
        """
        values, gradients, turned = self(poses, offsets)
        # x = c + t + exp(w) s R o: dx/dw = -[s R o]x, so dm/dw = (s R o) x grad m; dx/dt = I;
        # dx/dlog s = s R o
        columns = [torch.linalg.cross(turned, gradients, dim=-1), gradients]
        if scaling:
            columns.append((turned * gradients).sum(-1, keepdim=True))
        return values, torch.cat(columns, -1)
