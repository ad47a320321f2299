"""The same answer on a graphics card as on the CPU."""

import dataclasses

import pytest
import torch

from DeepRegistrationLib.geometry.rigid import rotation_error_deg, translation_error_mm
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeSettings, FinalMeasure
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register
from Testing.Lib.pictures import FAR
from Testing.Lib.workflows.conftest import a_phantom_atlas, head_turned_by  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("measure", list(FinalMeasure))
def test_the_graphics_card_finds_the_same_pose(a_phantom_atlas, measure):  # noqa: F811 - the fixture above
    image, mask, _, _ = head_turned_by(140, seed=1)
    inputs = FetalVolumeInputs(image, mask, a_phantom_atlas)
    settings = FetalVolumeSettings(gestational_age_weeks=28.0, measure=measure, device=Device.CPU)
    expected = register(inputs, settings).fixed_from_moving
    found = register(inputs, dataclasses.replace(settings, device=Device.CUDA)).fixed_from_moving
    assert float(rotation_error_deg(found, expected)) < 0.05
    assert float(translation_error_mm(found, expected, FAR)) < 0.05
