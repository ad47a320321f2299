"""Downloads in the background, from a server on this machine."""

import functools
import hashlib
import http.server
import threading
from pathlib import Path

import pytest
from DeepRegistrationSlicer.SampleFetch import SampleFetch

from DeepRegistrationLib.progress import Progress
from DeepRegistrationLib.remote_file import RemoteFile
from DeepRegistrationLib.sample_data import Sample

CONTENT = bytes(range(256)) * 4000


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None: ...


@pytest.fixture
def a_server(tmp_path):
    """Address of a server that offers one file."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "image.bin").write_bytes(CONTENT)
    handler = functools.partial(QuietHandler, directory=tmp_path / "served")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def sampleAt(url: str, content: bytes = CONTENT) -> Sample:
    digest = hashlib.sha256(content).hexdigest()
    file = RemoteFile(Path("folder/image.bin"), f"{url}/image.bin", len(content), digest)
    return Sample("test", "Test", "", "", "", "", (file,))


def fetch(sample: Sample) -> tuple[list[Progress], list]:
    progress, ends = [], []
    SampleFetch(sample, progress.append, ends.append).wait()
    return progress, ends


def test_a_sample_arrives_with_progress(a_server, data_folder):
    progress, ends = fetch(sampleAt(a_server))
    assert ends == [""]
    assert (data_folder / "folder" / "image.bin").read_bytes() == CONTENT
    assert progress[-1].fraction == 1.0


def test_other_bytes_than_expected_are_not_kept(a_server, data_folder):
    _, ends = fetch(sampleAt(a_server, content=bytes(len(CONTENT))))
    assert "other bytes than expected" in ends[0]
    assert not (data_folder / "folder" / "image.bin").exists()


def test_without_a_network_the_text_says_so(a_server, data_folder):
    _, ends = fetch(sampleAt(a_server + "/nowhere"))
    assert "could not be downloaded" in ends[0]


def test_a_cancelled_download_ends_without_a_text_and_leaves_nothing(a_server, data_folder):
    ends = []
    running = SampleFetch(sampleAt(a_server), lambda progress: None, ends.append)
    running.cancel()
    running.wait()
    assert ends == [None]
    assert not (data_folder / "folder" / "image.bin").exists()
