import dataclasses
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from DeepRegistrationLib import __version__

ENDS = ("finished", "failed", "cancelled")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_worker_says_who_it_is_and_answers(a_worker):
    ready = a_worker.ready
    assert ready["protocol"] == 1
    assert ready["version"] == __version__
    assert ready["pid"] == a_worker.process.pid
    assert ready["device"].startswith(("cpu", "cuda", "mps"))
    a_worker.send(command="ping")
    assert a_worker.next_event() == {"event": "pong"}


def test_a_job_runs_to_a_result_and_its_progress_only_grows(a_worker, a_job, a_patient, tmp_path):
    a_worker.run(a_job, "1", tmp_path)
    events = a_worker.wait_for(*ENDS)
    *progress, finished = events
    assert finished["event"] == "finished", finished
    assert finished["seconds"] > 0.1
    assert finished["memory_mb"] > 100
    cpu = finished["devices"]["cpu"]
    assert "cpu (" in cpu["title"]
    assert 0 < cpu["free_mb"] < cpu["total_mb"]
    assert (finished["id"], finished["exit_code"], finished["trust"]) == ("1", 0, "high")
    assert finished["confidence"] > 0.8
    assert finished["message"].startswith("Done; confidence high")
    fractions = [event["fraction"] for event in progress]
    assert len(fractions) > 10
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    assert {event["id"] for event in progress} == {"1"}
    assert "Searching all orientations" in {event["text"] for event in progress}
    assert names_in(tmp_path / "out") == [
        "result.json",
        "segmentation.seg.nrrd",
        "transform.tfm",
        "warped.nrrd",
    ]
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    found = np.array(content["transforms"]["atlas_from_subject"]["matrix"])
    left = found @ np.load(a_patient / "ras_from_phantom.npy")
    turned_deg = np.degrees(np.arccos((np.trace(left[:3, :3]) - 1) / 2))
    assert turned_deg < 1.0
    assert np.linalg.norm(left[:3, 3]) < 1.0


def test_a_cancelled_job_stops_at_once_and_leaves_nothing(a_worker, a_job, tmp_path):
    a_worker.run(a_job, "2", tmp_path)
    while "Refining" not in a_worker.next_event()["text"]:
        pass
    a_worker.send(command="cancel", id="2")
    *before, last = a_worker.wait_for(*ENDS)
    assert last == {"event": "cancelled", "id": "2", "exit_code": 3}
    assert "Carrying labels" not in [event.get("text") for event in before]
    assert names_in(tmp_path) == ["2.json"]


def test_cancelling_another_job_does_nothing(a_worker, a_job, tmp_path):
    a_worker.send(command="cancel", id="long ago")
    a_worker.run(a_job, "3", tmp_path)
    a_worker.send(command="cancel", id="long ago")
    assert a_worker.wait_for(*ENDS)[-1]["event"] == "finished"


def test_a_second_job_is_refused_while_one_runs(a_worker, a_job, tmp_path):
    a_worker.run(a_job, "4", tmp_path)
    a_worker.run(a_job, "5", tmp_path)
    refused = a_worker.wait_for("failed", job_id="5")[-1]
    assert refused["exit_code"] == 2
    assert "busy with job '4'" in refused["message"]
    assert a_worker.wait_for(*ENDS, job_id="4")[-1]["event"] == "finished"


@pytest.mark.parametrize(
    "line",
    ["garbage", "[]", '{"command": "dance"}', '{"command": "run"}', '{"command": 7, "id": 3}', "\x00é"],
)
def test_a_line_that_is_no_command_gets_an_answer_and_no_crash(a_worker, line):
    a_worker.send_line(line)
    event = a_worker.wait_for("failed")[-1]
    assert event["exit_code"] == 2
    assert event["message"].startswith("The worker does not understand this line")
    a_worker.send(command="ping")
    assert a_worker.next_event() == {"event": "pong"}


def test_bad_input_is_told_in_words_without_a_traceback(a_worker, a_job, tmp_path):
    files = dataclasses.replace(a_job.files, moving=tmp_path / "missing.nii.gz")
    a_worker.run(dataclasses.replace(a_job, files=files), "6", tmp_path)
    event = a_worker.wait_for(*ENDS)[-1]
    assert (event["event"], event["exit_code"], event["details"]) == ("failed", 2, "")
    assert "missing.nii.gz' does not exist" in event["message"]
    assert names_in(tmp_path) == ["6.json"]


def test_a_missing_job_file_is_told_in_words(a_worker, tmp_path):
    a_worker.send(command="run", id="7", job=str(tmp_path / "no.json"))
    event = a_worker.wait_for(*ENDS)[-1]
    assert (event["event"], event["exit_code"]) == ("failed", 2)
    assert "no.json' cannot be read" in event["message"]


def test_a_worker_ends_when_its_parent_goes_away_in_the_middle_of_a_job(start_worker, a_job, tmp_path):
    worker = start_worker()
    worker.wait_for("ready")
    worker.run(a_job, "8", tmp_path)
    worker.wait_for("progress")
    worker.process.stdin.close()
    worker.process.wait(20)
    assert names_in(tmp_path) == ["8.json"]


def test_a_killed_worker_leaves_no_result_and_a_new_one_does_the_job(start_worker, a_job, tmp_path):
    killed = start_worker()
    killed.wait_for("ready")
    killed.run(a_job, "9", tmp_path)
    killed.wait_for("progress")
    killed.process.send_signal(signal.SIGKILL)
    assert killed.process.wait(10) == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    fresh = start_worker()
    fresh.run(a_job, "9", tmp_path)  # sent before it is ready: commands wait
    last = fresh.wait_for(*ENDS)[-1]
    assert last["event"] == "finished", last
    assert names_in(tmp_path) == ["9.json", "out"]
    fresh.send(command="quit")
    assert fresh.process.wait(20) == 0


def test_a_full_memory_is_told_in_words_and_the_worker_lives_on(a_worker, a_job, tmp_path):
    huge = tmp_path / "huge.nrrd"
    header = (
        "NRRD0004\ntype: short\ndimension: 3\nsizes: 20000 20000 10000\nencoding: raw\nendian: little\n\n"
    )
    huge.write_text(header)
    with huge.open("r+b") as stream:
        stream.truncate(len(header) + 2 * 20000 * 20000 * 10000)  # 8 TB of holes, no space on disk
    files = dataclasses.replace(a_job.files, moving=huge)
    a_worker.run(dataclasses.replace(a_job, files=files), "10", tmp_path)
    event = a_worker.wait_for(*ENDS)[-1]
    assert (event["event"], event["exit_code"]) == ("failed", 1)
    assert event["message"].startswith("The memory of this machine is full")
    assert "MemoryError" in event["details"]
    a_worker.send(command="ping")
    assert a_worker.next_event() == {"event": "pong"}


def test_what_libraries_print_does_not_get_between_the_events(environment):
    code = (
        "import os; from DeepRegistrationLib.worker_channel import Channel;"
        "channel = Channel.of_this_process(); print('from python');"
        "os.system('echo from a child'); os.write(1, b'from C'); channel.send('pong')"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stdout == b'{"event": "pong"}\n'
    for text in (b"from python", b"from a child", b"from C"):
        assert text in done.stderr
