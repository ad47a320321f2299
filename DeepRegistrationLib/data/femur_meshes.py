"""Real femora as right femora in one frame, with the subject each belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.biplanar_split import BiplanarSplit, split_of, subject_name
from DeepRegistrationLib.data.bone_mesh import BoneMesh, read_stl
from DeepRegistrationLib.data.femur_frame import FemurFrame, find_femur_frame
from DeepRegistrationLib.errors import InputError

_FEMUR = "_femur_"
_EXTENT_MM = (60.0, 650.0)
"""Of a femur or of its upper part along its longest edge."""
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
"""Exchanges left and right in any frame whose x axis is that of RAS or LPS, and in any other frame: the
femur's own frame is found afterwards."""


class Side(StrEnum):
    """Side of the body."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, eq=False)
class RealFemur:
    """A femur of a real person.

    Attributes:
        name: of the file.
        subject: of the person.
        split: of the person.
        side: of the femur in the body; the mesh is a right one in any case.
        mesh: in the frame of `femur_frame.py` [mm].
        frame: how it was found; its map starts from the mirrored mesh for a left femur.
    """

    name: str
    subject: str
    split: BiplanarSplit
    side: Side
    mesh: BoneMesh
    frame: FemurFrame


def load_femora(
    folder: Path, assigned: Mapping[str, BiplanarSplit] | None = None, unit_mm: float = 1.0
) -> tuple[RealFemur, ...]:
    """Reads every femur of a folder.

    Args:
        folder: with files `SUBJECT_femur_l.stl`, `SUBJECT_femur_r.stl`.
        assigned: subject -> split, for subjects that the project does not know.
        unit_mm: what 1 in the files means [mm].

    Returns:
        Femora in the order of their names.

    Raises:
        InputError: no femur, or one that cannot be used.
    """
    paths = sorted(path for path in folder.glob("*.stl") if _FEMUR in path.stem) if folder.is_dir() else []
    if not paths:
        raise InputError(
            f"The folder '{folder}' holds no femur. Name a folder with files such as SUBJECT_femur_r.stl "
            "(_l for a left one)."
        )
    return tuple(_load(path, assigned or {}, unit_mm) for path in paths)


def right_femur(
    mesh: BoneMesh, side: Side, superior: np.ndarray | None = None
) -> tuple[BoneMesh, FemurFrame]:
    """A femur as a right one in its own frame.

    Args:
        mesh: in any right-handed frame [mm].
        side: of the body.
        superior: (3,); about upwards, for a mesh without much of the shaft.

    Returns:
        The mesh in the frame of `femur_frame.py`, and that frame.

    Raises:
        InputError: the size is not that of a femur in mm, or the frame is not found.
    """
    extent = float((mesh.vertices.max(0) - mesh.vertices.min(0)).max())
    if not _EXTENT_MM[0] <= extent <= _EXTENT_MM[1]:
        raise InputError(
            f"'{mesh.name}' is {extent:.3g} mm long; a femur or its upper part has {_EXTENT_MM[0]:.0f} to "
            f"{_EXTENT_MM[1]:.0f} mm. Say with --unit-mm what 1 in the file means (1000 for m, 10 for cm)."
        )
    if side is Side.LEFT:
        mesh = mesh.moved(MIRROR)
        superior = None if superior is None else MIRROR[:3, :3] @ superior
    frame = find_femur_frame(mesh, superior)
    return mesh.moved(frame.femur_from_mesh), frame


def _load(path: Path, assigned: Mapping[str, BiplanarSplit], unit_mm: float) -> RealFemur:
    stem, _, letter = path.stem.partition(_FEMUR)
    sides = {"l": Side.LEFT, "r": Side.RIGHT}
    if letter not in sides:
        raise InputError(
            f"'{path.name}' does not say which side it is. Let its name end in _femur_l.stl or _femur_r.stl."
        )
    subject = subject_name(stem)
    split = assigned[subject] if subject in assigned else split_of(subject)
    mesh, frame = right_femur(read_stl(path, unit_mm), sides[letter])
    return RealFemur(path.stem, subject, split, sides[letter], mesh, frame)
