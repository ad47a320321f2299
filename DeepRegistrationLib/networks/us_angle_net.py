"""The angle and shift between two ultrasound frames, for any angle up to about ten degrees."""

from dataclasses import dataclass

import torch
from torch import nn

from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate

SIZE = 64
_ANGLE, _SHIFT = 0.1, 0.05
"""What an output of 1 means [rad; edge of the image]: about what is usual."""


@dataclass(frozen=True, eq=False)
class InPlaneEstimate:
    """P motions of the plane.

    Attributes:
        angle: (P,) [rad]; of the moving frame against the fixed one (`geometry/in_plane.py`).
        shift: (P, 2); along u and v, about the centre [edge of the image].
    """

    angle: torch.Tensor
    shift: torch.Tensor

    @property
    def rotation(self) -> RotationEstimate:
        """The angles as rotations about the image's normal."""
        zero = torch.zeros_like(self.angle)
        vector = torch.stack([zero, zero, self.angle], -1)
        return RotationEstimate(vector, matrix_from_rotation_vector(vector))


class UsAngleNet(nn.Module):
    """Compact encoder of a pair of frames; one network for both neighbours of a middle frame.

    | layer | output for w = 32 |
    |---|---|
    | convolution 5x5, stride 2, batch normalization, ReLU | w x 32 x 32 |
    | convolution 3x3, batch normalization, ReLU | w x 32 x 32 |
    | convolution 3x3, stride 2, batch normalization, ReLU | 2w x 16 x 16 |
    | convolution 3x3, batch normalization, ReLU | 2w x 16 x 16 |
    | convolution 3x3, stride 2, batch normalization, ReLU | 3w x 8 x 8 |
    | convolution 3x3, batch normalization, ReLU | 3w x 8 x 8 |
    | convolution 3x3, stride 2, batch normalization, ReLU | 4w x 4 x 4 |
    | fully connected, ReLU | 256 |
    | fully connected | angle, shift along u, shift along v |

    A second look, at the pair with the moving frame brought back by the first answer, sees a small motion
    and is more exact; the network is trained on small motions too.

    Source: own definition.

    Args:
        width: w of the table.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        w = width
        self.convolutions = nn.Sequential(
            _convolution(2, w, 5, 2),
            _convolution(w, w, 3, 1),
            _convolution(w, 2 * w, 3, 2),
            _convolution(2 * w, 2 * w, 3, 1),
            _convolution(2 * w, 3 * w, 3, 2),
            _convolution(3 * w, 3 * w, 3, 1),
            _convolution(3 * w, 4 * w, 3, 2),
        )
        self.connected = nn.Sequential(nn.Flatten(), nn.Linear(4 * w * 16, 256), nn.ReLU())
        self.motion = nn.Linear(256, 3)

    def forward(self, pairs: torch.Tensor) -> InPlaneEstimate:
        """Estimates motions.

        Args:
            pairs: (P, 2, 64, 64); moving and fixed frame, each `locally_normalized`, 0 outside the sector.

        Returns:
            P motions: moving from fixed.
        """
        features = self.connected(self.convolutions(pairs))
        with torch.autocast(features.device.type, enabled=False):  # few digits would round angles
            motion = self.motion(features.to(self.motion.weight.dtype))
        return InPlaneEstimate(_ANGLE * motion[:, 0], _SHIFT * motion[:, 1:])


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
