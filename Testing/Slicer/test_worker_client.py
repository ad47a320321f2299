import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from DeepRegistrationSlicer.WorkerClient import JobEnd, WorkerClient, sharedWorkerClient
from DeepRegistrationSlicer.WorkerProcess import workerEnvironment

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress

PEER = [sys.executable, str(Path(__file__).with_name("scripted_worker.py"))]
LONGEST_S = 20.0


@pytest.fixture
def a_client():
    client = WorkerClient(command=PEER)
    yield client
    client.shutdown()


@pytest.fixture
def start(a_client, tmp_path):
    """Tells the peer what to do with a job; returns the job's ID and what is called back."""

    def start(what: str) -> tuple[str, list]:
        heard = []
        (tmp_path / what).write_text(what, encoding="utf-8")
        return a_client.run(tmp_path / what, heard.append, heard.append), heard

    return start


def wait(client: WorkerClient, until=lambda: False) -> None:
    """Polls until the job has ended or the condition holds."""
    deadline = time.monotonic() + LONGEST_S
    while client.isBusy and not until():
        assert time.monotonic() < deadline, "the job did not end"
        client.poll()
        time.sleep(0.01)


def test_a_job_reports_progress_and_then_its_end(a_client, start):
    _, heard = start("succeed")
    wait(a_client)
    done = JobEnd(ExitCode.DONE, "Done.", outputFolder=Path("somewhere"))
    assert heard == [Progress(0.5, "half way", 1.5), done]


def test_nothing_is_called_back_but_from_poll(a_client, start):
    _, heard = start("succeed")
    time.sleep(0.5)
    assert heard == []
    wait(a_client)
    assert len(heard) == 2


def test_two_jobs_share_one_process(a_client, start):
    start("succeed")
    wait(a_client)
    first = a_client.processId
    _, heard = start("succeed")
    wait(a_client)
    assert a_client.processId == first
    assert heard[-1].exitCode == ExitCode.DONE


def test_a_refused_job_ends_with_the_text_for_the_user(a_client, start):
    _, heard = start("refuse")
    wait(a_client)
    assert heard == [JobEnd(ExitCode.BAD_INPUT, "The image is empty.", "Traceback")]


def test_a_second_job_has_to_wait_for_the_first(a_client, start):
    start("stop_when_asked")
    with pytest.raises(RegistrationError, match="A registration is running"):
        start("succeed")


def test_a_cancelled_job_ends_and_the_process_stays(a_client, start):
    jobId, heard = start("stop_when_asked")
    wait(a_client, until=lambda: heard)
    process = a_client.processId
    a_client.cancel(jobId)
    wait(a_client)
    assert heard[-1] == JobEnd(ExitCode.CANCELLED)
    assert a_client.processId == process


def test_a_worker_that_ignores_cancel_is_ended_with_its_children_after_two_seconds(a_client, start):
    jobId, heard = start("hang")
    wait(a_client, until=lambda: heard)
    worker, child = psutil.Process(a_client.processId), psutil.Process(int(heard[0].text))
    started = time.monotonic()
    a_client.cancel(jobId)
    wait(a_client)
    assert time.monotonic() - started > 1.9  # it was given its two seconds
    assert heard[-1] == JobEnd(ExitCode.CANCELLED)
    assert not worker.is_running()
    child.wait(timeout=5)


def test_the_next_job_starts_a_worker_again_after_one_was_ended(a_client, start):
    jobId, heard = start("hang")
    wait(a_client, until=lambda: heard)
    a_client.cancel(jobId)
    wait(a_client)
    _, heard = start("succeed")
    wait(a_client)
    assert heard[-1].exitCode == ExitCode.DONE


def test_a_worker_that_dies_fails_the_job_in_a_sentence_with_its_last_words(a_client, start):
    _, heard = start("die")
    wait(a_client)
    assert heard[0].exitCode == ExitCode.FAILED
    assert "ended unexpectedly (exit code 9)" in heard[0].message
    assert heard[0].details == "out of memory"


def test_a_dead_launcher_is_noticed_and_its_child_ends_with_the_input(a_client, start):
    _, heard = start("die_as_a_launcher")
    wait(a_client, until=lambda: heard)
    child = psutil.Process(int(heard[0].text))
    wait(a_client)
    assert "ended unexpectedly (exit code 9)" in heard[-1].message
    child.wait(timeout=5)


def test_a_killed_worker_fails_the_job_and_the_next_job_starts_another(a_client, start):
    _, heard = start("stop_when_asked")
    wait(a_client, until=lambda: heard)
    psutil.Process(a_client.processId).kill()
    wait(a_client)
    assert "ended unexpectedly (signal 9)" in heard[-1].message
    _, heard = start("succeed")
    wait(a_client)
    assert heard[-1].exitCode == ExitCode.DONE


def test_a_worker_killed_between_two_jobs_is_not_noticed_by_the_user(a_client, start):
    start("succeed")
    wait(a_client)
    worker = psutil.Process(a_client.processId)
    worker.kill()
    worker.wait(timeout=5)
    _, heard = start("succeed")
    wait(a_client)
    assert heard[-1].exitCode == ExitCode.DONE


def test_an_answer_that_makes_no_sense_fails_the_job(a_client, start):
    _, heard = start("babble")
    wait(a_client)
    assert heard[0].exitCode == ExitCode.FAILED
    assert "do not understand each other" in heard[0].message


def test_a_worker_of_another_protocol_fails_the_job(tmp_path):
    client, heard = WorkerClient(command=[*PEER, "2"]), []
    (tmp_path / "job").write_text("stop_when_asked", encoding="utf-8")
    client.run(tmp_path / "job", heard.append, heard.append)
    wait(client)
    assert "different versions" in heard[-1].message
    assert client.processId is None


def test_shutdown_ends_the_process_and_cancels_the_job(a_client, start):
    _, heard = start("hang")
    wait(a_client, until=lambda: heard)
    worker = psutil.Process(a_client.processId)
    a_client.shutdown()
    assert heard[-1] == JobEnd(ExitCode.CANCELLED)
    assert not worker.is_running()


def test_a_program_that_cannot_be_started_is_named(tmp_path):
    client = WorkerClient(command=[str(tmp_path / "nothing")])
    with pytest.raises(RegistrationError, match=r"could not be started with .*nothing"):
        client.run(tmp_path / "job", lambda progress: None, lambda end: None)
    assert not client.isBusy


def test_a_callback_that_polls_again_hears_every_event_once(a_client, tmp_path):
    heard = []
    (tmp_path / "job").write_text("succeed", encoding="utf-8")

    def onProgress(progress):
        heard.append(progress)
        a_client.poll()

    a_client.run(tmp_path / "job", onProgress, heard.append)
    wait(a_client)
    assert [type(item) for item in heard] == [Progress, JobEnd]


def test_the_workers_environment_has_the_library_and_nothing_of_qt(monkeypatch):
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    environment = workerEnvironment()
    folders = environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(folders[0]) / "DeepRegistrationLib" / "__init__.py").is_file()
    assert folders[-1] == "elsewhere"
    assert "QT_QPA_PLATFORM" not in environment


def test_all_logics_share_one_worker():
    assert sharedWorkerClient() is sharedWorkerClient()
