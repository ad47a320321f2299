"""Surfaces of bones as triangles, and what is computed from them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError

_HEADER_BYTES = 84
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


@dataclass(frozen=True, eq=False)
class BoneMesh:
    """A closed surface.

    Attributes:
        vertices: (N, 3) float64 [mm].
        triangles: (F, 3) int; counter-clockwise as seen from outside.
        name: for messages; never a patient's name.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    name: str = "mesh"

    @cached_property
    def normals(self) -> np.ndarray:
        """(N, 3); outward, unit length; triangles count by their area."""
        corners = self.vertices[self.triangles]
        weighted = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sums = np.stack(
            [
                np.bincount(self.triangles.ravel(), np.repeat(weighted[:, axis], 3), len(self.vertices))
                for axis in range(3)
            ],
            axis=1,
        )
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)

    @cached_property
    def areas(self) -> np.ndarray:
        """(N,); a third of the area of the triangles around each vertex [mm^2]."""
        corners = self.vertices[self.triangles]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        return np.bincount(self.triangles.ravel(), np.repeat(area / 6, 3), len(self.vertices))

    @property
    def volume_mm3(self) -> float:
        """Enclosed volume; negative if the triangles look inwards."""
        first, second, third = self.vertices[self.triangles].transpose(1, 0, 2)
        return float((first * np.cross(second, third)).sum() / 6)

    def with_vertices(self, vertices: np.ndarray) -> "BoneMesh":
        """The same triangles at other places."""
        return BoneMesh(vertices, self.triangles, self.name)

    def moved(self, target_from_source: np.ndarray) -> "BoneMesh":
        """Carried by a linear map (4, 4); a reflection turns the triangles: they still look outwards."""
        vertices = self.vertices @ target_from_source[:3, :3].T + target_from_source[:3, 3]
        mirrored = np.linalg.det(target_from_source[:3, :3]) < 0
        return BoneMesh(vertices, self.triangles[:, ::-1] if mirrored else self.triangles, self.name)


def bone_mesh(corners: np.ndarray, name: str) -> BoneMesh:
    """A mesh from loose triangles; equal corners become one vertex, inward triangles are turned.

    Args:
        corners: (F, 3, 3) [mm].
        name: for messages.
    """
    vertices, index = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    triangles = index.reshape(-1, 3)
    used = (triangles[:, [0, 1, 2]] != triangles[:, [1, 2, 0]]).all(1)  # no triangle with two equal corners
    mesh = BoneMesh(vertices, triangles[used], name)
    return mesh if mesh.volume_mm3 >= 0 else BoneMesh(vertices, triangles[used][:, ::-1], name)


def read_stl(path: Path, unit_mm: float = 1.0) -> BoneMesh:
    """Reads a surface.

    Args:
        path: STL, binary or text.
        unit_mm: what 1 in the file means [mm]; STL does not say.

    Raises:
        InputError: the file is missing, damaged or no STL, or holds numbers that are no positions.
    """
    if not path.is_file():
        raise InputError(f"The mesh '{path}' does not exist. Check the path.")
    content = path.read_bytes()
    corners = _binary(content) if _is_binary(content) else _text(content)
    if corners is None or len(corners) < 4:
        raise InputError(f"'{path.name}' is no STL file that can be read, or it is cut off. Export it again.")
    if not np.isfinite(corners).all():
        raise InputError(f"'{path.name}' holds positions that are not numbers. Export it again.")
    return bone_mesh(corners.astype(np.float64) * unit_mm, path.stem)


def _is_binary(content: bytes) -> bool:
    # some writers begin binary files with "solid" too: the length decides
    if len(content) < _HEADER_BYTES:
        return False
    count = int.from_bytes(content[80:_HEADER_BYTES], "little")
    return len(content) == _HEADER_BYTES + count * _TRIANGLE.itemsize


def _binary(content: bytes) -> np.ndarray:
    return np.frombuffer(content, _TRIANGLE, offset=_HEADER_BYTES)["corners"]


def _text(content: bytes) -> np.ndarray | None:
    if not content.lstrip().startswith(b"solid"):
        return None
    rows = [line.split()[1:4] for line in content.splitlines() if line.lstrip().startswith(b"vertex")]
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, 3, 3)
    except ValueError:
        return None
