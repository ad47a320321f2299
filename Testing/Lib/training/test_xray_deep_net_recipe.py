import dataclasses

import pytest
import torch

from DeepRegistrationLib.data.xray_synthesis import XraySynthesis
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.training.channels_last import channels_last
from DeepRegistrationLib.training.random_stream import generator_for
from DeepRegistrationLib.training.recipe import TrainingSettings
from DeepRegistrationLib.training.recipes import make_recipe
from DeepRegistrationLib.training.run import Machines, train
from DeepRegistrationLib.training.trainable_network import TrainableNetwork
from DeepRegistrationLib.training.xray_deep_net_recipe import XrayData, XrayDeepNetRecipe, direction_figures
from DeepRegistrationLib.training_command import run_training
from Testing.Lib.data.xray_cubes import a_patient

CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
SMALL = XrayDeepNetRecipe(
    training=TrainingSettings(
        steps=4, steps_per_epoch=2, batch_size=2, draw_size=1, precision="32-true", warm_up_steps=1
    ),
    grid_size=16,
    voxel_mm=14.0,
    image_size=16,
    pixel_mm=11.0,
    volume_channels=(2, 2),
    image_channels=(8, 16, 16),
    embedding=16,
    plain_epochs=1,
    synthesis=XraySynthesis(poses_per_volume=4, target_voxel_mm=12.0, target_size=20),
)


@dataclasses.dataclass(frozen=True)
class OfAPatient(XrayDeepNetRecipe):
    """Trains on a made-up patient instead of files."""

    def load(self, data, device):
        cube = a_patient(12.0, (26, 24, 25))
        return XrayData((cube,), (cube,))


@pytest.fixture
def a_recipe():
    return OfAPatient(**{f.name: getattr(SMALL, f.name) for f in dataclasses.fields(SMALL)})


def test_the_gradient_turns_towards_the_geodesic_one_while_it_trains(a_recipe):
    data = a_recipe.load(None, CPU)
    torch.manual_seed(0)
    network = a_recipe.network()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    batch = a_recipe.draw(data, 4, generator_for(0, "train", 0, CPU))
    losses = []
    for step in range(25):
        loss = a_recipe.loss(network, batch, epoch=0 if step < 15 else 1)
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        losses.append(loss.value.item())
    assert losses[-1] < 0.75 * losses[0]
    # the volume network has begun to learn, too
    assert network.volume_net.layers[-1].weight.abs().max() > 0


def test_a_training_that_is_resumed_ends_as_if_it_had_not_been_stopped(a_recipe, tmp_path):
    whole = train(a_recipe, tmp_path, tmp_path / "whole", Machines("cpu"))

    def stop_after_half(progress):
        return progress.fraction < 0.45

    from DeepRegistrationLib.errors import Cancelled

    with pytest.raises(Cancelled):
        train(a_recipe, tmp_path, tmp_path / "parts", Machines("cpu"), report=stop_after_half)
    parts = train(a_recipe, tmp_path, tmp_path / "parts", Machines("cpu"), resume=True)
    assert whole.read_bytes() == parts.read_bytes()


def test_ready_weights_build_the_network_again(a_recipe):
    network = a_recipe.network()
    again = type(network)(**a_recipe.network_settings())
    again.load_state_dict(network.state_dict())


def test_directions_are_counted_within_sixty_degrees():
    wanted = torch.tensor([[1.0, 0, 0, 0, 1, 0]] * 3)
    found = torch.tensor([[0.6, 0.8, 0, 0, 1, 0], [0.4, 0.9, 0, 0, 1, 0], [1, 0, 0, 1, 0.1, 0.0]])
    figures = direction_figures(found, wanted)
    assert [round(float(value)) for value in figures.values()] == [33, 67, 67]


def test_ct_names_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"held out .nobody. must be some, but not all, of pelvis003"):
        dataclasses.replace(SMALL, held_out=("nobody",)).load(tmp_path, CPU)


def test_without_cts_the_command_asks_for_them(tmp_path):
    with pytest.raises(InputError, match="No CTs were given"):
        run_training(
            TrainableNetwork.XRAY_DEEP_NET,
            None,
            tmp_path,
            None,
            "cpu",
            1,
            1,
            False,
            None,
            lambda progress: True,
        )


def test_settings_may_come_from_a_file(tmp_path):
    config = tmp_path / "recipe.toml"
    config.write_text(
        'held_out = ["verse081"]\n[training]\noptimizer = "cyclic-sgd"\n[synthesis.anatomy]\nsize = 0.2\n'
    )
    recipe = make_recipe(TrainableNetwork.XRAY_DEEP_NET, config)
    assert recipe.held_out == ("verse081",)
    assert recipe.training.optimizer == "cyclic-sgd"
    assert recipe.synthesis.anatomy.size == 0.2


def test_kernels_of_images_and_of_volumes_are_stored_with_the_channels_last():
    assert channels_last(torch.rand(2, 3, 4, 5)).is_contiguous(memory_format=torch.channels_last)
    assert channels_last(torch.rand(2, 3, 4, 5, 6)).is_contiguous(memory_format=torch.channels_last_3d)
    assert channels_last("anything") == "anything"
