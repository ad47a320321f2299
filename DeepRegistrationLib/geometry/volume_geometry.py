"""Where the voxels of a volume lie: size of the grid and RAS position of each index."""

from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.geometry.frames import check_axes


@dataclass(frozen=True, eq=False)
class VolumeGeometry:
    """Grid of a volume; may be oblique and anisotropic, not sheared.

    Attributes:
        shape_kji: number of voxels along k, j, i: the shape of the array.
        ras_from_ijk: (4, 4) float64; RAS position [mm] of the *centre* of voxel (i, j, k).

    Raises:
        InputError: the matrix is singular or sheared.
    """

    shape_kji: tuple[int, int, int]
    ras_from_ijk: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape_kji", tuple(int(n) for n in self.shape_kji))
        object.__setattr__(self, "ras_from_ijk", np.array(self.ras_from_ijk, dtype=np.float64))
        check_axes(self.ras_from_ijk, "volume")

    @property
    def ijk_from_ras(self) -> np.ndarray:
        """(4, 4) float64; continuous index (i, j, k) of a RAS point [mm]."""
        return np.linalg.inv(self.ras_from_ijk)

    @property
    def size_ijk(self) -> np.ndarray:
        """(3,) int; number of voxels along i, j, k."""
        return np.array(self.shape_kji[::-1])

    @property
    def spacing_mm(self) -> np.ndarray:
        """(3,) float64; voxel sizes along i, j, k [mm]."""
        return np.linalg.norm(self.ras_from_ijk[:3, :3], axis=0)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel [mm^3]."""
        return float(abs(np.linalg.det(self.ras_from_ijk[:3, :3])))

    @property
    def centre_ras(self) -> np.ndarray:
        """(3,) float64; middle of the field of view [mm, RAS]."""
        return self.ras_from_ijk[:3, :3] @ ((self.size_ijk - 1) / 2) + self.ras_from_ijk[:3, 3]

    @property
    def extent_mm(self) -> np.ndarray:
        """(3,) float64; edge lengths of the field of view, from voxel edge to voxel edge [mm]."""
        return self.size_ijk * self.spacing_mm

    def is_close(self, other: "VolumeGeometry", tolerance_mm: float = 1e-2) -> bool:
        """True if both grids have the same size and no corner voxel lies further apart than the tolerance."""
        if self.shape_kji != other.shape_kji:
            return False
        return bool(np.abs(self.corners_ras() - other.corners_ras()).max() <= tolerance_mm)

    def corners_ras(self) -> np.ndarray:
        """(8, 3) float64; centres of the corner voxels [mm, RAS], i fastest."""
        last = self.size_ijk - 1
        corners_ijk = np.array([(i, j, k) for k in (0, last[2]) for j in (0, last[1]) for i in (0, last[0])])
        return corners_ijk @ self.ras_from_ijk[:3, :3].T + self.ras_from_ijk[:3, 3]

    def moved(self, target_from_ras: np.ndarray) -> "VolumeGeometry":
        """The same grid carried along by a rigid map.

        Args:
            target_from_ras: (4, 4); new RAS from old RAS [mm].

        Returns:
            Geometry with the same shape.
        """
        return VolumeGeometry(self.shape_kji, np.asarray(target_from_ras) @ self.ras_from_ijk)
