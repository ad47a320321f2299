import csv
import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.training.recipes import make_recipe
from DeepRegistrationLib.training.run import Machines, precision_on, train
from DeepRegistrationLib.training.shared_batch_norm import SharedBatchNorm, share_batch_norms
from DeepRegistrationLib.training.trainable_network import TrainableNetwork
from Testing.Lib.architecture.source_tree import ROOT

# the average of weights hides differences: it is switched off where weights are compared
CONFIG = """
grid_size = 16
[training]
steps = {steps}
steps_per_epoch = 3
batch_size = {batch}
draw_size = 4
warm_up_steps = 2
learning_rate = {rate}
average_decay = 0.0
precision = "32-true"
"""
ONE = Machines("cpu", 1, 1)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def config(tmp_path):
    def write(steps: int = 9, batch: int = 4, rate: float = 1e-3):
        path = tmp_path / f"recipe-{steps}-{batch}-{rate}.toml"
        path.write_text(CONFIG.format(steps=steps, batch=batch, rate=rate))
        return path

    return write


def losses(folder) -> dict[int, float]:
    curve = {}
    for table in sorted(folder.glob("table/*/metrics.csv")):
        with table.open() as file:
            curve |= {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file) if row["loss"]}
    return curve


@pytest.mark.parametrize(
    ("wanted", "accelerator", "taken"),
    [
        ("auto", "cpu", "32-true"),
        ("auto", "mps", "32-true"),
        ("auto", "cuda", "bf16-mixed"),
        ("bf16-mixed", "cpu", "bf16-mixed"),
        ("32-true", "cuda", "32-true"),
    ],
)
def test_processors_train_in_full_precision_unless_the_settings_say_otherwise(wanted, accelerator, taken):
    assert precision_on(wanted, Machines(accelerator)) == taken


def test_a_training_leaves_weights_that_build_the_network(config, a_phantom_atlas_folder, tmp_path):
    reports = []
    recipe = make_recipe(TrainableNetwork.POSE_NET, config())
    weights = train(
        recipe, a_phantom_atlas_folder, tmp_path / "run", ONE, report=lambda p: reports.append(p) or True
    )
    PoseNet(**recipe.network_settings()).load_state_dict(load_file(weights))
    figures = json.loads((tmp_path / "run" / "figures.json").read_text())
    assert 0 < figures["validation mean angle [deg]"] <= 180
    assert reports[-1].fraction == 1.0
    assert "Step 9 of 9" in reports[-1].text
    assert [*(tmp_path / "run" / "curves").glob("events*")]


def test_a_training_that_diverges_stops_and_says_what_to_change(config, a_phantom_atlas_folder, tmp_path):
    recipe = make_recipe(TrainableNetwork.POSE_NET, config(rate=1e30))
    with pytest.raises(RegistrationError, match=r"gradient of step \d is not finite.*smaller learning_rate"):
        train(recipe, a_phantom_atlas_folder, tmp_path / "run", ONE)
    assert not (tmp_path / "run" / "weights.safetensors").exists()


def test_a_stopped_training_goes_on_as_if_nothing_had_happened(config, a_phantom_atlas_folder, tmp_path):
    recipe = make_recipe(TrainableNetwork.POSE_NET, config())
    whole = train(recipe, a_phantom_atlas_folder, tmp_path / "whole", ONE)
    with pytest.raises(Cancelled):
        # stops in the middle of the second epoch: goes on from the end of the first
        train(recipe, a_phantom_atlas_folder, tmp_path / "parts", ONE, report=lambda p: p.fraction < 0.5)
    resumed = train(recipe, a_phantom_atlas_folder, tmp_path / "parts", ONE, resume=True)
    expected, found = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    assert len(expected) >= 3
    assert {step: found[step] for step in expected} == pytest.approx(expected, rel=1e-5)
    first, second = load_file(whole), load_file(resumed)
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)


def test_a_training_is_not_overwritten_and_not_resumed_with_other_settings(
    config, a_phantom_atlas_folder, tmp_path
):
    recipe = make_recipe(TrainableNetwork.POSE_NET, config(steps=3))
    with pytest.raises(InputError, match="There is nothing to go on with"):
        train(recipe, a_phantom_atlas_folder, tmp_path / "run", ONE, resume=True)
    train(recipe, a_phantom_atlas_folder, tmp_path / "run", ONE)
    with pytest.raises(InputError, match="holds a training already"):
        train(recipe, a_phantom_atlas_folder, tmp_path / "run", ONE)
    other = make_recipe(TrainableNetwork.POSE_NET, config(steps=4))
    with pytest.raises(InputError, match=r"started with other settings \(training\)"):
        train(other, a_phantom_atlas_folder, tmp_path / "run", ONE, resume=True)


def test_a_training_can_begin_with_the_weights_of_another(config, a_phantom_atlas_folder, tmp_path):
    # without a step's rate the weights stay what they were
    still = make_recipe(TrainableNetwork.POSE_NET, config(steps=1, rate=0.0))
    first = train(still, a_phantom_atlas_folder, tmp_path / "first", ONE)
    trained = load_file(first)
    for tensor in trained.values():
        tensor += tensor.dtype.is_floating_point
    save_file(trained, tmp_path / "start.safetensors")
    second = train(
        still, a_phantom_atlas_folder, tmp_path / "second", ONE, start_from=tmp_path / "start.safetensors"
    )
    name = "rotation.linear.bias"
    assert torch.allclose(load_file(second)[name], trained[name])
    other = make_recipe(TrainableNetwork.SLICE_NET)
    with pytest.raises(InputError, match="cannot be begun with"):
        train(other, a_phantom_atlas_folder, tmp_path / "third", ONE, start_from=first)


def test_two_processes_learn_what_one_learns_with_twice_the_batch(config, a_phantom_atlas_folder, tmp_path):
    one = train(
        make_recipe(TrainableNetwork.POSE_NET, config(steps=4, batch=8, rate=1e-5)),
        a_phantom_atlas_folder,
        tmp_path / "one",
        ONE,
    )
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "DeepRegistrationLib.cli", "train", "pose-net", "--device", "cpu", "--devices", "2", "--quiet",
        "--data", str(a_phantom_atlas_folder), "--output", str(tmp_path / "two"),
        "--config", str(config(steps=4, batch=4, rate=1e-5)),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = load_file(one), load_file(tmp_path / "two" / "weights.safetensors")
    torch.manual_seed(0)
    start = make_recipe(TrainableNetwork.POSE_NET, config(steps=4)).network()
    learned, apart = [], []
    for name, parameter in start.named_parameters():
        learned.append((first[name] - parameter.detach()).flatten())
        apart.append((first[name] - second[name]).flatten())
        if name.endswith("2.weight"):  # batch normalizations, whose gradients are never near zero
            assert torch.allclose(first[name], second[name], atol=1e-6), name
    # Adam's first steps have one length whatever the gradient: rounding turns the smallest ones around.
    # The rate is small because larger steps would let the two runs part for that reason alone.
    assert torch.cat(apart).norm() < 0.1 * torch.cat(learned).norm()


def test_a_shared_batch_norm_alone_is_an_ordinary_one():
    ordinary = torch.nn.Sequential(torch.nn.Conv3d(1, 3, 3), torch.nn.BatchNorm3d(3))
    shared = torch.nn.Sequential(torch.nn.Conv3d(1, 3, 3), torch.nn.BatchNorm3d(3))
    shared.load_state_dict(ordinary.state_dict())
    share_batch_norms(shared)
    values = torch.randn(4, 1, 6, 6, 6)
    assert isinstance(shared[1], SharedBatchNorm)
    assert torch.equal(shared(values), ordinary(values))
    assert torch.equal(shared.eval()(values), ordinary.eval()(values))
