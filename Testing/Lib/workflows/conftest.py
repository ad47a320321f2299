"""A small atlas of phantoms and heads turned any way."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from Testing.Lib.pictures import FAR, about, oblique_geometry

WEEKS = (24, 28, 32)


@pytest.fixture(scope="session")
def a_phantom_atlas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas") / "phantoms"
    write_phantom_atlas(folder, WEEKS, spacing_mm=2.0)
    return FetalAtlas.from_folder(folder)


def head_turned_by(angle_deg, seed=0, week=28):
    """Phantom turned by an angle about a random axis, on an oblique anisotropic grid far from the origin.

    Returns image, mask, labels and the true subject RAS from atlas RAS.
    """
    generator = torch.Generator().manual_seed(seed)
    axis = rotation_vector_from_matrix(uniform_random_rotations(1, generator)[0].double())
    vector = axis / axis.norm() * torch.deg2rad(torch.tensor(float(angle_deg), dtype=torch.float64))
    rotation = matrix_from_rotation_vector(vector).numpy()
    subject_from_atlas = about(rotation, [0, 0, 0], FAR)
    grid = oblique_geometry((62, 80, 70), (1.9, 1.6, 2.2), FAR + np.array([5.0, -4.0, 3.0]), (25, -40, 65))
    image, mask, labels = fetal_brain_phantom(week, ras_from_phantom=subject_from_atlas, geometry=grid)
    return image, mask, labels, subject_from_atlas
