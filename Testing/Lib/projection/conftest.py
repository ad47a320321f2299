import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from Testing.Lib.beams import pose_about_far
from Testing.Lib.pictures import FAR, oblique_geometry


@pytest.fixture
def an_oblique_grid():
    """Unequal spacing, far from the origin."""
    return oblique_geometry((10, 13, 12), (3.0, 2.0, 2.5), FAR)


@pytest.fixture
def two_views():
    """Unequal spacing, mirrored, the second one cuts the volume off."""
    return [
        CArm(1020, 620, 20, 10, (4.0, 5.5), (15, 11)).camera(FAR + np.array([3.0, 4.0, 5.0])),
        CArm(900, 500, -75, -20, (4.0, 5.5), (15, 11)).camera(FAR + np.array([20.0, -4.0, 5.0])),
    ]


@pytest.fixture
def noise():
    """(1, 2, K, J, I) float64; two channels without any smoothness."""
    return torch.rand(1, 2, 10, 13, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def two_poses():
    """(2, 4, 4) float64; some degrees and millimetres about the middle of the grid."""
    twists = torch.tensor([[0.1, -0.2, 0.05, 3.0, -5.0, 2.0], [-0.2, 0.1, 0.3, 1.0, 4.0, -6.0]]).double()
    return pose_about_far(twists)
