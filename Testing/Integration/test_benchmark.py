"""The benchmark on real brains: it measures every pair and says so; its figures are for `make benchmark`."""

import json

import pytest

from DeepRegistrationLib.evaluation.benchmark import benchmark_fetal_volume
from DeepRegistrationLib.jobs.fetal_volume import Device

pytestmark = pytest.mark.slow


def test_the_benchmark_measures_every_pair(public_images, tmp_path):
    table = benchmark_fetal_volume(public_images, tmp_path, repeats=2, device=Device.CPU)
    rows = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert "peak memory" in table.read_text(encoding="utf-8")
    for row in rows:
        assert len(row["worker_s"]) == 2
        assert row["command_line_s"] > 0
        assert row["peak_memory_mb"] > 100
