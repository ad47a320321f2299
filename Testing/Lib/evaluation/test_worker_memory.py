"""Memory of a worker over many registrations."""

import json

import pytest

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.evaluation.worker_memory import WorkerMemory, measure_worker_memory
from DeepRegistrationLib.jobs.job import JobKind


def test_growth_counts_from_the_end_of_the_warm_up():
    memory = (100.0,) * 19 + (400.0,) + (380.0,) * 9
    assert WorkerMemory((JobKind.US_ANGLES,), (*memory, 418.0)).is_flat
    grown = WorkerMemory((JobKind.US_ANGLES,), (*memory, 424.0))
    assert grown.growth == pytest.approx(0.06)
    assert not grown.is_flat


@pytest.mark.slow
def test_a_worker_does_not_grow_over_thirty_registrations(tmp_path):
    measured = measure_worker_memory((JobKind.US_ANGLES, JobKind.FETAL_VOLUME), tmp_path, 30)
    assert measured.is_flat, measured.resident_mb
    text = (tmp_path / "worker_memory.md").read_text("utf-8")
    assert f"Growth from registration 20 to 30: {100 * measured.growth:+.1f} %" in text
    assert json.loads((tmp_path / "worker_memory.json").read_text())["jobs"] == ["us-angles", "fetal-volume"]


def test_it_stops_when_asked(tmp_path):
    with pytest.raises(Cancelled):
        measure_worker_memory((JobKind.US_ANGLES,), tmp_path, 30, lambda progress: False)
    assert list(tmp_path.iterdir()) == []


def test_too_few_registrations_tell_nothing(tmp_path):
    with pytest.raises(ValueError, match="more than 20 are needed"):
        measure_worker_memory((JobKind.US_ANGLES,), tmp_path, 20)
