"""Batches on dask.distributed: two processes, one of which is killed in the middle."""

import os
import signal
import threading
import time

import pytest

from DeepRegistrationLib.batch import cluster
from DeepRegistrationLib.batch.outcomes import outcome_of
from DeepRegistrationLib.cli_case_table import read_case_table
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.jobs.job import JobKind

pytest.importorskip("distributed", reason="the extra 'cohort' is not installed")
# sockets of processes that were killed are closed by the collector of garbage
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def cases(write_table, three_rows, tmp_path):
    rows = [
        {**row, "case": f"{row['case']} {turn}", "seed": turn} for turn in range(2) for row in three_rows[:2]
    ]
    return read_case_table(write_table(rows), tmp_path, JobKind.FETAL_VOLUME)


def processes_of(folder, cases):
    return {outcome.process for case in cases if (outcome := outcome_of(folder, case.name))}


def test_every_case_is_done_once_although_a_process_is_killed(cases, tmp_path):
    killed = []

    def kill_one(progress):
        """Ends a process that has finished a case while it works on another."""
        if not killed and (found := processes_of(tmp_path, cases)):
            killed.append(int(next(iter(found)).rpartition(":")[2]))
            os.kill(killed[0], signal.SIGKILL)
        return True

    outcomes = cluster.on_cluster("local", workers=2)(cases, tmp_path, kill_one)
    assert killed
    assert [outcome.name for outcome in outcomes] == [case.name for case in cases]
    assert all(outcome.is_done for outcome in outcomes), [outcome.message for outcome in outcomes]
    for case, outcome in zip(cases, outcomes, strict=True):
        # what was told is what is remembered: no case was done a second time behind the first one's back
        assert outcome_of(tmp_path, case.name) == outcome
        assert (tmp_path / case.name / "result.json").is_file()
    # finished cases stay as they are
    before = {case.name: outcome_of(tmp_path, case.name) for case in cases}
    again = cluster.on_cluster("local", workers=2)(cases, tmp_path, lambda progress: True)
    assert {outcome.name: outcome for outcome in again} == before


@pytest.mark.slow
def test_a_cancelled_batch_keeps_what_is_finished_and_leaves_no_process(cases, tmp_path):
    seen = set()

    def until_the_first(progress):
        seen.update(process.rpartition(":")[2] for process in processes_of(tmp_path, cases))
        return not seen

    with pytest.raises(Cancelled):
        cluster.on_cluster("local", workers=2)(cases, tmp_path, until_the_first)
    finished = [case for case in cases if outcome_of(tmp_path, case.name)]
    assert 1 <= len(finished) < len(cases)
    deadline = time.monotonic() + 20
    while any(_is_running(int(number)) for number in seen) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(_is_running(int(number)) for number in seen)
    assert threading.active_count() < 50


def test_a_scheduler_that_does_not_answer_is_told(cases, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_TIMEOUT", "1s")
    with pytest.raises(RegistrationError, match="does not answer"):
        cluster.on_cluster("tcp://127.0.0.1:9")(cases, tmp_path, lambda progress: True)


def _is_running(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
