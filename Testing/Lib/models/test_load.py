import pytest
import torch

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.models.export import Storage, add_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.models.registry import NETWORKS, build_network, input_shape
from Testing.Lib.models.conftest import pose_net


@pytest.fixture
def volumes():
    return torch.randn(3, 1, 8, 8, 8, generator=torch.Generator().manual_seed(5))


def test_a_model_gives_what_the_trained_network_gave(a_folder, a_network, facts, volumes):
    add_model("tiny-pose-net", Network.POSE_NET, a_network.state_dict(), facts, Storage.FLOAT32)
    model = load_model("tiny-pose-net", "cpu")
    torch.testing.assert_close(model(volumes).matrix, a_network(volumes).matrix, rtol=0, atol=0)


def test_half_precision_is_loaded_as_single_precision_and_gives_nearly_the_same(an_entry, a_network, volumes):
    model = load_model("tiny-pose-net", "cpu")
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32, torch.int64}
    change = (model(volumes).matrix - a_network(volumes).matrix).abs().max()
    assert 0 < change < 0.01


def test_a_model_is_ready_to_be_asked_and_not_to_be_trained(an_entry):
    model = load_model("tiny-pose-net", torch.device("cpu"))
    assert not any(part.training for part in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_second_call_gives_the_same_object_also_without_the_file(an_entry, a_folder):
    model = load_model("tiny-pose-net", "cpu")
    (a_folder / an_entry.file).unlink()
    assert load_model("tiny-pose-net", torch.device("cpu")) is model


def test_a_new_version_is_loaded_although_the_old_one_is_in_memory(an_entry, facts, volumes):
    old = load_model("tiny-pose-net", "cpu")
    other = pose_net(seed=2)
    assert add_model("tiny-pose-net", Network.POSE_NET, other.state_dict(), facts).version == 2
    new = load_model("tiny-pose-net", "cpu")
    assert new is not old
    assert (new(volumes).matrix - other(volumes).matrix).abs().max() < 0.01


def test_loading_leaves_the_random_numbers_of_a_job_as_they_are(an_entry):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_model("tiny-pose-net", "cpu")
    assert torch.equal(torch.rand(4), expected)


def test_an_unknown_model_is_refused(an_entry):
    with pytest.raises(InputError, match="There is no model 'tiny'"):
        load_model("tiny", "cpu")


def test_damaged_weights_are_refused_before_they_are_used(an_entry, a_folder):
    path = a_folder / an_entry.file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RegistrationError, match=f"has {an_entry.size_bytes - 1} bytes instead of"):
        load_model("tiny-pose-net", "cpu")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"grid_size": 16}, r"of another shape is .* \(512, 512\) instead of \(512, 4096\)"),
        ({"grid_size": 8, "head": "pi-tanh"}, r"of another shape are rotation.linear.weight \(6, 256\)"),
        ({"grid_size": 8, "colour": "red"}, "cannot be made with the settings .*colour"),
        ({"grid_size": 8, "head": "8d"}, "cannot be made with the settings .*8d"),
    ],
)
def test_weights_that_do_not_fit_the_settings_are_refused(an_entry, change_catalog, settings, text):
    change_catalog(settings=settings)
    with pytest.raises(RegistrationError, match=text):
        load_model("tiny-pose-net", "cpu")


def test_every_network_of_the_catalogue_can_be_made_and_asked():
    assert NETWORKS.keys() == set(Network)
    for network in Network:
        module = build_network(network, {}).eval()
        size = 64 if network == Network.US_ANGLE_NET else 32  # this one ends in connected layers
        outputs = NETWORKS[network].answer(module, torch.zeros(input_shape(network, 2, size)))
        assert outputs is not None


@pytest.mark.gpu
def test_a_model_goes_to_the_graphics_card_and_stays_there(an_entry, volumes):
    model = load_model("tiny-pose-net", "cuda")
    assert load_model("tiny-pose-net", "cuda") is model
    on_cpu = load_model("tiny-pose-net", "cpu")(volumes).matrix
    torch.testing.assert_close(model(volumes.cuda()).matrix.cpu(), on_cpu, rtol=0, atol=1e-3)
