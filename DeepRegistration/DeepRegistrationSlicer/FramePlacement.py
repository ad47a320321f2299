"""From motions in image space [mm] to the RAS of the nodes that show the frames.

Image space is that of the library: u along the columns, v down the rows, w = u x v; its origin is the centre
of the first pixel. Where a calibration says how large pixels are, the node may say otherwise: it stays as it
is, and motions are scaled to it.
"""

import numpy as np

from DeepRegistrationLib.geometry.frames import RAS_FROM_LPS
from DeepRegistrationLib.jobs.us_angles import FRAME_DISTANCE_MM


class FramePlacement:
    """Where frames stand in the scene.

    Args:
        rasFromIjk: (4, 4); own RAS [mm] of the reference frame from its index.
        pixelSize: along columns and rows, as registered [mm]; None counts in pixels.
        reference: number of the frame that stays where it is.
    """

    def __init__(self, rasFromIjk: np.ndarray, pixelSize: tuple[float, float] | None, reference: int) -> None:
        self._rasFromIjk, self._reference = rasFromIjk, reference
        u, v = (rasFromIjk[:3, axis] / size for axis, size in enumerate(pixelSize or (1.0, 1.0)))
        normal = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
        # as many millimetres of the node as one of the image has
        scale = (np.linalg.norm(u) + np.linalg.norm(v)) / 2
        self._rasFromImage = np.eye(4)
        self._rasFromImage[:3] = np.stack([u, v, scale * normal, rasFromIjk[:3, 3]], axis=1)

    def inRas(self, motions: np.ndarray) -> np.ndarray:
        """(..., 4, 4); motions of image space [mm] as transforms of the nodes."""
        return self._rasFromImage @ motions @ np.linalg.inv(self._rasFromImage)

    def standing(self, firstFromFrame: np.ndarray) -> np.ndarray:
        """Frames turned and shifted as registered, one behind the other.

        Args:
            firstFromFrame: (N, 4, 4); image space of the first frame from that of each [mm].

        Returns:
            (N, 4, 4); own RAS of the reference frame from own RAS of each.
        """
        placed = np.linalg.inv(firstFromFrame[self._reference]) @ firstFromFrame
        placed[:, 2, 3] += FRAME_DISTANCE_MM * (np.arange(len(placed)) - self._reference)
        return self.inRas(placed)

    def stack(self, firstFromFrame: np.ndarray, middle: int) -> np.ndarray:
        """Grid of a volume whose slices are the frames, brought onto one of them.

        Args:
            firstFromFrame: (N, 4, 4); image space of the first frame from that of each [mm].
            middle: number of the frame that the others were brought onto.

        Returns:
            (4, 4); own RAS [mm] from index.
        """
        rasFromIjk = self._rasFromIjk.copy()
        rasFromIjk[:3, 2] = FRAME_DISTANCE_MM * self._rasFromImage[:3, 2]
        rasFromIjk[:3, 3] -= middle * rasFromIjk[:3, 2]
        return self.standing(firstFromFrame)[middle] @ rasFromIjk


def imageMotion(rasMotion: np.ndarray) -> np.ndarray:
    """(4, 4); a transform of result.json, in the RAS of a flat picture, as a motion of image space [mm]."""
    return RAS_FROM_LPS @ rasMotion @ RAS_FROM_LPS
