"""The sample of the ultrasound tab: one press downloads, loads and registers it."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer import PanelUltrasound, SampleDataSets, UltrasoundSample
from DeepRegistrationSlicer.Choices import FramesChoice, JobChoice, PixelSizeChoice
from DeepRegistrationSlicer.FrameSource import Sweep
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.SweepBrowser import browserOf, sequencesOf

from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from DeepRegistrationLib.remote_file import RemoteFile
from DeepRegistrationLib.sample_data import Sample
from Testing.Lib.web_server import serving
from Testing.Slicer.nodes import obliqueMatrix
from Testing.Slicer.us_phantom import ANGLES

CONFIGURATION = """<PlusConfiguration version="2.3"><CoordinateDefinitions>
<Transform From="Image" To="Probe" Matrix="0.2 0 0 12  0 0.2 0 50  0 0 0.2 -1  0 0 0 1"/>
</CoordinateDefinitions></PlusConfiguration>"""
SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def poses():
    """Tools that stand obliquely, far from the tracker's origin; the probe goes on a millimetre a frame."""
    probe = np.tile(obliqueMatrix(), (len(ANGLES), 1, 1))
    reference = np.tile(np.linalg.inv(obliqueMatrix()), (len(ANGLES), 1, 1))
    probe[:, 2, 3] += np.arange(len(ANGLES))
    return {"ProbeToTracker": probe, "ReferenceToTracker": reference}


@pytest.fixture
def a_server_with_the_sample(us_frames, poses, monkeypatch, tmp_path):
    """Frames of known angles in place of the bone, offered by a server on this machine."""
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path / "data"))
    served = tmp_path / "served"
    served.mkdir()
    count = len(us_frames.sweep)
    write_metaimage_frames(
        us_frames.sweep,
        (1.0, 1.0),
        poses,
        np.ones(count, bool),
        0.1 * np.arange(count),
        served / "sweep.igs.mha",
    )
    (served / "probe.xml").write_text(CONFIGURATION)
    with serving(served) as address:
        files = []
        for path in (served / "sweep.igs.mha", served / "probe.xml"):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            files.append(RemoteFile(Path("us") / path.name, f"{address}/{path.name}", len(content), digest))
        sample = Sample("us-bone-sweep", "Sweep", "", "BSD-3-Clause", "", address, tuple(files))
        for module in (UltrasoundSample, PanelUltrasound, SampleDataSets):
            monkeypatch.setattr(module, "ultrasoundSample", lambda: sample)
        yield tmp_path / "data"


def test_one_press_downloads_loads_and_registers(a_server_with_the_sample, open_panel):
    user = open_panel(JobChoice.US_ANGLES)
    user.ui.sampleButton.click()
    assert user.ui.sampleButton.text == "Stop the download"
    chosen = user.parameters.ultrasound
    user.waitFor(lambda: chosen.sequence is not None and findResult(chosen.sequence) is not None)
    user.wait()
    assert (a_server_with_the_sample / "us" / "sweep.igs.mha").is_file()
    assert (chosen.frames, chosen.pixelSize) == (FramesChoice.SEQUENCE, PixelSizeChoice.FILE)
    assert user.ui.sampleButton.text == "Load a sample and register it"
    # the tracker's poses came along
    assert "racker" in user.ui.confidenceLabel.text + user.ui.statusLabel.text


def test_a_second_press_loads_nothing_again(a_server_with_the_sample, open_panel):
    user = open_panel(JobChoice.US_ANGLES)
    for _ in range(2):
        user.ui.sampleButton.click()
        user.waitFor(lambda: user.logic.job is not None)
        user.wait()
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")]
    assert names.count("Bone sweep") == 1
    assert names.count("ProbeToTracker") == 1


def test_without_a_network_it_says_so_and_loads_nothing(a_server_with_the_sample, open_panel, monkeypatch):
    here = UltrasoundSample.ultrasoundSample()
    lost = RemoteFile(Path("us/sweep.igs.mha"), f"{here.source}/nowhere", 10, "0" * 64)
    sample = Sample("us-bone-sweep", "Sweep", "", "BSD-3-Clause", "", "", (lost,))
    monkeypatch.setattr(PanelUltrasound, "ultrasoundSample", lambda: sample)
    user = open_panel(JobChoice.US_ANGLES)
    user.ui.sampleButton.click()
    user.waitFor(lambda: "could not be downloaded" in user.ui.statusLabel.text)
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    assert user.logic.job is None


def test_sample_data_plays_the_sweep_with_its_poses(a_server_with_the_sample, us_frames, poses):
    sequence = SampleDataSets.downloadSweep()
    source = Sweep(sequence)
    source.check()
    np.testing.assert_array_equal(source.frames(), us_frames.sweep)
    tracked = source.tracked()
    assert tracked.valid.all()
    for name, expected in poses.items():
        np.testing.assert_allclose(tracked.transforms[name], expected, atol=1e-4)
    assert len(sequencesOf(browserOf(sequence))) == 3
    # the volume that the file was read as is gone
    assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1


def test_the_button_says_how_large_it_is_and_under_which_licence(open_panel):
    text = open_panel(JobChoice.US_ANGLES).ui.sampleButton.toolTip
    assert "3.7 MB, BSD-3-Clause, from https://github.com/PlusToolkit/PlusLibData" in text


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no ../shared/data beside the checkout")
def test_the_real_sweep_becomes_a_tracked_sequence(monkeypatch):
    monkeypatch.setitem(os.environ, "DEEPREGISTRATION_DATA", str(SHARED_DATA))
    files = UltrasoundSample.ultrasoundSample().files
    source = Sweep(UltrasoundSample.loadedSweep(SHARED_DATA / files[0].path))
    source.check()
    assert source.frames().shape == (21, 616, 820)
    assert set(source.tracked().transforms) == {"ProbeToTracker", "ReferenceToTracker"}


def test_while_a_registration_runs_the_sample_waits(a_server_with_the_sample, us_frames, open_panel):
    us_frames.played()
    user = open_panel(JobChoice.US_ANGLES)
    user.ui.registerButton.click()
    assert not user.ui.sampleButton.enabled
    user.wait()
    assert user.ui.sampleButton.enabled
