"""Modes of a shape model as displacements: proportions about the middle, shapes where the splines say."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.biplanar_modes import PROPORTIONS, control_geometry, displacement_modes
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.optimize.deformation_model import free_model
from Testing.Lib.pictures import FAR, oblique_geometry, positions


@pytest.fixture
def whole():
    return oblique_geometry((20, 14, 24), (3.0, 4.0, 5.0), FAR, degrees_xyz=(20, -35, 50))


@pytest.fixture
def model(whole):
    control = control_geometry(whole, (9, 8, 7))
    grown = dataclasses.replace(control, ras_from_ijk=control.ras_from_ijk.copy())
    plain = free_model(grown)
    modes = torch.zeros(2, 9, 8, 7, 3)
    modes[0, ..., 1], modes[1, ..., 2] = 4.0, -3.0  # equal coefficients: the same shift everywhere within
    return dataclasses.replace(plain, modes=modes, stretch_root=0.02 * torch.eye(6))


def test_control_points_reach_from_the_first_voxel_to_the_last(whole):
    control = control_geometry(whole, (5, 4, 6))
    assert control.shape_kji == (5, 4, 6)
    np.testing.assert_allclose(positions(control)[0, 0, 0], positions(whole)[0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(positions(control)[-1, -1, -1], positions(whole)[-1, -1, -1], atol=1e-9)


def test_shapes_shift_and_proportions_stretch_about_the_middle(whole, model):
    control = control_geometry(whole, (9, 8, 7))
    mean, modes = displacement_modes(model, control, FAR, PROPORTIONS + 2)
    inner = (slice(None), slice(3, -3), slice(3, -3), slice(3, -3))
    assert mean.abs().max() < 1e-5
    for mode, axis, mm in ((6, 1, 4.0), (7, 2, -3.0)):
        wanted = torch.zeros(3)
        wanted[axis] = mm
        found = modes[mode][inner]
        torch.testing.assert_close(found, wanted[:, None, None, None].expand_as(found), atol=0.01, rtol=0)
    along_y = modes[1]  # logarithmic stretch yy of 0.02
    wanted = np.sinh(0.02) * (positions(control) - FAR)[..., 1]
    np.testing.assert_allclose(along_y[1].numpy(), wanted, atol=1e-4)
    assert along_y[[0, 2]].abs().max() < 1e-4


def test_more_modes_than_the_model_has_are_refused(whole, model):
    with pytest.raises(InputError, match=r"8 modes.*network weights 9.*from 6 to 8"):
        displacement_modes(model, control_geometry(whole, (4, 4, 4)), FAR, 9)
