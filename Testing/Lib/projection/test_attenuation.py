import pytest
import torch

from DeepRegistrationLib.projection.attenuation import attenuation_from_hu


def test_water_and_air_have_their_attenuation_and_padding_counts_as_air():
    hu = torch.tensor([-3024, -1000, 0, 1000, 3071, 30000], dtype=torch.int16)
    assert attenuation_from_hu(hu).tolist() == pytest.approx([0, 0, 0.02, 0.04, 0.08142, 0.08142])


def test_the_type_of_floating_values_stays():
    assert attenuation_from_hu(torch.zeros(2, dtype=torch.float64)).dtype == torch.float64
