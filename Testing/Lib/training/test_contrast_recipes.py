"""The recipes of the contrast transfer: who learns from what, and that it learns."""

import json

import pytest
import torch

from DeepRegistrationLib.data.contrast_pairs import draw_pairs
from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.training.contrast_recipe import ContrastRecipe
from DeepRegistrationLib.training.contrast_unpaired_recipe import ContrastUnpairedRecipe
from DeepRegistrationLib.training.recipe import TrainingSettings

CPU = torch.device("cpu")
SMALL = {"width": 8, "depth": 3, "discriminator_width": 4}
RECIPES = [ContrastRecipe(**SMALL), ContrastUnpairedRecipe(**SMALL)]


@pytest.fixture(scope="module")
def a_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    write_phantom_atlas(folder, weeks=(24, 28, 32), spacing_mm=2.5)
    return folder


@pytest.fixture(scope="module")
def phantoms(a_folder):
    return RECIPES[0].load(a_folder, CPU)


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

    assert cycle(trained(recipe, phantoms, 25)) < 0.6 * cycle(trained(recipe, phantoms, 0))


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


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_the_generator_alone_is_what_the_settings_describe(recipe):
    generator = ContrastGenerator(**json.loads(json.dumps(recipe.network_settings())))
    parts = recipe.network().state_dict()
    kept = {
        name.removeprefix("generator."): tensor
        for name, tensor in parts.items()
        if name.startswith("generator.")
    }
    generator.load_state_dict(kept)


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
