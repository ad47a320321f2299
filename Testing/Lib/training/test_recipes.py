import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.networks.rotation_heads import RotationHead
from DeepRegistrationLib.training.random_stream import generator_for
from DeepRegistrationLib.training.recipes import make_recipe, recipe_as_dict
from DeepRegistrationLib.training.trainable_network import TrainableNetwork
from DeepRegistrationLib.workflows.atlas_subjects import load_atlas_subjects

CPU = torch.device("cpu")
# the networks of poses; those of the contrast transfer have tests of their own
SMALL = {
    TrainableNetwork.POSE_NET: "grid_size = 16",
    TrainableNetwork.CORRECTION_NET: "grid_size = 16",
    TrainableNetwork.SLICE_NET: "slice_size = 32\nwidth = 8",
}


@pytest.fixture(scope="module")
def subjects(a_phantom_atlas_folder):
    return load_atlas_subjects(a_phantom_atlas_folder, CPU)


@pytest.mark.parametrize("network", TrainableNetwork)
def test_every_network_of_the_command_line_has_a_recipe(network):
    assert make_recipe(network).training.steps > 0


def test_a_config_file_changes_what_it_names_and_nothing_else(tmp_path):
    config = tmp_path / "recipe.toml"
    config.write_text('head = "pi-tanh"\n[training]\nsteps = 7\n[synthesis.corruption]\nnoise = 0\n')
    recipe = make_recipe(TrainableNetwork.POSE_NET, config)
    assert recipe.head is RotationHead.PI_TANH
    assert recipe.training.steps == 7
    assert recipe.synthesis.corruption.noise == 0.0
    before = recipe_as_dict(make_recipe(TrainableNetwork.POSE_NET))
    after = recipe_as_dict(recipe)
    after["head"] = before["head"]
    after["training"]["steps"] = before["training"]["steps"]
    after["synthesis"]["corruption"]["noise"] = before["synthesis"]["corruption"]["noise"]
    assert after == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nstep = 5", "'training.step' is unknown; known are average_decay"),
        ("grid_size = 'big'", "'grid_size' must be int"),
        ("head = '7d'", "7d"),
        ("grid_size = ", "cannot be used"),
    ],
)
def test_a_config_file_with_a_mistake_is_refused_by_name(tmp_path, text, message):
    config = tmp_path / "recipe.toml"
    config.write_text(text)
    with pytest.raises(InputError, match=message):
        make_recipe(TrainableNetwork.POSE_NET, config)


@pytest.mark.parametrize("network", SMALL)
def test_every_recipe_draws_learns_and_validates(network, subjects, tmp_path):
    config = tmp_path / "recipe.toml"
    config.write_text(SMALL[network])
    recipe = make_recipe(network, config)
    module = recipe.network()
    batch = recipe.draw(subjects, 8, generator_for(0, "train", 0, CPU))
    loss = recipe.loss(module, batch, epoch=0)
    loss.value.backward()
    assert torch.isfinite(loss.value)
    assert all(parameter.grad is not None for parameter in module.parameters())
    with torch.no_grad():
        figures = recipe.validate(module.eval(), subjects, generator_for(0, "validate", 0, CPU))
    assert 0 < figures["mean angle [deg]"] <= 180


@pytest.mark.parametrize("network", SMALL)
def test_the_settings_of_a_network_build_it_again(network):
    recipe = make_recipe(network)
    module = recipe.network()
    again = type(module)(**recipe.network_settings())
    again.load_state_dict(module.state_dict())


def test_training_and_validation_share_no_subject(subjects):
    names = {name.split(" ")[0] for name in subjects.train.names}
    assert names == {"PHA24", "PHA32"}
    assert {name.split(" ")[0] for name in subjects.validation.names} == {"PHA28"}


def test_cubes_are_centred_and_scaled_to_the_brain(subjects):
    mask = subjects.train.mask
    share = mask.mean((1, 2, 3, 4))
    # a ball of radius 1 in a cube of half edge 1.5; voxels stand for cells that reach beyond the outermost
    size = subjects.train.size
    expected = 4 / 3 * torch.pi / (3 * size / (size - 1)) ** 3
    assert torch.allclose(share, share.new_full((len(share),), expected), rtol=0.03)
    line = torch.linspace(-1.5, 1.5, size)
    assert (subjects.train.origin[0] == 0).all()
    assert (subjects.train.origin[2].abs() > 0.01).any()
    for axes in ((1, 2, 3), (1, 2, 4), (1, 3, 4)):
        weight = mask.sum(axes)
        assert (weight @ line / weight.sum(1)).abs().max() < 0.02


def test_a_folder_without_a_validation_week_is_refused(tmp_path):
    from DeepRegistrationLib.data.phantom import write_phantom_atlas

    write_phantom_atlas(tmp_path, weeks=(24,), spacing_mm=5.0)
    with pytest.raises(InputError, match="has no week for validation; found weeks 24"):
        load_atlas_subjects(tmp_path, CPU)


def test_parts_of_a_brain_in_the_frame_of_the_whole_lie_where_they_are(a_phantom_atlas_folder):
    subjects = load_atlas_subjects(a_phantom_atlas_folder, CPU, own_frame=False).train
    whole, without_fluid, cerebrum = subjects.mask[:3]
    assert (subjects.origin == 0).all()
    for part in (without_fluid, cerebrum):
        assert (part <= whole + 0.05).all()
        assert part.sum() < 0.95 * whole.sum()
