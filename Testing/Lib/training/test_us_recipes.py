import dataclasses

import pytest
import torch

from DeepRegistrationLib.data.us_subjects import FrameSet, UltrasoundSubjects
from DeepRegistrationLib.data.us_synthesis import synthesize_triplets
from DeepRegistrationLib.training.random_stream import generator_for
from DeepRegistrationLib.training.recipes import make_recipe
from DeepRegistrationLib.training.trainable_network import TrainableNetwork
from DeepRegistrationLib.training.us_angle_recipe import UsAngleRecipe, pairs_of
from Testing.Lib.ultrasound import moved_frame

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def subjects():
    frames = torch.stack([moved_frame(0.0, (0.0, 0.0), 128, seed) for seed in (0, 1, 2)])[:, None]
    of = FrameSet(frames, torch.ones_like(frames), torch.arange(3), torch.ones(3).long(), ("a", "b", "c"))
    return UltrasoundSubjects(of, of)


@pytest.mark.parametrize("network", [TrainableNetwork.US_ANGLE_NET, TrainableNetwork.US_TRIPLET_NET])
def test_equal_generators_make_equal_batches_and_the_loss_has_a_gradient(network, subjects):
    recipe = make_recipe(network)
    one, same = (recipe.draw(subjects, 6, generator_for(0, "train", 1, CPU)) for _ in range(2))
    for entry in dataclasses.fields(one):
        assert torch.equal(getattr(one, entry.name), getattr(same, entry.name))
    made = recipe.network()
    loss = recipe.loss(made, one, 0)
    loss.value.backward()
    assert torch.isfinite(loss.value)
    assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())
    figures = recipe.validate(made.eval(), subjects, generator_for(0, "validate", 0, CPU))
    assert all(isinstance(value, float) for value in figures.values())


def test_a_few_steps_lower_the_loss_of_the_angle_net(subjects):
    torch.manual_seed(0)
    recipe = UsAngleRecipe(width=8)
    network, losses = recipe.network(), []
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for step in range(40):
        batch = recipe.draw(subjects, 16, generator_for(0, "train", step, CPU))
        loss = recipe.loss(network, batch, 0).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-8:]) < 0.85 * sum(losses[:8])


def test_pairs_of_triplets_keep_their_angles(subjects):
    made = synthesize_triplets(
        subjects.train, torch.tensor([0, 1]), 64, UsAngleRecipe().synthesis, generator_for(0, "train", 0, CPU)
    )
    batch = pairs_of(made)
    assert batch.pairs.shape == (4, 2, 64, 64)
    assert torch.equal(batch.angle, torch.cat([made.angle[:, 0], made.angle[:, 1]]))
    # both pairs of a triplet have its middle frame as fixed
    assert torch.equal(batch.pairs[:2, 1], batch.pairs[2:, 1])


def test_the_papers_options_are_settings(tmp_path):
    config = tmp_path / "paper.toml"
    config.write_text("angles_deg = [3.0]\ncolumns = 128\nrows = 64\n[training]\nlearning_rate = 2e-4\n")
    recipe = make_recipe(TrainableNetwork.US_TRIPLET_NET, config)
    assert (recipe.angles_deg, recipe.columns, recipe.rows) == ((3.0,), 128, 64)
    assert recipe.training.l1 > 0
    assert recipe.training.weight_decay == 0
