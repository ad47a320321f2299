"""Many candidate poses at once: similarity maps about two fixed centres."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector


@dataclass(frozen=True, eq=False)
class PoseBatch:
    """N maps moving from fixed: x_moving = centre_moving + t + s R (x_fixed - centre_fixed).

    Centres stay in float64; everything that is optimized is relative to them, so a far origin costs no
    precision.

    Attributes:
        rotation: (N, 3, 3); R.
        translation: (N, 3); t [mm].
        log_scale: (N,); logarithm of s.
        centre_fixed: (3,) float64 numpy; a point of the fixed image [mm, RAS].
        centre_moving: (3,) float64 numpy; its first guess in the moving image [mm, RAS].
    """

    rotation: torch.Tensor
    translation: torch.Tensor
    log_scale: torch.Tensor
    centre_fixed: np.ndarray
    centre_moving: np.ndarray

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, index: torch.Tensor | list[int]) -> "PoseBatch":
        return replace(
            self,
            rotation=self.rotation[index],
            translation=self.translation[index],
            log_scale=self.log_scale[index],
        )

    def linear(self) -> torch.Tensor:
        """(N, 3, 3); s R."""
        return self.log_scale.exp()[:, None, None] * self.rotation

    def retracted(self, step: torch.Tensor) -> "PoseBatch":
        """The poses after a step.

        Args:
            step: (N, 6) or (N, 7); rotation vector [rad] multiplied from the left, translation [mm] and, if
                there is a seventh column, change of log scale.
        """
        log_scale = self.log_scale + step[:, 6] if step.shape[1] == 7 else self.log_scale
        return replace(
            self,
            rotation=matrix_from_rotation_vector(step[:, :3]) @ self.rotation,
            translation=self.translation + step[:, 3:6],
            log_scale=log_scale,
        )

    def where(self, condition: torch.Tensor, other: "PoseBatch") -> "PoseBatch":
        """These poses where the condition (N,) holds, the other's elsewhere."""
        return replace(
            self,
            rotation=torch.where(condition[:, None, None], self.rotation, other.rotation),
            translation=torch.where(condition[:, None], self.translation, other.translation),
            log_scale=torch.where(condition, self.log_scale, other.log_scale),
        )

    def replaced(self, index: torch.Tensor, other: "PoseBatch") -> "PoseBatch":
        """These poses with some of them (M,) taken from the other batch of M."""
        return replace(
            self,
            rotation=self.rotation.index_copy(0, index, other.rotation),
            translation=self.translation.index_copy(0, index, other.translation),
            log_scale=self.log_scale.index_copy(0, index, other.log_scale),
        )

    def rigid(self) -> "PoseBatch":
        """The same rotations and centre positions without scale."""
        return replace(self, log_scale=torch.zeros_like(self.log_scale))

    def moving_from_fixed(self, index: int = 0) -> np.ndarray:
        """(4, 4) float64; moving RAS from fixed RAS of one pose [mm], its rotation made exactly
        orthogonal.
        """
        rotation = self.rotation[index].double().cpu().numpy()
        left, _, right = np.linalg.svd(rotation)  # nearest rotation: removes the rounding of float32
        linear = np.exp(float(self.log_scale[index])) * (left @ right)
        matrix = np.eye(4)
        matrix[:3, :3] = linear
        matrix[:3, 3] = (
            self.centre_moving + self.translation[index].double().cpu().numpy() - linear @ self.centre_fixed
        )
        return matrix


def stack_poses(first: PoseBatch, second: PoseBatch) -> PoseBatch:
    """Both batches one after the other; they must share their centres."""
    return replace(
        first,
        rotation=torch.cat([first.rotation, second.rotation]),
        translation=torch.cat([first.translation, second.translation]),
        log_scale=torch.cat([first.log_scale, second.log_scale]),
    )
