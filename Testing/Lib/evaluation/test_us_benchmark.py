import json

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation import us_benchmark
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from Testing.Lib.ultrasound import in_machine, moved_frame


@pytest.fixture
def a_sweep_file(tmp_path):
    frames = np.stack([in_machine(moved_frame(angle, (0.0, 0.0), 240)) for angle in (0.0, 1.0, 3.0)])
    path = tmp_path / "sweep.igs.mha"
    write_metaimage_frames(frames, (0.2, 0.2), {}, np.ones(3, bool), np.arange(3) / 20, path)
    return path


def test_a_sweep_is_played_forth_and_back():
    values = torch.arange(3.0)[:, None, None].expand(3, 4, 4).contiguous()
    played = us_benchmark.forth_and_back(UltrasoundFrames(values, None, "sweep"), 8)
    assert played.values[:, 0, 0].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]


def test_the_page_tells_how_much_faster_than_simpleitk(a_sweep_file, tmp_path, monkeypatch):
    monkeypatch.setattr(us_benchmark, "_TRIPLETS", 4)
    monkeypatch.setattr(us_benchmark, "_FEW", 1)
    methods = (UsAnglesMethod.SEARCH_REFINE,)
    page = us_benchmark.benchmark_us(a_sweep_file, tmp_path / "out", methods, repeats=1).read_text()
    assert "times as fast as SimpleITK" in page
    rows = json.loads((tmp_path / "out" / "us_time.json").read_text())
    assert [row["method"] for row in rows] == ["search+refine", "intensity"]
    assert all(row["seconds"] > 0 for row in rows)


def test_a_sweep_that_is_missing_is_named_and_a_stop_stops(a_sweep_file, tmp_path):
    with pytest.raises(InputError, match="Name one with --sequence"):
        us_benchmark.benchmark_us(tmp_path / "none.mha", tmp_path / "out", ())
    with pytest.raises(Cancelled):
        us_benchmark.benchmark_us(a_sweep_file, tmp_path / "out", (), report=lambda progress: False)
