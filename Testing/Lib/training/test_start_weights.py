"""A training begins with weights of its network, or of a part of it."""

import pytest
import torch
from safetensors.torch import save_file

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.networks.biplanar_affine_net import BiplanarAffineNet
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize
from DeepRegistrationLib.training.start_weights import begin_with

SIZE = BiplanarSize((16, 8), (8, 8, 8), (20.0, 20.0, 20.0), (2, 3), (3, 2, 2), 1)


def seeded(network_class, seed):
    torch.manual_seed(seed)
    return network_class(SIZE)


def test_weights_of_the_same_network_are_taken(tmp_path):
    trained, new = seeded(BiplanarNet, 0), seeded(BiplanarNet, 1)
    save_file(trained.state_dict(), tmp_path / "whole.safetensors")
    begin_with(tmp_path / "whole.safetensors", new)
    torch.testing.assert_close(new.state_dict(), trained.state_dict())


def test_weights_of_a_part_are_put_in_its_place_and_the_rest_stays(tmp_path):
    affine, new, untouched = seeded(BiplanarAffineNet, 0), seeded(BiplanarNet, 1), seeded(BiplanarNet, 1)
    save_file(affine.state_dict(), tmp_path / "affine.safetensors")
    begin_with(tmp_path / "affine.safetensors", new)
    torch.testing.assert_close(new.affine.state_dict(), affine.state_dict())
    torch.testing.assert_close(new.local.state_dict(), untouched.local.state_dict())


def test_other_weights_are_refused_in_words(tmp_path):
    save_file({"something": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="of a part of it, with the same settings"):
        begin_with(tmp_path / "other.safetensors", seeded(BiplanarNet, 0))
