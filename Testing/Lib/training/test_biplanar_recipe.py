import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from DeepRegistrationLib.data.biplanar_atlas import prepare_atlas
from DeepRegistrationLib.data.biplanar_shape_model import SHAPE_MODEL, control_grid, write_shape_model
from DeepRegistrationLib.data.biplanar_synthesis import BiplanarSynthesis, draw_batch, load_patients
from DeepRegistrationLib.data.femur_folder import ATLAS, find_atlas, find_pairs, write_pair
from DeepRegistrationLib.data.femur_population import SyntheticFemur
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.losses.biplanar_loss import smoothness, soft_dice, volume_correlation
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.biplanar_sdm_net import BiplanarSdmNet
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize
from DeepRegistrationLib.optimize.deformation_model import free_model
from DeepRegistrationLib.training.biplanar_comparison_recipes import BiplanarLabelRecipe, BiplanarSdmRecipe
from DeepRegistrationLib.training.biplanar_recipe import BiplanarAffineRecipe, BiplanarNetRecipe
from DeepRegistrationLib.training.random_stream import generator_for
from DeepRegistrationLib.training.recipe import TrainingSettings
from DeepRegistrationLib.training.recipes import make_recipe
from DeepRegistrationLib.training.run import Machines, train
from DeepRegistrationLib.training.trainable_network import TrainableNetwork
from Testing.Lib.pictures import FAR, oblique_geometry, positions

CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
MODEL = Path("train") / SHAPE_MODEL
ABLATIONS = ("together = false", "skips = false", "one_decoder = true", "inverse_projection = false")
TINY = BiplanarSize((32, 24), (20, 14, 20), (6.4, 6.1, 9.6), (4, 6, 8), (8, 6, 4, 4), copies=2)
TRAINING = TrainingSettings(
    steps=2, steps_per_epoch=1, batch_size=2, draw_size=1, precision="32-true", warm_up_steps=1
)


def a_patient(size_mm, seed):
    """An oblong of bone in soft tissue, on a grid far from the origin."""
    geometry = oblique_geometry((48, 32, 48), (2.7, 2.7, 4.0), FAR, degrees_xyz=(0, 0, 0))
    offset = positions(geometry) - FAR - np.random.default_rng(seed).uniform(-4, 4, 3)
    inside = ((offset / np.asarray(size_mm)) ** 2).sum(-1)
    values = np.where(inside < 1, np.where(inside > 0.7, 1200.0, 250.0), 40.0)
    ct = Volume(torch.from_numpy(values).float(), geometry)
    return SyntheticFemur(ct, ct.with_values(torch.from_numpy((inside < 1).astype(np.uint8))), {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("populations")
    for name in ("train", "validation"):
        (folder / name).mkdir()
        for number in range(2):
            sizes = (22 + 3 * number, 18, 60 + 8 * number)
            write_pair(a_patient(sizes, number), f"{name}_{number}", folder / name)
    write_pair(a_patient((24, 20, 62), 9), ATLAS, folder / "train")
    write_shape_model(a_shape_model(prepare_atlas(*find_atlas(folder / "train").read())), folder / MODEL)
    return folder


def a_shape_model(atlas):
    """The middle goes to the front, the ends stay."""
    plain = free_model(control_grid(atlas))
    modes = torch.zeros(1, *plain.mean.shape)
    modes[0, 4:-4, ..., 1] = 3.0
    return dataclasses.replace(plain, modes=modes)


@pytest.fixture(scope="module")
def patients(folder):
    return load_patients(find_pairs(folder / "train"), find_atlas(folder / "train"), TINY, CPU)


def test_correlation_of_volumes_is_one_up_to_gain_and_offset():
    volume = torch.randn(2, 1, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(volume_correlation(volume, 3 * volume + 2), torch.ones(2))
    torch.testing.assert_close(volume_correlation(volume, -volume), -torch.ones(2))
    assert volume_correlation(volume, torch.ones_like(volume)).abs().max() < 1e-3


def test_a_linear_displacement_has_the_smoothness_of_its_matrix():
    geometry = oblique_geometry((5, 6, 7), (0.7, 1.1, 1.6), FAR, degrees_xyz=(20, -35, 50))
    linear = np.array([[0.1, 0.02, 0], [0, -0.05, 0.03], [0.01, 0, 0.2]])
    displacement = torch.from_numpy((positions(geometry) - FAR) @ linear.T)[None]
    wanted = torch.tensor([(linear**2).sum() / 3], dtype=torch.float64)  # mean over the three components
    torch.testing.assert_close(smoothness(displacement, geometry), wanted)
    assert smoothness(torch.ones_like(displacement), geometry) == 0


def test_dice_of_shares_is_that_of_masks():
    first, second = torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4)
    first[..., :2], second[..., 1:3] = 1, 1
    assert soft_dice(first, second).item() == pytest.approx(0.5)
    assert soft_dice(first, first).item() == pytest.approx(1.0)


def test_equal_generators_make_equal_samples_and_cameras_turn(patients):
    settings = BiplanarSynthesis(view_deg=30.0)
    first, second = (draw_batch(patients, 3, TINY, settings, generator_for(0, "a", 1, CPU)) for _ in range(2))
    for entry in dataclasses.fields(first):
        assert torch.equal(getattr(first, entry.name), getattr(second, entry.name))
    assert first.radiographs.shape == (3, 2, 32, 24)
    assert len(first.angles_deg.unique()) == 6
    assert (first.angles_deg - torch.tensor([0.0, 90.0])).abs().max() <= 30


def test_radiographs_show_the_patient_of_the_target_in_the_right_view(patients):
    settings = BiplanarSynthesis(noise=0.0, bend_mm=0.0)
    batch = draw_batch(patients, 2, TINY, settings, generator_for(0, "b", 0, CPU))
    bone = torch.cat(batch.views().project(batch.target), 1)
    shadow = batch.radiographs > 0
    for view in range(2):
        own = volume_correlation(batch.radiographs[:, view], bone[:, view])
        assert (own > 0.9).all()
    # nothing beside the bone's shadow; soft tissue before and behind stays in it
    assert (bone[~shadow] < 0.3).all()  # a ray through 3 mm of bone
    assert (bone.flip(1)[~shadow] > 0.5).any()  # the views exchanged
    assert (batch.radiographs[shadow] > bone[shadow] - 1e-4).all()
    assert batch.radiographs[shadow].mean() > 1.2 * bone[shadow].mean()


def test_torsion_turns_the_head_about_the_shaft_and_leaves_the_middle(patients):
    still = {"turn_deg": 0.0, "shift_mm": 0.0, "bend_mm": 0.0, "noise": 0.0, "density": 0.0}
    straight, twisted = (
        draw_batch(
            patients, 1, TINY, BiplanarSynthesis(**still, torsion_deg=degrees), generator_for(0, "t", 0, CPU)
        ).mask[0, 0]
        for degrees in (0.0, 25.0)
    )
    middle = len(straight) // 2
    changed = (straight - twisted).abs().sum((1, 2)) / straight.sum((1, 2)).clamp(min=1)
    assert changed[middle] < 0.05
    assert changed.max() > 0.2
    # turned, not thinned
    assert float(twisted.sum()) == pytest.approx(float(straight.sum()), rel=0.02)


def test_the_target_is_the_patient_within_its_mask(patients):
    batch = draw_batch(patients, 2, TINY, BiplanarSynthesis(), generator_for(0, "c", 0, CPU))
    assert ((batch.target > 0) <= (batch.mask > 0)).all()
    assert batch.mask.max() <= 1 + 1e-6
    volume_ml = batch.mask.sum((1, 2, 3, 4)) * batch.views().geometry.voxel_volume_mm3 / 1000
    assert ((volume_ml > 70) & (volume_ml < 200)).all()


@pytest.mark.parametrize("recipe", [BiplanarAffineRecipe, BiplanarNetRecipe])
def test_a_few_steps_bring_the_atlas_nearer(recipe, patients):
    recipe = recipe(training=TRAINING, size=TINY, synthesis=BiplanarSynthesis(shift_mm=20.0))
    torch.manual_seed(0)
    network = recipe.network()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    batch = draw_batch(patients, 2, TINY, recipe.synthesis, generator_for(0, "d", 0, CPU))
    losses = []
    for _ in range(20):
        loss = recipe.loss(network, batch, 0)
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        losses.append(loss.value.item())
    assert min(losses[-5:]) < losses[0] - 0.05


def test_optional_terms_change_the_loss(patients):
    plain = BiplanarNetRecipe(training=TRAINING, size=TINY)
    torch.manual_seed(0)
    network = plain.network().eval()
    batch = draw_batch(patients, 1, TINY, plain.synthesis, generator_for(0, "e", 0, CPU))
    before = plain.loss(network, batch, 0).value
    for term in ({"dice_weight": 1.0}, {"projection_weight": 1.0}):
        after = dataclasses.replace(plain, **term).loss(network, batch, 0).value
        assert after < before - 0.1


def test_the_recipe_trains_and_validates_on_populations(folder, tmp_path):
    recipe = BiplanarNetRecipe(training=TRAINING, size=TINY)
    weights = train(recipe, folder, tmp_path / "out", Machines("cpu"))
    assert weights.is_file()
    data = recipe.load(folder, CPU)
    figures = recipe.validate(recipe.network().eval(), data, generator_for(0, "validate", 0, CPU))
    again = BiplanarNet(**json.loads(json.dumps(recipe.network_settings())))
    assert again.affine.size == TINY
    assert next(iter(figures)) == "Dice [%]"
    assert 30 < figures["Dice [%]"] <= 100
    assert figures["folded [%]"] == 0


def test_the_network_of_modes_trains_with_the_model_of_its_training_patients(folder, tmp_path):
    recipe = BiplanarSdmRecipe(training=TRAINING, size=TINY, modes=7, control_shape_kji=(6, 5, 6))
    weights = train(recipe, folder, tmp_path / "out", Machines("cpu"))
    network = BiplanarSdmNet(**json.loads(json.dumps(recipe.network_settings())))
    network.load_state_dict(load_file(weights))
    data = recipe.load(folder, CPU)
    torch.testing.assert_close(network.modes, data.modes)
    assert 1.0 < network.modes[6, 1].max() < 4.0  # the mode that goes to the front
    figures = recipe.validate(network.eval(), data, generator_for(0, "validate", 0, CPU))
    assert list(figures) == ["Dice [%]", "affine Dice [%]", "folded [%]"]
    assert 30 < figures["Dice [%]"] <= 100


def test_a_missing_shape_model_is_named_with_what_to_do(folder, tmp_path):
    for name in ("train", "validation"):
        (tmp_path / name).mkdir()
        for path in (folder / name).glob("*.nii.gz"):
            (tmp_path / name / path.name).symlink_to(path)
    with pytest.raises(InputError, match=r"shape_model.* is missing.*deepregistration shape-model"):
        BiplanarSdmRecipe(training=TRAINING, size=TINY).load(tmp_path, CPU)


def test_the_network_of_labels_learns_to_mark_the_bone(folder):
    size = dataclasses.replace(TINY, volume_shape_kji=(20, 12, 20))
    recipe = BiplanarLabelRecipe(training=TRAINING, size=size, channels=(8, 16, 16))
    patients = recipe.load(folder, CPU).train
    torch.manual_seed(0)
    network = recipe.network()
    batch = draw_batch(patients, 2, size, recipe.synthesis, generator_for(0, "f", 0, CPU))
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    dice = []
    for _ in range(40):
        loss = recipe.loss(network, batch, 0)
        optimizer.zero_grad()
        loss.value.backward()
        optimizer.step()
        dice.append(float(loss.figures["soft Dice"]))
    assert dice[0] < 0.35 < 0.55 < dice[-1]


@pytest.mark.parametrize("switch", ABLATIONS)
def test_an_ablation_is_one_line_of_the_settings_and_trains(switch, folder, tmp_path):
    config = tmp_path / "ablation.toml"
    size = "\n".join(
        f"{key} = {list(value) if isinstance(value, tuple) else value}"
        for key, value in dataclasses.asdict(TINY).items()
    )
    config.write_text(
        f"{switch}\n[training]\nsteps = 3\nsteps_per_epoch = 3\nbatch_size = 2\ndraw_size = 1\n"
        f'precision = "32-true"\n[size]\n{size}\n'
    )
    recipe = make_recipe(TrainableNetwork.BIPLANAR_NET, config)
    name, value = switch.split(" = ")
    assert recipe.size == TINY
    assert recipe.network_settings()[name] is (value == "true")
    weights = train(recipe, folder, tmp_path / "out", Machines("cpu"))
    network = BiplanarNet(**json.loads(json.dumps(recipe.network_settings())))
    network.load_state_dict(load_file(weights))


def test_a_missing_population_is_named_with_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"train' is missing.*deepregistration population"):
        BiplanarNetRecipe().load(tmp_path, CPU)


def test_an_atlas_that_is_too_small_is_refused(folder):
    large = dataclasses.replace(TINY, spacing_mm=(16.0, 16.0, 16.0))
    with pytest.raises(InputError, match="% of the volume that the network sees"):
        load_patients(find_pairs(folder / "train"), find_atlas(folder / "train"), large, CPU)
