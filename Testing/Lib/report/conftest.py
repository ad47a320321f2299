import numpy as np
import pytest
import torch

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register


@pytest.fixture(scope="session")
def a_registration(tmp_path_factory):
    """The real job on a small phantom that lies on its side, far from the atlas."""
    folder = tmp_path_factory.mktemp("atlas")
    write_phantom_atlas(folder, weeks=(28,), spacing_mm=2.0)
    ras_from_phantom = np.eye(4)
    rotation_vector = torch.tensor([0.3, 1.7, -0.6], dtype=torch.float64)
    ras_from_phantom[:3, :3] = matrix_from_rotation_vector(rotation_vector).numpy()
    ras_from_phantom[:3, 3] = -150, 90, 210
    moving, _, _ = fetal_brain_phantom(28, 2.0, ras_from_phantom)
    inputs = FetalVolumeInputs(moving, None, FetalAtlas.from_folder(folder))
    return register(inputs, FetalVolumeSettings(gestational_age_weeks=28.0))
