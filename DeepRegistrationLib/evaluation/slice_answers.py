"""Whether a slice was found: the two mirrored places of an answer against the right one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.evaluation.slice_cut import CutSlice
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.workflows.fetal_slice_proposals import AT_EQUATOR


@dataclass(frozen=True)
class SliceErrors:
    """How far an answer is off.

    Attributes:
        known_deg: rotation, if it is known which of the two mirrored places is meant [degrees].
        known_mm: mean distance of the brain's pixels then [mm].
        unknown_deg: rotation of the more probable place [degrees].
        unknown_mm: the distance there [mm].
        either_deg: rotation of the nearest of the places that are told and of the mirror image of the first
            [degrees].
        either_mm: the distance there [mm].
    """

    known_deg: float
    known_mm: float
    unknown_deg: float
    unknown_mm: float
    either_deg: float
    either_mm: float


def slice_errors(places: Sequence[np.ndarray], cut: CutSlice, atlas_centre_ras: np.ndarray) -> SliceErrors:
    """Measures an answer.

    Knowing the half space, as the paper does, means that the slice's normal does not point downwards: the
    most probable place of which that is true counts; of an answer with one place its mirror image is the
    other. Where the normal is nearly horizontal, the half space tells next to nothing, and a place that is
    off by more than `AT_EQUATOR` may end on the wrong side; the paper's errors contain the same.

    Args:
        places: (4, 4) each; atlas RAS from slice RAS, the most probable first, rigid.
        cut: the slice with the right place.
        atlas_centre_ras: (3,); centre of the atlas brain, whose left and right look alike [mm, RAS].
    """
    first = places[0]
    every = [*places, *(mirrored_place(place, cut, atlas_centre_ras) for place in places)]
    upwards = [place for place in every if _height_of_normal(place, cut) >= -AT_EQUATOR]
    known = upwards[0] if upwards else first
    twin = mirrored_place(first, cut, atlas_centre_ras)
    either = min((_errors(place, cut) for place in (*places, twin)), key=lambda errors: errors[0])
    return SliceErrors(*_errors(known, cut), *_errors(first, cut), *either)


def mirrored_place(place: np.ndarray, cut: CutSlice, atlas_centre_ras: np.ndarray) -> np.ndarray:
    """(4, 4); where a brain with equal sides shows the same slice.

    The atlas is reflected at its middle, and the slice is seen from behind.

    Args:
        place: (4, 4); atlas RAS from slice RAS.
        cut: the slice.
        atlas_centre_ras: (3,); a point on the middle of the atlas [mm, RAS].
    """
    left_right, behind = np.eye(4), np.eye(4)
    left_right[0, 0], left_right[0, 3] = -1.0, 2 * atlas_centre_ras[0]
    normal = _normal(cut)
    behind[:3, :3] -= 2 * np.outer(normal, normal)
    behind[:3, 3] = 2 * normal * (normal @ cut.centre_ras)
    return left_right @ place @ behind


def _normal(cut: CutSlice) -> np.ndarray:
    """(3,); columns x rows in the slice's RAS."""
    axes = cut.image.geometry.ras_from_ijk[:3, :2] / cut.image.geometry.spacing_mm[:2]
    return np.cross(axes[:, 0], axes[:, 1])


def _height_of_normal(place: np.ndarray, cut: CutSlice) -> float:
    return float((place[:3, :3] @ _normal(cut))[2])


def _errors(place: np.ndarray, cut: CutSlice) -> tuple[float, float]:
    points = cut.points_ras()
    apart = (place - cut.atlas_from_slice)[:3]
    distance_mm = np.linalg.norm(points @ apart[:, :3].T + apart[:, 3], axis=1).mean()
    return float(rotation_error_deg(place, cut.atlas_from_slice)), float(distance_mm)
