"""Time and memory on real brains, on a machine that does nothing else meanwhile."""

import json

import pytest

from DeepRegistrationLib.evaluation.benchmark import benchmark_fetal_volume
from DeepRegistrationLib.jobs.fetal_volume import Device

pytestmark = pytest.mark.slow


def test_the_second_registration_is_quick_and_the_worker_stays_small(public_images, tmp_path):
    table = benchmark_fetal_volume(public_images, tmp_path, repeats=3, device=Device.CPU)
    rows = json.loads((tmp_path / "benchmark.json").read_text(encoding="utf-8"))
    assert "peak memory" in table.read_text(encoding="utf-8")
    for row in rows:
        assert min(row["worker_s"][1:]) <= 1.5
        assert row["command_line_s"] <= 8
        assert row["peak_memory_mb"] <= 1500
