"""Pose of a CT before a camera from pairs of a fiducial and its shadow (the perspective-n-point problem)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rotation_sets import low_discrepancy_rotations

_STARTS, _REFINED, _APART_DEG = 600, 10, 25.0
_FLAT = 0.03
"""Smallest over largest extent of the fiducials below which they count as lying in a plane."""
_LARGE_MM = 2.0
"""Residual on the detector above which a wrong pair is looked for."""
_WRONG_GAIN = 0.25
"""Part to which the residual of the others must fall when the wrong pair is left out."""
_LEAST_FOR_WRONG_PAIR = 6
_OTHER_POSE_DEG = 5.0
_AS_GOOD_PX = 1.0  # marks are hardly set better


@dataclass(frozen=True, eq=False)
class FiducialPose:
    """A pose from fiducials, and how well it fits.

    Attributes:
        world_from_ct: (4, 4) float64; world RAS of the camera from the RAS of the fiducials [mm], rigid.
        residual_px: (N,); distance between the shadow of each fiducial and its mark [pixels].
        residual_detector_mm: (N,); the same on the detector [mm].
        residual_mm: (N,); distance of each fiducial from the ray of its mark [mm].
        wrong: names of pairs that were left out because the others agree without them.
    """

    world_from_ct: np.ndarray
    residual_px: np.ndarray
    residual_detector_mm: np.ndarray
    residual_mm: np.ndarray
    wrong: tuple[str, ...]


def pose_from_fiducials(
    fiducials_ras: np.ndarray, pixels: np.ndarray, camera: Camera, names: Sequence[str] | None = None
) -> FiducialPose:
    """Finds the pose in which fiducials throw their shadows where they were marked.

    Many rotations are tried with the shift that is best for each; the best ones are refined. With six pairs
    or more, one wrong pair is found and left out.

    Args:
        fiducials_ras: (N, 3); N >= 4, not in one plane [mm, RAS of the CT].
        pixels: (N, 2); column and row of their shadows, fractions allowed.
        camera: of the radiograph; mirrored images are allowed.
        names: of the pairs, for messages; their numbers from 1 if None.

    Returns:
        The pose with residuals; those of wrong pairs are large.

    Raises:
        InputError: too few pairs, no numbers, fiducials on a line or in a plane, shadows in one place, or
            two poses that fit equally well.

    Source: linear equations of the projection for a given rotation, then least squares of the distances in
        the image (Hartley and Zisserman, "Multiple View Geometry", chapter 7); own choice of the starts.
    """
    points, marks = np.asarray(fiducials_ras, dtype=np.float64), np.asarray(pixels, dtype=np.float64)
    names = [str(n + 1) for n in range(len(points))] if names is None else list(names)
    _check_pairs(points, marks, names)
    pose, error = _best_pose(points, marks, camera)
    keep = np.ones(len(points), dtype=bool)
    if error * _mean_spacing(camera) > _LARGE_MM and len(points) >= _LEAST_FOR_WRONG_PAIR:
        without = _without_the_wrong_pair(points, marks, camera, error)
        if without is not None:
            pose, keep = without
    residual_px, residual_detector_mm, residual_mm = _residuals(pose, points, marks, camera)
    wrong = tuple(name for name, good in zip(names, keep, strict=True) if not good)
    return FiducialPose(pose, residual_px, residual_detector_mm, residual_mm, wrong)


def _check_pairs(points: np.ndarray, marks: np.ndarray, names: list[str]) -> None:
    if (
        points.ndim != 2
        or points.shape[1] != 3
        or marks.shape != (len(points), 2)
        or len(names) != len(points)
    ):
        raise ValueError(
            f"expected (N, 3), (N, 2) and N names; got {points.shape}, {marks.shape}, {len(names)}"
        )
    if len(points) < 4:
        raise InputError(
            f"A pose needs at least 4 pairs of a fiducial and its shadow; found {len(points)}. Mark more."
        )
    bad = [
        n for n, row in zip(names, np.hstack([points, marks]), strict=True) if not np.all(np.isfinite(row))
    ]
    if bad:
        raise InputError(
            f"The fiducials {', '.join(bad)} have positions that are not numbers. Mark them again."
        )
    _check_extent(points)
    if np.linalg.norm(marks - marks.mean(0), axis=1).max() < 1:
        raise InputError(
            "All shadows of the fiducials are marked within one pixel of each other. Mark each where it is."
        )


def _check_extent(points: np.ndarray) -> None:
    extents = np.linalg.svd(points - points.mean(0), compute_uv=False)
    if extents[0] < 1e-6 or extents[1] < _FLAT * extents[0]:
        raise InputError(
            "The fiducials lie on one line (or in one place), so turns about it cannot be seen. "
            "Choose fiducials that are spread in all directions."
        )
    if extents[2] < _FLAT * extents[0]:
        raise InputError(
            f"The fiducials lie in one plane (their extents are {extents[0]:.1f}, {extents[1]:.1f} and "
            f"{extents[2]:.1f} mm), in which two poses can look alike. Add one outside of this plane."
        )


def _best_pose(points: np.ndarray, marks: np.ndarray, camera: Camera) -> tuple[np.ndarray, float]:
    """Pose and root mean square residual [pixels]; refuses two different poses that fit alike."""
    found = []
    for start in _starts(points, marks, camera):
        fit = least_squares(_errors_px, start, args=(points, marks, camera), x_scale=_scale(points))
        pose = _matrix(fit.x, points)
        depth = camera.project(_moved(pose, points))[1]
        if np.all(depth > 0):
            found.append((np.sqrt(2 * fit.cost / len(points)), pose))
    if not found:
        raise InputError(
            "No pose before the source throws these shadows. Check that the camera belongs to this image and "
            "that fiducials and shadows are paired rightly."
        )
    found.sort(key=lambda candidate: candidate[0])
    error, pose = found[0]
    for other_error, other in found[1:]:
        turned = np.degrees(Rotation.from_matrix(other[:3, :3] @ pose[:3, :3].T).magnitude())
        if turned > _OTHER_POSE_DEG and other_error < 1.5 * error + _AS_GOOD_PX:
            raise InputError(
                f"Two poses that are {turned:.0f} degrees apart explain the {len(points)} pairs equally well "
                f"({error:.1f} and {other_error:.1f} pixels). Add pairs, well spread in all directions."
            )
    return pose, float(error)


def _starts(points: np.ndarray, marks: np.ndarray, camera: Camera) -> list[np.ndarray]:
    """Rotations in which a shift solves the linear equations best, as rotation vector and shift."""
    normalized = (marks - camera.principal_point_px) / camera.focal_length_px
    linear, offset = camera.camera_from_world[:3, :3], camera.camera_from_world[:3, 3]
    centred = points - points.mean(0)
    rotations = low_discrepancy_rotations(_STARTS).numpy()
    turned = np.einsum("ab,rbc,nc->rna", linear, rotations, centred)  # (R, N, 3)
    # x (z + t_z) = X + t_x: linear in the shift t in the camera's frame
    count = len(points)
    system = np.zeros((2 * count, 3))
    system[:count, 0], system[count:, 1] = 1, 1
    system[:, 2] = -normalized.T.ravel()
    right = normalized.T.reshape(1, 2, count) * turned[:, None, :, 2] - turned[:, :, :2].transpose(0, 2, 1)
    right = right.reshape(_STARTS, 2 * count)
    shifts = right @ np.linalg.pinv(system).T  # (R, 3)
    depth = turned[..., 2] + shifts[:, 2, None]
    errors = np.linalg.norm(right - shifts @ system.T, axis=1) / np.maximum(shifts[:, 2], 1e-9)
    errors[np.any(depth <= 0, axis=1)] = np.inf
    best = _apart(np.argsort(errors, kind="stable"), rotations)
    world_shift = (shifts - offset) @ linear  # the inverse of an orthogonal map, also of a mirrored one
    vectors = Rotation.from_matrix(rotations).as_rotvec()
    return [np.concatenate([vectors[n], world_shift[n]]) for n in best if np.isfinite(errors[n])]


def _apart(order: np.ndarray, rotations: np.ndarray) -> list[int]:
    """The first ones that differ from each other: starts in one valley would hide the others."""
    chosen: list[int] = []
    least = 1 + 2 * np.cos(np.radians(_APART_DEG))  # trace of a turn by this angle
    for n in order:
        traces = np.einsum("rij,ij->r", rotations[chosen], rotations[n])
        if np.all(traces < least):
            chosen.append(int(n))
        if len(chosen) == _REFINED:
            break
    return chosen


def _matrix(parameters: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Pose from a turn about the middle of the fiducials and the place to which this goes."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(parameters[:3]).as_matrix()
    pose[:3, 3] = parameters[3:] - pose[:3, :3] @ points.mean(0)
    return pose


def _scale(points: np.ndarray) -> np.ndarray:
    """One radian moves a fiducial about as far as its distance from the middle."""
    size = np.linalg.norm(points - points.mean(0), axis=1).mean()
    return np.array([1.0, 1.0, 1.0, size, size, size])


def _errors_px(parameters: np.ndarray, points: np.ndarray, marks: np.ndarray, camera: Camera) -> np.ndarray:
    in_camera = _moved(camera.camera_from_world @ _matrix(parameters, points), points)
    depth = np.maximum(in_camera[:, 2:], 1.0)  # behind the source: kept finite, and dropped at the end
    return (in_camera[:, :2] / depth * camera.focal_length_px + camera.principal_point_px - marks).ravel()


def _without_the_wrong_pair(
    points: np.ndarray, marks: np.ndarray, camera: Camera, error: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Pose and the pairs that were kept, if leaving out one makes the others agree."""
    best = None
    for wrong in range(len(points)):
        keep = np.arange(len(points)) != wrong
        try:
            _check_extent(points[keep])
            pose, left = _best_pose(points[keep], marks[keep], camera)
        except InputError:
            continue  # without this pair there is no single pose, so nothing is known about it
        if best is None or left < best[0]:
            best = (left, pose, keep)
    if best is None or best[0] > _WRONG_GAIN * error:
        return None
    return best[1], best[2]


def _residuals(
    pose: np.ndarray, points: np.ndarray, marks: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    in_world = _moved(pose, points)
    off = camera.project(in_world)[0] - marks
    along = camera.ras_from_pixels(marks) - camera.source_ras
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    from_source = in_world - camera.source_ras
    across = from_source - (from_source * along).sum(1, keepdims=True) * along
    return (
        np.linalg.norm(off, axis=1),
        np.linalg.norm(off * camera.pixel_spacing_mm, axis=1),
        np.linalg.norm(across, axis=1),
    )


def _moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _mean_spacing(camera: Camera) -> float:
    return float(np.mean(camera.pixel_spacing_mm))
