import json
from pathlib import Path

import pytest

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.projector_benchmark import ProjectorRow, _table, benchmark_projector
from DeepRegistrationLib.evaluation.projector_memory import memory_of_a_large_projection

CT = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct-bone" / "totalseg" / "example_ct.nii.gz"
needs_ct = pytest.mark.skipif(
    not CT.is_file(), reason="the public CT is not there: ../shared/data beside the checkout"
)


def test_the_table_says_how_many_times_slower_the_others_are():
    rows = [
        ProjectorRow("this projector", 200, 4.0, 5.0, 6.0, 0.0, 0.0, 0.0),
        ProjectorRow("peer 1.0", 200, 100.0, 300.0, None, 1e-3, 2e-5, 0.04),
    ]
    text = _table(rows, "ct", "0.1", 2500.0, 1.1)
    assert "| peer 1.0 | 200 | 100.00 | 25.0x | 300.00 | 60.0x | - | 1.0e-03 | 2.0e-05 | 4.0e-02 |" in text
    assert "2500 per second" in text
    assert "1.10 times the volume's memory" in text


@needs_ct
def test_a_benchmark_that_is_stopped_writes_nothing(tmp_path):
    with pytest.raises(Cancelled):
        benchmark_projector(CT, tmp_path, report=lambda progress: False)
    assert not list(tmp_path.iterdir())


def test_a_ct_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.nii"):
        benchmark_projector(tmp_path / "absent.nii", tmp_path)


@pytest.mark.slow
@needs_ct
def test_a_benchmark_without_peers_has_a_row_for_each_number_of_samples(tmp_path):
    path = benchmark_projector(CT, tmp_path, repeats=2)
    content = json.loads((tmp_path / "projector.json").read_text(encoding="utf-8"))
    assert [row["samples"] for row in content["rows"]] == [200, 128]
    assert all(row["forward_ms"] > 0 for row in content["rows"])
    assert path.read_text(encoding="utf-8").startswith("# Radiograph of a CT")


@pytest.mark.slow
def test_a_large_projection_takes_hardly_more_memory_than_its_volume():
    memory = memory_of_a_large_projection(256)
    if memory is None:
        pytest.skip("memory is measured on Linux only")
    assert 1.0 <= memory < 1.5
