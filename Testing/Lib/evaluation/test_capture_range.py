import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.capture_range import (
    CORRELATION,
    GRADIENT_CORRELATION,
    NETWORK,
    SHARES,
    CaptureTrial,
    capture_trials,
)
from DeepRegistrationLib.evaluation.capture_range_study import figures, trained_network, write_capture_range
from DeepRegistrationLib.evaluation.xray_study_cts import study_ct
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.xray_deep_net import XrayDeepNet
from Testing.Lib.pictures import FAR, oblique_geometry

SETTINGS = {
    "grid_size": 20,
    "voxel_mm": 10.0,
    "image_size": 32,
    "pixel_mm": 5.66,
    "volume_channels": [2, 2],
    "image_channels": [8, 16, 16],
    "embedding": 16,
}


@pytest.fixture
def a_network():
    torch.manual_seed(0)
    return XrayDeepNet(**SETTINGS).eval().requires_grad_(False)


@pytest.fixture
def a_study():
    """A bent bar and a ball of bone in water, oblique and far away."""
    geometry = oblique_geometry((40, 44, 42), (4.0, 4.5, 4.0), FAR)
    k, j, i = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in geometry.shape_kji), indexing="ij")
    values = torch.where((i / 0.9) ** 2 + (j / 0.8) ** 2 < 1, 20.0, -1000.0)
    values[(i - 0.3 * k**2) ** 2 + (j - 0.2) ** 2 < 0.05] = 700.0
    values[(i + 0.4) ** 2 + (j + 0.1) ** 2 + (k - 0.3) ** 2 < 0.04] = 900.0
    return study_ct("bar", Volume(values, geometry, "bar"), None)


def test_every_measure_is_asked_at_every_distance_and_leads_home_from_near_by(a_study, a_network):
    trials = capture_trials(a_study, a_network, XrayTarget.DRR, targets=2, starts=4, seed=0)
    assert len(trials) == 3 * 2 * 4 * len(SHARES)
    assert {trial.measure for trial in trials} == {NETWORK, CORRELATION, GRADIENT_CORRELATION}
    for measure in (CORRELATION, GRADIENT_CORRELATION):
        near = [t for t in trials if t.measure == measure and t.share <= 0.5]
        far = [t for t in trials if t.measure == measure and t.share == max(SHARES)]
        # a quarter of the gradients would be within 60 degrees by chance
        assert np.mean([t.shift_deg < 60 for t in near]) > 0.4
        assert np.mean([t.turn_deg < 60 for t in near]) > 0.35
        assert np.mean([t.loss for t in far]) > np.mean([t.loss for t in near])
    assert all(0 <= t.turn_deg <= 180 and 0 <= t.shift_deg <= 180 for t in trials)
    again = capture_trials(a_study, a_network, XrayTarget.DRR, targets=2, starts=4, seed=0)
    assert again == trials


def made_up(measure, turn_deg, shift_deg, loss=1.0):
    return [
        CaptureTrial("a CT", measure, n, share, loss * share, 0.0, turn_deg, shift_deg)
        for n in range(2)
        for share in SHARES
    ]


def test_the_page_tells_how_many_gradients_are_right(tmp_path):
    trials = [
        *made_up(NETWORK, 10, 20),
        *made_up(CORRELATION, 30, 80),
        *made_up(GRADIENT_CORRELATION, 70, 10),
    ]
    trials[SHARES.index(1.0)] = dataclasses.replace(trials[SHARES.index(1.0)], turn_deg=100)
    page = write_capture_range(trials, XrayTarget.DRR, tmp_path / "new").read_text("utf-8")
    assert "| a CT | network | 50.0 | 50.0 | 100.0 |" in page
    assert "| all | ncc | 0.0 | 100.0 | 0.0 |" in page
    assert "| 40 mm, 30 deg | 50.0 | 0.0 | 0.0 |" in page
    assert (tmp_path / "new" / "capture_range.png").stat().st_size > 10_000
    numbers = json.loads((tmp_path / "new" / "capture_range.json").read_text("utf-8"))
    assert numbers["figures"] == figures(trials)
    assert list(figures(trials).values()) == [50.0, 50.0, 100.0]


def test_weights_of_a_training_are_read_with_their_settings(a_network, tmp_path):
    state = {name: tensor.contiguous() for name, tensor in a_network.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file(state, path, {"settings": json.dumps(SETTINGS)})
    network = trained_network(path)
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)
    torch.save(
        {"state_dict": {f"network.{name}": tensor for name, tensor in state.items()}}, tmp_path / "last.ckpt"
    )
    with pytest.raises(InputError, match="belong to is not known"):
        trained_network(tmp_path / "last.ckpt")
    (tmp_path / "recipe.json").write_text(json.dumps({**SETTINGS, "balance": 0.5}), "utf-8")
    assert trained_network(tmp_path / "last.ckpt").sees == network.sees
