import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from queue import Empty, Queue

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.images.write import write_nifti
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def a_patient():
    """Folder with the files of a case: `atlas/`, `moving.nii.gz`; the brain lies turned and far away."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_phantom_atlas(folder / "atlas", weeks=(24, 28), spacing_mm=2.0)
        ras_from_phantom = np.eye(4)
        turned = torch.tensor([1.0, 1.5, -0.7], dtype=torch.float64)
        ras_from_phantom[:3, :3] = matrix_from_rotation_vector(turned).numpy()
        ras_from_phantom[:3, 3] = 60, -80, 40
        image, _, _ = fetal_brain_phantom(28, 2.0, ras_from_phantom)
        write_nifti(image, folder / "moving.nii.gz")
        np.save(folder / "ras_from_phantom.npy", ras_from_phantom)
        yield folder


@pytest.fixture
def a_job(a_patient, tmp_path):
    return Job(
        JobKind.FETAL_VOLUME,
        FetalVolumeFiles(moving=a_patient / "moving.nii.gz", atlas_dir=a_patient / "atlas"),
        FetalVolumeSettings(gestational_age_weeks=28.0, candidates=8),
        tmp_path / "out",
        Outputs(report=False),
    )


@pytest.fixture(scope="session")
def environment():
    """The environment of child processes: this checkout, one thread each, no user's data."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "DeepRegistration")))
    return {
        **os.environ,
        "PYTHONPATH": paths,
        "OMP_NUM_THREADS": "1",
        "DEEPREGISTRATION_DATA": "/nowhere",
        "TERM": "dumb",
        "COLUMNS": "200",
    }


class RunningWorker:
    """The real worker process, with its events in a queue."""

    def __init__(self, environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "DeepRegistrationLib.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        self.lines = Queue()
        self._threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.lines.put)),
            threading.Thread(target=self._read, args=(self.process.stderr, lambda line: None)),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream, receive):
        for line in stream:
            receive(line)

    def send(self, **command):
        self.send_line(json.dumps(command))

    def send_line(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def run(self, job, job_id, folder):
        path = folder / f"{job_id}.json"
        write_job(job, path)
        self.send(command="run", id=job_id, job=str(path))

    def next_event(self, timeout_s=60.0):
        try:
            return json.loads(self.lines.get(timeout=timeout_s))
        except Empty:
            raise AssertionError(f"no event within {timeout_s} s") from None

    def wait_for(self, *names, job_id=None, timeout_s=120.0):
        """All events up to and with the first of one of these names (and of this job)."""
        events = []
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            events.append(self.next_event(max(0.1, end - time.monotonic())))
            if events[-1]["event"] in names and job_id in (None, events[-1].get("id")):
                return events
        raise AssertionError(f"none of {names} within {timeout_s} s: {events}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


@pytest.fixture
def start_worker(environment):
    """Starts workers and ends them after the test."""
    started = []

    def start():
        started.append(RunningWorker(environment))
        return started[-1]

    yield start
    for worker in started:
        worker.close()


@pytest.fixture(scope="module")
def a_worker(environment):
    """One resident worker for the tests that leave it alive."""
    worker = RunningWorker(environment)
    (worker.ready,) = worker.wait_for("ready")
    yield worker
    worker.close()
