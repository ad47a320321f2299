"""The recipes of the contrast transfer: who learns from what, and that it learns."""

import json
from dataclasses import replace

import pytest
import torch

from DeepRegistrationLib.data.contrast_pairs import draw_pairs
from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.losses.adversarial_loss import AdversarialForm
from DeepRegistrationLib.models.state_dict import read_state_dict
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.training.contrast_recipe import ContrastRecipe
from DeepRegistrationLib.training.contrast_unpaired_recipe import ContrastUnpairedRecipe
from DeepRegistrationLib.training.recipe import TrainingSettings
from DeepRegistrationLib.training.recipes import make_recipe
from DeepRegistrationLib.training.run import Machines, train
from DeepRegistrationLib.training.trainable_network import TrainableNetwork

CPU = torch.device("cpu")
SMALL = {"width": 8, "depth": 3, "discriminator_width": 4}
RECIPES = [ContrastRecipe(**SMALL), ContrastUnpairedRecipe(**SMALL)]


@pytest.fixture(scope="module")
def phantoms(a_phantom_atlas_folder):
    return RECIPES[0].load(a_phantom_atlas_folder, CPU)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def trained(recipe, data, steps, learning_rate=2e-3):
    torch.manual_seed(0)
    network = recipe.network()
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate)
    generator = seeded()
    for _ in range(steps):
        loss = recipe.loss(network, recipe.draw(data, 8, generator), 0)
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
    return network


def figures(recipe, network, data):
    with torch.no_grad():
        return recipe.validate(network.eval(), data, seeded(1))


def test_a_short_training_brings_the_held_out_week_closer(phantoms):
    recipe = ContrastRecipe(**SMALL)
    before = figures(recipe, trained(recipe, phantoms, 0), phantoms)
    after = figures(recipe, trained(recipe, phantoms, 60), phantoms)
    assert after["difference [%]"] < 0.6 * before["difference [%]"]
    assert after["correlation"] > 0.6


def test_without_pairs_the_way_there_and_back_gets_shorter(phantoms):
    recipe = ContrastUnpairedRecipe(**SMALL)
    held_out = recipe.draw(phantoms, 16, seeded(9))

    def cycle(network):
        with torch.no_grad():
            return recipe.loss(network.eval(), held_out, 0).figures["cycle"].item()

    assert cycle(trained(recipe, phantoms, 30)) < 0.8 * cycle(trained(recipe, phantoms, 0))


def test_t1_and_t2_slices_come_from_different_brains_without_pairs(phantoms):
    first, second = phantoms.train
    recipe = ContrastUnpairedRecipe(**SMALL)
    batch = recipe.draw(phantoms, 4, seeded())
    generator = seeded()
    assert torch.equal(batch.t1, draw_pairs([first], 4, generator, recipe.synthesis).t1)
    assert torch.equal(batch.t2, draw_pairs([second], 4, generator, recipe.synthesis).t2)


def test_the_generator_learns_nothing_from_the_discriminators_loss_and_the_other_way_round(phantoms):
    recipe = ContrastRecipe(**SMALL)
    torch.manual_seed(0)
    network = recipe.network()
    batch = recipe.draw(phantoms, 4, seeded())
    out = network(torch.cat([batch.t1, batch.t2, batch.mask], dim=1))
    for logits, learner, other in (
        (out.judgements.for_generator, network.generator, network.discriminator),
        (out.judgements.of_made, network.discriminator, network.generator),
        (out.judgements.of_true, network.discriminator, network.generator),
    ):
        network.zero_grad()
        logits.square().sum().backward(retain_graph=True)
        assert all(parameter.grad is None for parameter in other.parameters())
        assert any(parameter.grad is not None for parameter in learner.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_every_weight_gets_a_gradient(recipe, phantoms):
    torch.manual_seed(0)
    network = recipe.network()
    recipe.loss(network, recipe.draw(phantoms, 4, seeded()), 0).value.backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_a_training_leaves_a_generator_that_the_settings_build_again(
    recipe, a_phantom_atlas_folder, tmp_path
):
    short = TrainingSettings(steps=4, steps_per_epoch=2, batch_size=4, draw_size=2, warm_up_steps=1)
    recipe = replace(recipe, training=short)
    weights = train(recipe, a_phantom_atlas_folder, tmp_path / "run", Machines("cpu"))
    generator = ContrastGenerator(**json.loads(json.dumps(recipe.network_settings())))
    generator.load_state_dict(read_state_dict(weights, prefix="generator."))
    figures = json.loads((tmp_path / "run" / "figures.json").read_text())
    assert 0 < figures["validation difference [%]"] < 100
    assert -1 <= figures["validation correlation"] <= 1


def test_a_config_file_reaches_the_contrasts_of_the_slices(tmp_path):
    config = tmp_path / "recipe.toml"
    config.write_text(
        'form = "least-squares"\n[synthesis]\nscale = [0.9, 1.1]\n[synthesis.signals]\nmyelinated = 1\n'
    )
    recipe = make_recipe(TrainableNetwork.CONTRAST, config)
    assert recipe.form == AdversarialForm.LEAST_SQUARES
    assert recipe.synthesis.scale == (0.9, 1.1)
    assert recipe.synthesis.signals.myelinated == 1.0


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_equal_generators_make_equal_batches(recipe, phantoms):
    first, again = (recipe.draw(phantoms, 3, seeded(7)) for _ in range(2))
    assert torch.equal(first.t1, again.t1)
    assert torch.equal(first.t2, again.t2)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_a_batch_is_made_of_whole_draws(recipe):
    assert isinstance(recipe.training, TrainingSettings)
    assert recipe.training.batch_size % recipe.training.draw_size == 0


def test_without_pairs_two_weeks_are_needed(tmp_path):
    write_phantom_atlas(tmp_path, weeks=(24, 28), spacing_mm=3.0)
    with pytest.raises(InputError, match="has 1 week to train on"):
        ContrastUnpairedRecipe(**SMALL).load(tmp_path, CPU)


def test_both_sides_of_the_paper_are_in_the_loss(phantoms):
    """An L1 weight of zero leaves the adversarial part, which starts at the logarithm of two on each side."""
    torch.manual_seed(0)
    recipe = ContrastRecipe(**SMALL, l1_weight=0.0)
    loss = recipe.loss(recipe.network(), recipe.draw(phantoms, 8, seeded()), 0)
    assert loss.value.item() == pytest.approx(2 * 0.693, abs=0.4)
