import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.result import (
    Confidence,
    NamedTransform,
    RegistrationResult,
    Segment,
    Trust,
)


def rotation(axis, degrees):
    x, y, z = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    hat = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * hat + (1 - np.cos(angle)) * hat @ hat


def oblique_geometry(shape_kji, spacing_mm, centre_ras, axis, degrees):
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(axis, degrees) * spacing_mm
    matrix[:3, 3] = centre_ras - matrix[:3, :3] @ ((np.array(shape_kji[::-1]) - 1) / 2)
    return VolumeGeometry(shape_kji, matrix)


def blobs(points_ras):
    """A picture without symmetry, defined everywhere in fixed RAS [mm]; (..., 3) -> (...)."""
    value = np.zeros(points_ras.shape[:-1])
    for centre, width, height in (((0, 0, 0), 14, 100), ((9, 4, -3), 5, 80), ((-6, 11, 8), 4, -50)):
        value += height * np.exp(-((points_ras - np.array(centre)) ** 2).sum(-1) / (2 * width**2))
    return value


def volume_of(geometry, fixed_from_ras, name):
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape_kji), indexing="ij")
    ras = np.stack([i, j, k], -1) @ geometry.ras_from_ijk[:3, :3].T + geometry.ras_from_ijk[:3, 3]
    values = blobs(ras @ fixed_from_ras[:3, :3].T + fixed_from_ras[:3, 3])
    return Volume(torch.as_tensor(values, dtype=torch.float32), geometry, name)


@pytest.fixture(scope="session")
def a_result():
    """Fixed and moving grids are oblique, anisotropic and far from each other; the answer is exact."""
    fixed_geometry = oblique_geometry(
        (34, 38, 36), (1.3, 1.1, 1.5), np.array([3.0, -4.0, 5.0]), (1, 2, 3), 20
    )
    far_away = np.array([820.0, -1340.0, 615.0])
    moving_geometry = oblique_geometry((30, 44, 40), (1.4, 1.2, 1.9), far_away, (-2, 1, 1), 130)
    turn = rotation((3, -1, 2), 105)
    fixed_from_moving = np.eye(4)
    fixed_from_moving[:3, :3] = turn
    fixed_from_moving[:3, 3] = np.array([1.0, 2.0, -1.5]) - turn @ far_away
    fixed = volume_of(fixed_geometry, np.eye(4), "fixed")
    moving = volume_of(moving_geometry, fixed_from_moving, "moving")
    start = np.eye(4)
    start[:3, 3] = -far_away
    labels = moving.with_values((moving.values > 40).int() * 112 + (moving.values > 90).int() * 188, "labels")
    return RegistrationResult(
        job="fetal-volume",
        method="auto",
        device="cpu (1 thread)",
        transforms={"atlas_from_subject": NamedTransform(fixed_from_moving, "subject RAS", "atlas RAS")},
        similarity={"local-correlation": 0.91, "mutual-information": float("nan")},
        confidence=Confidence(
            0.97, Trust.HIGH, "The next best orientation scores far lower.", {"margin": np.float32(0.25)}
        ),
        fixed=fixed,
        moving=moving,
        warped=resample(moving, fixed_geometry, np.linalg.inv(fixed_from_moving)),
        segmentation=labels,
        segments=(
            Segment(112, "Cortical plate left", (0.5, 0.25, 0.75)),
            Segment(300, "Côté; a|b\nc", (1, 0, 0)),
        ),
        start=start,
        warnings=("The mask was found automatically.",),
        seconds={"searching all orientations": 0.71, "refining": 0.4},
        settings={"gestational_age_weeks": 29.5, "seed": 0, "trust": Trust.LOW},
        history={"refining": [0.2, 0.5, 0.8, 0.9, 0.91]},
    )
