"""Ultrasound frames whose angles are known, as nodes: a sweep, a stack, three images."""

from pathlib import Path

import numpy as np
import slicer
from DeepRegistrationSlicer.MrmlBridge import createVolume
from DeepRegistrationSlicer.SweepBrowser import createSequence, play, playAlong

from Testing.Slicer.nodes import obliqueMatrix

ANGLES = (0.0, 2.0, 5.0, 4.0, 1.5, -1.0)
"""Turn of the content of each frame against the first one [degrees], clockwise on the screen."""
SHIFTS = ((0.0, 0.0), (0.01, 0.0), (0.015, -0.01), (0.0, -0.02), (-0.01, -0.01), (0.0, 0.0))
"""Shift of the content [edges of the sector]."""
BOX = (60, 20, 240)
"""Left and upper edge of the sector, and its size [pixels]."""

# another process: torch stays out of this one
WRITE = f"""
import sys
import numpy as np
from Testing.Lib.ultrasound import in_machine, moved_frame

frames = [in_machine(moved_frame(a, s, 240), box={BOX}) for a, s in zip({ANGLES}, {SHIFTS})]
strange = in_machine(moved_frame(0.0, (0.0, 0.0), 240, seed=4), box={BOX})
np.savez(sys.argv[1], frames=np.stack(frames), strange=strange)
"""
# square pixels: a turn of the pixels is a turn
_SPACING = (0.2, 0.2)


class Frames:
    """Pictures of a phantom.

    Attributes:
        sweep: (6, rows, columns) uint8.
        strange: (rows, columns) uint8; of another place.
        grid: (4, 4) RAS from index [mm]: oblique, far from the origin.
    """

    def __init__(self, file: Path) -> None:
        stored = np.load(file)
        self.sweep, self.strange = stored["frames"], stored["strange"]
        self.grid = obliqueMatrix(spacing_mm=(*_SPACING, 1.0))

    def image(self, number: int, name: str):
        """One frame as a volume in the scene."""
        volume = createVolume(self.sweep[number][None], self.grid, name)
        volume.CreateDefaultDisplayNodes()
        return volume

    def triplet(self) -> tuple:
        """The first three frames as volumes in the scene."""
        return tuple(self.image(number, f"Frame {number}") for number in range(3))

    def sequence(self, frames: np.ndarray | None = None, name: str = "Sweep"):
        """Frames as a sequence in the scene that nobody plays."""
        return createSequence([self._volume(frame) for frame in self._or(frames)], name)

    def played(self, frames: np.ndarray | None = None):
        """The same with a browser."""
        sequence = self.sequence(frames)
        play(sequence, "Browser")
        return sequence

    def stack(self, frames: np.ndarray | None = None):
        """Frames as the slices of a volume in the scene."""
        return createVolume(self._or(frames), self.grid, "Stack")

    def _or(self, frames: np.ndarray | None) -> np.ndarray:
        return self.sweep if frames is None else frames

    def _volume(self, frame: np.ndarray):
        volume = slicer.vtkMRMLScalarVolumeNode()
        scene = createVolume(frame[None], self.grid, "frame")
        volume.Copy(scene)
        slicer.mrmlScene.RemoveNode(scene)
        return volume


def track(sequence, name: str, matrices: np.ndarray) -> None:
    """Lets a sequence of transforms be played together with another one."""
    nodes = []
    for matrix in matrices:
        node = slicer.vtkMRMLLinearTransformNode()
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        nodes.append(node)
    playAlong(createSequence(nodes, name, sequence), sequence)


def contentPoint(number: int, point: np.ndarray) -> np.ndarray:
    """(2,) index (column, row) in a frame of what the first frame shows at an index."""
    left, top, edge = BOX
    middle = np.array([left, top]) + (edge - 1) / 2
    angle = np.radians(ANGLES[number])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return middle + turn @ (point - middle) + np.array(SHIFTS[number]) * edge
