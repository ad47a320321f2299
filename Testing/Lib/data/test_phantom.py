"""The phantom brain: the size of its age, no symmetry that a registration could confuse."""

import pytest
import torch

from DeepRegistrationLib.atlases.brain_growth import brain_volume_ml
from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from Testing.Lib.pictures import FAR, oblique_geometry, rigid


@pytest.mark.parametrize("week", [22, 30, 36])
def test_its_volume_is_about_that_of_its_age(week):
    _, mask, _ = fetal_brain_phantom(week, spacing_mm=2.0)
    assert volume_mm3(mask) / 1000 == pytest.approx(brain_volume_ml(week), rel=0.15)


def test_left_and_right_differ():
    image, _, _ = fetal_brain_phantom(30, spacing_mm=2.0)
    mirrored = image.values.flip(-1)
    assert (image.values - mirrored).abs().mean() > 0.01 * image.values.mean()


def test_it_moves_with_its_frame():
    head = rigid((30, 40, -70), FAR)
    grid = oblique_geometry((60, 70, 66), (2.2, 1.9, 2.0), FAR, (5, -15, 25))
    _, mask, labels = fetal_brain_phantom(28, ras_from_phantom=head, geometry=grid)
    _, upright, upright_labels = fetal_brain_phantom(28, spacing_mm=2.0)
    expected = head[:3, :3] @ centre_of_gravity_ras(upright) + FAR
    assert abs(centre_of_gravity_ras(mask) - expected).max() < 0.2
    cerebellum = labels.with_values(labels.values == 100)
    upright_cerebellum = upright_labels.with_values(upright_labels.values == 100)
    expected = head[:3, :3] @ centre_of_gravity_ras(upright_cerebellum) + FAR
    assert abs(centre_of_gravity_ras(cerebellum) - expected).max() < 0.4


def test_every_labelled_voxel_lies_in_the_mask():
    _, mask, labels = fetal_brain_phantom(26, spacing_mm=2.5)
    assert torch.equal(mask.values, labels.values > 0)
    assert len(torch.unique(labels.values)) == 15
