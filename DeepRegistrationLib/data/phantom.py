"""A fetal brain made of ellipsoids, for tests and for the demo without network.

It has what a registration needs to see: a flat base, a cerebellum behind, eyes of ventricles, folds that
deepen with age, and a right side that differs from the left. Sizes follow the brain volume of the age.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.atlases.brain_growth import brain_volume_ml
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nifti


@dataclass(frozen=True)
class _Ellipsoid:
    """One structure; lengths relative to the brain's radius, in RAS directions."""

    label: int
    t2: float
    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    pitch_deg: float = 0.0
    folds: float = 0.0


# later ones overwrite earlier ones; labels are those of the CRL key, brightness is T2-like
_PARTS = (
    _Ellipsoid(124, 1.00, (0.0, 0.0, 0.0), (0.93, 1.13, 0.93)),
    _Ellipsoid(112, 0.55, (-0.40, 0.05, 0.08), (0.44, 1.02, 0.74), folds=0.06),
    _Ellipsoid(113, 0.55, (0.40, 0.05, 0.08), (0.44, 1.00, 0.76), folds=0.06),
    _Ellipsoid(120, 0.78, (-0.40, 0.05, 0.08), (0.34, 0.88, 0.60), folds=0.05),
    _Ellipsoid(121, 0.78, (0.40, 0.05, 0.08), (0.34, 0.86, 0.62), folds=0.05),
    _Ellipsoid(77, 0.42, (-0.15, 0.05, 0.0), (0.13, 0.24, 0.16)),
    _Ellipsoid(78, 0.42, (0.15, 0.05, 0.0), (0.13, 0.24, 0.16)),
    _Ellipsoid(71, 0.48, (-0.22, 0.42, 0.12), (0.09, 0.20, 0.12), pitch_deg=20),
    _Ellipsoid(72, 0.48, (0.22, 0.42, 0.12), (0.09, 0.20, 0.12), pitch_deg=20),
    _Ellipsoid(92, 1.05, (-0.26, -0.18, 0.18), (0.09, 0.42, 0.10), pitch_deg=-15),
    _Ellipsoid(93, 1.05, (0.28, -0.22, 0.18), (0.13, 0.48, 0.13), pitch_deg=-12),
    _Ellipsoid(100, 0.50, (-0.20, -0.62, -0.58), (0.26, 0.22, 0.20)),
    _Ellipsoid(101, 0.50, (0.20, -0.62, -0.58), (0.26, 0.22, 0.20)),
    _Ellipsoid(94, 0.60, (0.0, -0.26, -0.58), (0.13, 0.13, 0.36), pitch_deg=-15),
)
_BASE = -0.72  # below this height (relative) there is no brain: the flat skull base


def fetal_brain_phantom(
    gestational_age_weeks: float = 30.0,
    spacing_mm: float = 1.6,
    ras_from_phantom: np.ndarray | None = None,
    geometry: VolumeGeometry | None = None,
) -> tuple[Volume, Volume, Volume]:
    """A brain of a given age, centred on the origin of its own RAS frame.

    Args:
        gestational_age_weeks: sets the size and the depth of the folds [weeks].
        spacing_mm: voxel size of the default grid [mm].
        ras_from_phantom: (4, 4); where the head lies in the patient's space; identity if None.
        geometry: grid to draw on; an axis-aligned cube around the head if None.

    Returns:
        Image (float32, 0 to about 1000), mask (bool), labels (int32), all on one grid.
    """
    radius_mm = (3 * brain_volume_ml(gestational_age_weeks) * 1000 / (4 * np.pi)) ** (1 / 3)
    ras_from_phantom = np.eye(4) if ras_from_phantom is None else ras_from_phantom
    if geometry is None:
        geometry = _cube_around(ras_from_phantom[:3, 3], 1.35 * radius_mm, spacing_mm)
    phantom_from_ijk = np.linalg.inv(ras_from_phantom) @ geometry.ras_from_ijk
    k, j, i = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in geometry.shape_kji), indexing="ij")
    points = np.stack([i, j, k], -1) @ phantom_from_ijk[:3, :3].T + phantom_from_ijk[:3, 3]
    points /= radius_mm
    softness = 0.5 * float(geometry.spacing_mm.mean()) / radius_mm  # half a voxel of partial volume
    image = np.zeros(geometry.shape_kji)
    labels = np.zeros(geometry.shape_kji, dtype=np.int32)
    above_base = _soft_step(points[..., 2] - _BASE, softness)
    fold_depth = np.clip((gestational_age_weeks - 20) / 15, 0.1, 1.2)
    for part in _PARTS:
        share = _soft_step(_inside_distance(part, points, fold_depth), softness) * above_base
        image = (1 - share) * image + share * part.t2
        labels[share > 0.5] = part.label
    mask = labels > 0
    name = f"phantom of week {gestational_age_weeks:g}"
    volume = Volume(torch.as_tensor((1000 * image).astype(np.float32)), geometry, name)
    return (
        volume,
        volume.with_values(torch.as_tensor(mask), f"{name} mask"),
        volume.with_values(torch.as_tensor(labels), f"{name} labels"),
    )


def write_phantom_atlas(
    folder: Path, weeks: tuple[float, ...] = (24, 28, 32), spacing_mm: float = 1.6
) -> None:
    """Writes phantoms named like the CRL atlas, so that they can stand in for it.

    Args:
        folder: created if needed.
        weeks: gestational ages; whole weeks.
        spacing_mm: voxel size [mm].
    """
    folder.mkdir(parents=True, exist_ok=True)
    for week in weeks:
        image, mask, labels = fetal_brain_phantom(week, spacing_mm)
        write_nifti(image, folder / f"PHA{week:02.0f}.nii.gz")
        write_nifti(mask.with_values(mask.values.to(torch.uint8)), folder / f"PHA{week:02.0f}_mask.nii.gz")
        write_nifti(labels, folder / f"PHA{week:02.0f}_parc.nii.gz")


def _cube_around(centre_ras: np.ndarray, half_mm: float, spacing_mm: float) -> VolumeGeometry:
    count = 2 * int(np.ceil(half_mm / spacing_mm)) + 1
    ras_from_ijk = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    ras_from_ijk[:3, 3] = centre_ras - spacing_mm * (count - 1) / 2
    return VolumeGeometry((count, count, count), ras_from_ijk)


def _inside_distance(part: _Ellipsoid, points: np.ndarray, fold_depth: float) -> np.ndarray:
    """Roughly the distance to the surface, positive inside, relative to the brain's radius."""
    pitch = np.radians(part.pitch_deg)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )  # about the left-right axis
    scaled = ((points - part.centre) @ turn) / part.semi_axes
    reach = np.linalg.norm(scaled, axis=-1)
    waves = np.sin(9 * points[..., 1] + 2 * np.sign(part.centre[0])) * np.cos(7 * points[..., 2])
    return (1 + part.folds * fold_depth * waves - reach) * min(part.semi_axes)


def _soft_step(distance: np.ndarray, softness: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(distance / (0.5 * softness), -40, 40)))
