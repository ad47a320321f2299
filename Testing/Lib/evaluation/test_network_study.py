"""The study of networks alone: networks that nobody trained, on one real brain."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.network_report import CHAIN
from DeepRegistrationLib.evaluation.network_study import NetworkStudySettings, run_network_study
from DeepRegistrationLib.evaluation.network_trials import NetworkTrial
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.models.registry import build_network

SETTINGS = {
    Network.POSE_NET: {"grid_size": 16, "head": "6d", "encoder": "compact"},
    Network.CORRECTION_NET: {"grid_size": 16, "head": "6d", "encoder": "compact"},
    Network.SLICE_NET: {"head": "6d", "width": 8},
}


def write_weights(folder, network, seed=0):
    """Weights as a training writes them: the settings in the header, the recipe beside them."""
    torch.manual_seed(seed)
    settings = SETTINGS[network]
    path = folder / f"{network}.safetensors"
    save_file(build_network(network, settings).state_dict(), path, {"settings": json.dumps(settings)})
    return path


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    (tmp_path / "recipe.json").write_text(json.dumps({"slice_size": 32}), "utf-8")
    return {network: write_weights(tmp_path, network) for network in SETTINGS}


@pytest.fixture
def small(weights):
    return NetworkStudySettings(weights, per_bin=1, groups=(SliceGroup.ATLAS,), device=Device.CPU)


def test_every_answer_is_kept_and_a_stopped_study_goes_on(
    one_unseen_week, small, weights, no_networks, tmp_path
):
    output = tmp_path / "study"
    with pytest.raises(Cancelled):
        run_network_study(
            one_unseen_week, output, small, lambda progress: not progress.text.startswith("slice-net")
        )
    path = output / "network_trials.csv"
    kept = path.read_bytes()
    text = run_network_study(one_unseen_week, output, small).read_text("utf-8")
    assert path.read_bytes().startswith(kept)
    trials = TrialFile(path, NetworkTrial).trials
    names = {(trial.network, trial.contrast) for trial in trials}
    assert names == {(name, kind) for name in (*SETTINGS, CHAIN) for kind in ("T2", "T1-like")}
    assert len(trials) == 8 * 6
    # a network that nobody trained knows nothing
    assert np.mean([trial.rotation_deg for trial in trials if trial.network == "pose-net"]) > 40
    assert "| atlas, T2 | 6 |" in text
    assert "| paper: Pose-Net, geodesic |" in text
    numbers = json.loads((output / "networks.json").read_text("utf-8"))
    mean = np.mean([t.rotation_deg for t in trials if (t.network, t.contrast) == ("pose-net", "T2")])
    card = numbers["pose-net"]["figures for the model card"]
    assert card["weeks 26, 31, 35, T2: mean error [deg]"] == pytest.approx(mean, abs=0.01)
    assert numbers["correction-net"]["atlas, T2"]["shift before [mm]"]["all"]["count"] == 6
    assert list(numbers["correction-net"]["atlas, T2"]["rotation [deg]"])[1:3] == ["0-5", "5-10"]
    assert numbers["slice-net"]["models"].startswith("slice-net.safetensors ")
    # nothing is left to do, from the terminal either
    words = ["evaluate", "fetal-networks", "--brains", "atlas", "--per-bin", "1", "--quiet"]
    options = [word for kind, file in weights.items() for word in (f"--{kind}", str(file))]
    folders = ["--data", str(one_unseen_week), "--output", str(output)]
    done = CliRunner().invoke(app, [*words, *options, *folders])
    assert done.exit_code == 0, done.output
    assert len(TrialFile(path, NetworkTrial).trials) == 8 * 6
    # other weights are other figures
    write_weights(tmp_path, Network.POSE_NET, seed=1)
    with pytest.raises(InputError, match="begun with other networks"):
        run_network_study(one_unseen_week, output, small)


def test_only_what_is_named_is_measured(one_unseen_week, small, weights, no_networks, tmp_path):
    one = dataclasses.replace(small, weights={Network.SLICE_NET: weights[Network.SLICE_NET]})
    run_network_study(one_unseen_week, tmp_path / "study", one)
    trials = TrialFile(tmp_path / "study" / "network_trials.csv", NetworkTrial).trials
    assert {trial.network for trial in trials} == {"slice-net"}
    assert all(trial.either_deg <= trial.rotation_deg + 1e-3 for trial in trials)


def test_without_networks_there_is_nothing_to_measure(no_networks, tmp_path):
    done = CliRunner().invoke(app, ["evaluate", "fetal-networks", "--output", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "--pose-net" in done.stderr
    assert not (tmp_path / "out").exists()


def test_stacks_are_no_brains_for_networks(small, tmp_path):
    settings = dataclasses.replace(small, groups=(SliceGroup.STACKS,))
    with pytest.raises(InputError, match="--brains"):
        run_network_study(tmp_path, tmp_path / "out", settings)


def test_weights_of_another_network_are_refused(small, weights, tmp_path):
    wrong = {Network.CORRECTION_NET: weights[Network.POSE_NET]}
    with pytest.raises(InputError, match="does not fit the network 'correction-net'"):
        run_network_study(tmp_path, tmp_path / "out", dataclasses.replace(small, weights=wrong))
