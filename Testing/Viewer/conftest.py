"""Given: results of every job with their scenes, and the command `view` that serves one of them."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from DeepRegistrationLib.data.phantom_cases import phantom_job, write_phantom_case
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import Outputs
from Testing.Viewer.browser import NAMES, WAIT_S, installed_browser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _what_is_needed():
    pytest.importorskip("trame_slicer", reason="needs the extra `viewer`: make test-viewer")
    if installed_browser() is None:
        pytest.skip(f"needs a browser: {' or '.join(NAMES)}; on Debian: apt-get install chromium")


@pytest.fixture(scope="session")
def a_result(tmp_path_factory):
    """Makes the result of a job's synthetic case, with its scene."""
    made = {}

    def make(kind) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind.value)
            write_phantom_case(kind, folder / "case")
            job = phantom_job(kind, folder / "case", folder / "result")
            run_job(dataclasses.replace(job, outputs=Outputs(report=True, scene=True)))
            made[kind] = folder / "result"
        return made[kind]

    return make


@pytest.fixture
def serve():
    """Serves a result for the length of a block; afterwards the program has ended well."""

    @contextmanager
    def serve(folder: Path):
        port = _free_port()
        words = ["view", str(folder), "--port", str(port), "--no-browser"]
        with subprocess.Popen(
            [sys.executable, "-m", "DeepRegistrationLib.cli", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as program:
            try:
                _wait_for(f"http://localhost:{port}/index.html", program)
                yield f"http://localhost:{port}"
            finally:
                # killed, it would leave the program behind that serves the views
                program.send_signal(signal.SIGINT)
                said, _ = program.communicate(timeout=WAIT_S)
            assert (program.returncode, said.count("\n")) == (0, 1), said

    return serve


def _wait_for(address: str, program: subprocess.Popen) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            urllib.request.urlopen(address).close()
        except OSError:
            assert program.poll() is None, program.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        else:
            return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]
