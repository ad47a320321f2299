"""The camera of an X-ray machine: a point source and a flat detector. Needs numpy only.

Camera frame: origin at the source, x along increasing columns, y along increasing rows, z from the source
to the detector and perpendicular to it, in mm. Pixel (0, 0) is the *centre* of the first pixel. Radiographs
are often shown as seen from the detector ("facing the patient"); then x, y, z form a left-handed frame and
`camera_from_world` contains a reflection. Nothing else changes.
"""

from dataclasses import dataclass, replace

import numpy as np

from DeepRegistrationLib.errors import InputError


@dataclass(frozen=True, eq=False)
class Camera:
    """Where source and detector stand in the world.

    Attributes:
        source_to_detector_mm: distance of the source from the plane of the detector.
        pixel_spacing_mm: between neighbouring columns and between neighbouring rows, on the detector.
        image_size_px: number of columns, number of rows.
        principal_point_px: column and row at which the perpendicular from the source meets the detector; may
            lie outside of the image.
        camera_from_world: (4, 4) float64; rigid, reflection allowed; camera frame from world RAS [mm].

    Raises:
        InputError: a length is not positive, or the matrix is not rigid.
    """

    source_to_detector_mm: float
    pixel_spacing_mm: tuple[float, float]
    image_size_px: tuple[int, int]
    principal_point_px: tuple[float, float]
    camera_from_world: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "source_to_detector_mm", float(self.source_to_detector_mm))
        object.__setattr__(self, "pixel_spacing_mm", _pair(self.pixel_spacing_mm, float))
        object.__setattr__(self, "image_size_px", _pair(self.image_size_px, int))
        object.__setattr__(self, "principal_point_px", _pair(self.principal_point_px, float))
        object.__setattr__(self, "camera_from_world", np.array(self.camera_from_world, dtype=np.float64))
        _check(self)

    @property
    def shape_px(self) -> tuple[int, int]:
        """Rows, columns: the shape of the image's array."""
        return self.image_size_px[1], self.image_size_px[0]

    @property
    def focal_length_px(self) -> tuple[float, float]:
        """Distance of the detector in units of column spacing and of row spacing."""
        column_mm, row_mm = self.pixel_spacing_mm
        return self.source_to_detector_mm / column_mm, self.source_to_detector_mm / row_mm

    @property
    def is_mirrored(self) -> bool:
        """True if the image is shown as seen from the detector instead of as seen from the source."""
        return bool(np.linalg.det(self.camera_from_world[:3, :3]) < 0)

    @property
    def world_from_camera(self) -> np.ndarray:
        """(4, 4) float64; world RAS from camera frame [mm]."""
        return np.linalg.inv(self.camera_from_world)

    @property
    def source_ras(self) -> np.ndarray:
        """(3,) float64; the focal spot [mm, RAS]."""
        return self.world_from_camera[:3, 3]

    @property
    def column_direction(self) -> np.ndarray:
        """(3,) float64; unit vector along which the column index grows [RAS]."""
        return self.world_from_camera[:3, 0]

    @property
    def row_direction(self) -> np.ndarray:
        """(3,) float64; unit vector along which the row index grows [RAS]."""
        return self.world_from_camera[:3, 1]

    @property
    def viewing_direction(self) -> np.ndarray:
        """(3,) float64; unit vector from the source perpendicularly to the detector [RAS]."""
        return self.world_from_camera[:3, 2]

    @property
    def detector_origin_ras(self) -> np.ndarray:
        """(3,) float64; centre of pixel (0, 0) [mm, RAS]."""
        return self.ras_from_pixels(np.zeros((1, 2)))[0]

    @property
    def intrinsic_matrix(self) -> np.ndarray:
        """(3, 3) float64; homogeneous pixel (column, row, 1) from camera frame, up to the depth."""
        (fx, fy), (cx, cy) = self.focal_length_px, self.principal_point_px
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    @property
    def projection_matrix(self) -> np.ndarray:
        """(3, 4) float64; depth * (column, row, 1) from homogeneous world RAS; the depth is in mm."""
        return self.intrinsic_matrix @ self.camera_from_world[:3]

    @property
    def ras_from_ijk(self) -> np.ndarray:
        """(4, 4) float64; world RAS from (column, row, slice) of the image as a volume of one slice.

        The third axis is perpendicular to both, right-handed whichever side the image is seen from, and the
        slice as thick as a pixel is wide.
        """
        column_mm, row_mm = self.pixel_spacing_mm
        matrix = np.eye(4)
        matrix[:3, 0] = self.column_direction * column_mm
        matrix[:3, 1] = self.row_direction * row_mm
        matrix[:3, 2] = np.cross(self.column_direction, self.row_direction) * column_mm
        matrix[:3, 3] = self.detector_origin_ras
        return matrix

    def project(self, points_ras: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shadows of points.

        Args:
            points_ras: (..., 3) [mm, RAS].

        Returns:
            pixels (..., 2), column and row; depths (...), distance from the source's plane [mm]. A point with
            a depth of at most 0 lies behind the source and has no shadow: its pixel is NaN.
        """
        points = np.asarray(points_ras, dtype=np.float64)
        in_camera = points @ self.camera_from_world[:3, :3].T + self.camera_from_world[:3, 3]
        depth = in_camera[..., 2]
        before = np.where(depth > 0, depth, np.nan)[..., None]
        pixels = in_camera[..., :2] * self.focal_length_px / before + self.principal_point_px
        return pixels, depth

    def ras_from_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Positions on the detector.

        Args:
            pixels: (..., 2); column and row, fractions allowed.

        Returns:
            (..., 3) float64 [mm, RAS].
        """
        on_plane = (np.asarray(pixels, dtype=np.float64) - self.principal_point_px) * self.pixel_spacing_mm
        depth = np.full((*on_plane.shape[:-1], 1), self.source_to_detector_mm)
        world_from_camera = self.world_from_camera
        return (
            np.concatenate([on_plane, depth], axis=-1) @ world_from_camera[:3, :3].T
            + world_from_camera[:3, 3]
        )

    def detector_corners_ras(self) -> np.ndarray:
        """(4, 3) float64; outer corners of the detector, around it, beginning at pixel (0, 0) [mm, RAS]."""
        columns, rows = self.image_size_px
        # half a pixel outwards: from the centre of a corner pixel to its outer edge
        edges = [(0, 0), (columns, 0), (columns, rows), (0, rows)]
        return self.ras_from_pixels(np.array(edges) - 0.5)

    def moved(self, target_from_world: np.ndarray) -> "Camera":
        """The same camera carried along by a rigid map.

        Args:
            target_from_world: (4, 4); new world RAS from old world RAS [mm].
        """
        return replace(self, camera_from_world=self.camera_from_world @ np.linalg.inv(target_from_world))

    def resized(self, image_size_px: tuple[int, int]) -> "Camera":
        """The same detector divided into another number of pixels.

        Args:
            image_size_px: columns, rows.
        """
        ratio = np.array(image_size_px) / self.image_size_px
        # the detector's *edge* stays, half a pixel before the first centre: (c + 1/2) scales, not c
        principal = (np.array(self.principal_point_px) + 0.5) * ratio - 0.5
        return replace(
            self,
            image_size_px=image_size_px,
            pixel_spacing_mm=tuple(np.array(self.pixel_spacing_mm) / ratio),
            principal_point_px=tuple(principal),
        )

    def cropped(self, first_px: tuple[int, int], image_size_px: tuple[int, int]) -> "Camera":
        """Part of the detector, or a larger one if it begins before 0 or ends beyond the image.

        Args:
            first_px: column and row of the pixel that becomes (0, 0).
            image_size_px: columns, rows of the part.
        """
        principal = np.array(self.principal_point_px) - first_px
        return replace(self, image_size_px=image_size_px, principal_point_px=tuple(principal))

    def flipped(self, columns: bool = False, rows: bool = False) -> "Camera":
        """Camera of the image whose columns (left and right) or rows (top and bottom) are reversed."""
        flips = np.array([columns, rows])
        # index i becomes n - 1 - i: the axis turns round, and so does the principal point
        mirrored = np.array(self.image_size_px) - 1 - self.principal_point_px
        axes = np.diag(np.append(np.where(flips, -1.0, 1.0), [1.0, 1.0]))
        return replace(
            self,
            principal_point_px=tuple(np.where(flips, mirrored, self.principal_point_px)),
            camera_from_world=axes @ self.camera_from_world,
        )


def camera_from_detector(
    source_ras: np.ndarray,
    detector_origin_ras: np.ndarray,
    column_direction: np.ndarray,
    row_direction: np.ndarray,
    pixel_spacing_mm: tuple[float, float],
    image_size_px: tuple[int, int],
) -> Camera:
    """Camera from positions and directions in the world.

    Args:
        source_ras: (3,) [mm, RAS].
        detector_origin_ras: (3,); centre of pixel (0, 0) [mm, RAS].
        column_direction: (3,); along which the column index grows, any length [RAS].
        row_direction: (3,); along which the row index grows, perpendicular to it, any length [RAS].
        pixel_spacing_mm: between columns, between rows.
        image_size_px: columns, rows.

    Raises:
        InputError: directions of no length or not perpendicular, or the source lies in the detector's plane.
    """
    axes = np.array([column_direction, row_direction], dtype=np.float64)
    lengths = np.linalg.norm(axes, axis=1)
    if not np.all(np.isfinite(axes)) or np.any(lengths < 1e-9):
        raise InputError(
            f"The directions of the detector's columns and rows have lengths {lengths.tolist()}; both must "
            "be longer than 0. Correct the camera."
        )
    x, y = axes / lengths[:, None]
    to_origin = np.asarray(detector_origin_ras, dtype=np.float64) - source_ras
    z = np.cross(x, y)
    if to_origin @ z < 0:
        z = -z  # a mirrored image: z always points from the source to the detector
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = [x, y, z]
    camera_from_world[:3, 3] = -camera_from_world[:3, :3] @ source_ras
    principal = -np.array([to_origin @ x, to_origin @ y]) / pixel_spacing_mm
    return Camera(float(to_origin @ z), pixel_spacing_mm, image_size_px, tuple(principal), camera_from_world)


def check_rigid(matrix: np.ndarray, name: str, tolerance: float = 1e-3) -> None:
    """Refuses a matrix whose axes are not perpendicular unit vectors; reflections pass.

    Args:
        matrix: (4, 4).
        name: named in the error.
        tolerance: largest deviation of a product of two axes from 0 or 1; files hold rounded cosines.

    Raises:
        InputError: the matrix is not rigid.
    """
    if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)):
        raise InputError(
            f"The matrix '{name}' must be 4 x 4 finite numbers; found {_size(matrix)}. Correct it."
        )
    linear = matrix[:3, :3]
    worst = np.abs(linear @ linear.T - np.eye(3)).max()
    if worst > tolerance or np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-9:
        raise InputError(
            f"The matrix '{name}' is not rigid: its axes are {worst:.3g} away from perpendicular unit "
            f"vectors (allowed {tolerance}), its last row is {matrix[3].tolist()}. "
            "Give a matrix in mm without scale."
        )


def _size(matrix: np.ndarray) -> str:
    return " x ".join(map(str, matrix.shape)) + (
        "" if np.all(np.isfinite(matrix)) else " with NaN or infinity"
    )


def _pair(values: tuple, kind: type) -> tuple:
    first, second = values
    return kind(first), kind(second)


def _check(camera: Camera) -> None:
    lengths = np.array([camera.source_to_detector_mm, *camera.pixel_spacing_mm, *camera.image_size_px])
    if not np.all(np.isfinite(lengths)) or np.any(lengths <= 0):
        raise InputError(
            "Distance, pixel spacing and image size of a camera must be greater than 0; found a source to "
            f"detector distance of {camera.source_to_detector_mm:g} mm, a pixel spacing of "
            f"{list(camera.pixel_spacing_mm)} mm, {list(camera.image_size_px)} pixels. Correct the geometry."
        )
    if not np.all(np.isfinite(camera.principal_point_px)):
        raise InputError(
            f"The principal point {list(camera.principal_point_px)} is not a number. Give column and row at "
            "which the perpendicular from the source meets the detector."
        )
    check_rigid(camera.camera_from_world, "camera_from_world")
