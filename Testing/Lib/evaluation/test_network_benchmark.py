"""The page of the networks' times, and what it refuses."""

import pytest
import torch
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.network_benchmark import (
    NetworkTimes,
    _page,
    _times_s,
    benchmark_networks,
)


def test_without_networks_there_is_nothing_to_time(no_networks, tmp_path):
    done = CliRunner().invoke(app, ["benchmark", "fetal-networks", "--output", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "fetal-pose-net, fetal-correction-net" in done.stderr
    with pytest.raises(InputError, match="correction-net"):
        benchmark_networks(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_first_calls_are_not_counted():
    calls = []
    times = _times_s(lambda: calls.append(1), 5, torch.device("cpu"), warm_up=2)
    assert (len(calls), len(times)) == (7, 5)


def test_the_page_tells_how_many_times_faster_the_networks_are():
    row = NetworkTimes("given", 80.4, 39.0, 88.2, 128.0, 141.6, 3.04, 6.4)
    assert row.ratio == pytest.approx(50)
    text = _page([row], "0.1", 20, "cpu (2 threads)", "fetal-pose-net 1 aa")
    assert "| given | 80 | 39 | 88 | 128 | 142 | 3.04 | 6.40 | 50 |" in text
    assert "2 threads" in text
