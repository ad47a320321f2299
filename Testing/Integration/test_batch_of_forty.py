"""A batch of forty cases that is stopped twice and loses a process: forty results, each computed once."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from DeepRegistrationLib.data.phantom_cases import write_phantom_case
from DeepRegistrationLib.jobs.job import ExitCode, JobKind

pytest.importorskip("distributed", reason="the extra 'cohort' is not installed")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
CASES = 40
STOP_AFTER = (8, 18)
KILL_AFTER = 26
LONGEST_S = 3600.0


def write_table(folder: Path) -> Path:
    """Three frames, forty times; only the seed differs."""
    write_phantom_case(JobKind.US_ANGLES, folder)
    case = {"frames": "frame1.nrrd;frame2.nrrd;frame3.nrrd", "pixel-size": "0.2;0.2", "report": "no"}
    rows = [{"case": f"case {number:02d}", **case, "seed": number} for number in range(CASES)]
    path = folder / "cases.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def outcomes_of(output: Path) -> dict[str, dict]:
    """What is remembered of finished cases."""
    found = (json.loads(path.read_text("utf-8")) for path in (output / ".outcomes").glob("*.json"))
    return {outcome["name"]: outcome for outcome in found}


def process_of(outcome: dict) -> int:
    return int(outcome["process"].rpartition(":")[2])


@pytest.fixture
def start(tmp_path):
    """Starts the batch; it is the same command each time."""
    table, running = write_table(tmp_path), []

    def start():
        command = [
            sys.executable,
            "-m",
            "DeepRegistrationLib.cli",
            "batch",
            table,
            "--output",
            tmp_path / "out",
        ]
        command += ["--workflow", "us-angles", "--scheduler", "local", "--workers", "2", "--quiet"]
        paths = os.pathsep.join((str(ROOT), str(ROOT / "DeepRegistration")))
        environment = {**os.environ, "PYTHONPATH": paths}
        running.append(subprocess.Popen(list(map(str, command)), env=environment))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(condition, process):
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert process.poll() is None, "the batch ended too early"
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_forty_cases_are_done_once_although_the_batch_is_stopped_twice_and_a_process_killed(start, tmp_path):
    output, seen = tmp_path / "out", {}
    for count in STOP_AFTER:
        batch = start()
        wait_for(lambda count=count: len(outcomes_of(output)) >= count, batch)
        batch.send_signal(signal.SIGINT)
        assert batch.wait(LONGEST_S) == ExitCode.CANCELLED
        found = outcomes_of(output)
        assert count <= len(found) < CASES
        assert {name: found[name] for name in seen} == seen
        seen = found

    batch = start()
    # the stops may have left more cases behind than were waited for: some of this start have to be done
    enough = max(KILL_AFTER, len(seen) + 1)
    wait_for(lambda: len(outcomes_of(output)) >= enough, batch)
    new = {name: outcome for name, outcome in outcomes_of(output).items() if name not in seen}
    killed = next(number for number in map(process_of, new.values()) if psutil.pid_exists(number))
    os.kill(killed, signal.SIGKILL)
    seen |= new
    assert batch.wait(LONGEST_S) in (ExitCode.DONE, ExitCode.NOT_TRUSTED)

    found = outcomes_of(output)
    assert sorted(found) == [f"case {number:02d}" for number in range(CASES)]
    assert {name: found[name] for name in seen} == seen
    assert all(outcome["exit_code"] in (0, 4) for outcome in found.values())
    assert all((output / name / "result.json").is_file() for name in found)
    assert {path.name for path in output.iterdir() if path.is_dir()} == {*found, ".outcomes"}
    with (output / "summary.csv").open(newline="", encoding="utf-8") as file:
        assert [row["case"] for row in csv.DictReader(file)] == sorted(found)
    # the case that the killed process worked on was done by another one
    assert len({process_of(outcome) for outcome in found.values()}) >= 6
