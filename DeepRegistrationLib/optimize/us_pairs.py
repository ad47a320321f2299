"""Pairs of ultrasound frames and their motion, as networks and refinements exchange them."""

from dataclasses import dataclass
from functools import cached_property

import torch

from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.in_plane import in_plane_matrix
from DeepRegistrationLib.images.us_blocks import block_means
from DeepRegistrationLib.images.us_texture import locally_normalized


@dataclass(frozen=True, eq=False)
class FramePairs:
    """P pairs on n x n pixels.

    Attributes:
        moving: (P, 1, n, n) float32; 0 to 1.
        fixed: (P, 1, n, n) float32.
        mask: (1 or P, 1, n, n) float32; the sector, equal for both frames of a pair.
        frames: (P + 1, 1, n, n); where each frame is followed by the next one: what is done to frames is then
            done to each of them once.
    """

    moving: torch.Tensor
    fixed: torch.Tensor
    mask: torch.Tensor
    frames: torch.Tensor | None = None

    @staticmethod
    def consecutive(frames: torch.Tensor, mask: torch.Tensor) -> "FramePairs":
        """Frame k (moving) with frame k + 1 (fixed), for frames (P + 1, 1, n, n) and a mask (1, 1, n, n)."""
        return FramePairs(frames[:-1], frames[1:], mask, frames)

    def __len__(self) -> int:
        return len(self.moving)

    @property
    def size(self) -> int:
        """Pixels n along each edge."""
        return self.moving.shape[-1]

    @cached_property
    def halved(self) -> "FramePairs":
        """The pairs with blocks of 2 x 2 pixels averaged; a block counts where all of it does."""
        mask = (block_means(self.mask, (2, 2)) > 0.99).to(self.mask.dtype)
        if self.frames is not None:
            return FramePairs.consecutive(block_means(self.frames, (2, 2)), mask)
        return FramePairs(block_means(self.moving, (2, 2)), block_means(self.fixed, (2, 2)), mask)

    @cached_property
    def normalized(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Moving and fixed frames, each `locally_normalized`: two (P, 1, n, n)."""
        if self.frames is not None:
            normal = locally_normalized(self.frames, self.mask)
            return normal[:-1], normal[1:]
        return locally_normalized(self.moving, self.mask), locally_normalized(self.fixed, self.mask)

    def of_size(self, size: int) -> "FramePairs":
        """The pairs halved until they have `size` pixels along each edge.

        Raises:
            ValueError: halving never reaches the size.
        """
        pairs = self
        while pairs.size > size:
            pairs = pairs.halved
        if pairs.size != size:
            raise ValueError(f"{self.size} pixels cannot be halved to {size}")
        return pairs

    def exchanged(self) -> "FramePairs":
        """The pairs with moving and fixed exchanged."""
        return FramePairs(self.fixed, self.moving, self.mask)


@dataclass(frozen=True, eq=False)
class PairMotion:
    """Motions moving from fixed of P pairs, about the centre of the image.

    Attributes:
        angle: (P,) [rad]; see `geometry/in_plane.py` for the sign.
        shift: (P, 2); along u and v [edge of the image].
    """

    angle: torch.Tensor
    shift: torch.Tensor

    @staticmethod
    def none(pairs: FramePairs) -> "PairMotion":
        """No motion."""
        return PairMotion(pairs.moving.new_zeros(len(pairs)), pairs.moving.new_zeros(len(pairs), 2))

    def matrix(self) -> torch.Tensor:
        """(P, 3, 3); acts on (u, v, 1) [edges, from the centre]."""
        return in_plane_matrix(self.angle, self.shift)

    def inverse(self) -> "PairMotion":
        """The motions fixed from moving."""
        back = in_plane_matrix(-self.angle, torch.zeros_like(self.shift))[:, :2, :2]
        return PairMotion(-self.angle, -(back @ self.shift[..., None])[..., 0])

    def half(self) -> "PairMotion":
        """The motions that are these ones when done twice."""
        angle = self.angle / 2
        turn = in_plane_matrix(angle, torch.zeros_like(self.shift))[:, :2, :2]
        # turn (shift) + shift is the whole shift
        both = turn + torch.eye(2).to(turn)
        return PairMotion(angle, torch.linalg.solve(both, self.shift))

    def after(self, first: "PairMotion") -> "PairMotion":
        """This motion after the `first` one."""
        turn = in_plane_matrix(self.angle, torch.zeros_like(self.shift))[:, :2, :2]
        return PairMotion(self.angle + first.angle, self.shift + (turn @ first.shift[..., None])[..., 0])


def plane_points(size: int, like: torch.Tensor) -> torch.Tensor:
    """(n, n, 2); positions (u, v) of the pixels [edges, from the centre], of the type and device of
    `like`.
    """
    along = (torch.arange(size, device=like.device, dtype=like.dtype) - (size - 1) / 2) / size
    v, u = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([u, v], -1)


def brought_back(images: torch.Tensor, motion: PairMotion) -> torch.Tensor:
    """Moving images on the grid of the fixed ones.

    Args:
        images: (P or 1, C, n, n).
        motion: of P pairs.

    Returns:
        (P, C, n, n); zero where the moving image ends.
    """
    size = images.shape[-1]
    points = plane_points(size, images).reshape(-1, 2)
    matrix = motion.matrix()
    found = points @ matrix[:, :2, :2].mT + matrix[:, None, :2, 2]  # (P, n n, 2)
    index = found * size + (size - 1) / 2
    return sample_plane(images, index).unflatten(-1, (size, size))
