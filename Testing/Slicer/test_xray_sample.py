"""The sample of the X-ray tab: one press downloads, loads and registers it."""

import hashlib
from pathlib import Path

import pytest
import slicer
from DeepRegistrationSlicer import PanelXrayCt, XraySample
from DeepRegistrationSlicer.ResultNodes import findResult

from DeepRegistrationLib.remote_file import RemoteFile
from DeepRegistrationLib.sample_data import Sample
from Testing.Lib.web_server import serving
from Testing.Slicer.xray_tab import shiftOf


@pytest.fixture
def a_server_with_the_sample(an_xray_case, monkeypatch, tmp_path):
    """A body in place of the pelvis, offered by a server on this machine; the data folder is empty."""
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path / "data"))
    content = (an_xray_case / "ct.nrrd").read_bytes()
    with serving(an_xray_case) as address:
        digest = hashlib.sha256(content).hexdigest()
        file = RemoteFile(Path("xray/ct.nrrd"), f"{address}/ct.nrrd", len(content), digest)
        sample = Sample("pelvis-ct", "CT", "", "Apache-2.0", "", address, (file,))
        for module in (XraySample, PanelXrayCt):
            monkeypatch.setattr(module, "xraySample", lambda: sample)
        yield tmp_path / "data"


def test_one_press_downloads_loads_and_registers(a_server_with_the_sample, open_xray_tab):
    tab = open_xray_tab()
    tab.ui.sampleButton.click()
    assert tab.ui.sampleButton.text == "Stop the download"
    tab.user.waitFor(lambda: tab.chosen.ct is not None and findResult(tab.chosen.ct) is not None)
    tab.user.wait()
    assert (a_server_with_the_sample / "xray" / "ct.nrrd").is_file()
    assert shiftOf(tab.chosen.ct) == pytest.approx(10.0)
    request = tab.request
    assert [source.volume.GetName() for source in request.radiographs] == [
        "Pelvis radiograph 1",
        "Pelvis radiograph 2",
    ]
    # their cameras are those of these pixels
    assert len(request.cameras()) == 2
    assert tab.ui.sampleButton.text == "Load a sample and register it"


def test_a_second_press_loads_nothing_again(a_server_with_the_sample, open_xray_tab):
    tab = open_xray_tab()
    for count in (1, 2):
        tab.ui.sampleButton.click()
        tab.user.waitFor(lambda count=count: len(tab.logic._worker.jobs()) == count)
        tab.user.wait()
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert names.count("Pelvis CT") == 1
    assert names.count("Pelvis radiograph 1") == 1


def test_without_a_network_it_says_so_and_loads_nothing(a_server_with_the_sample, open_xray_tab, monkeypatch):
    lost = RemoteFile(Path("xray/ct.nrrd"), f"{XraySample.xraySample().source}/nowhere", 10, "0" * 64)
    sample = Sample("pelvis-ct", "CT", "", "Apache-2.0", "", "", (lost,))
    monkeypatch.setattr(PanelXrayCt, "xraySample", lambda: sample)
    tab = open_xray_tab()
    tab.ui.sampleButton.click()
    tab.user.waitFor(lambda: "could not be downloaded" in tab.ui.statusLabel.text)
    assert not slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    assert tab.logic.job is None


def test_the_button_says_how_large_it_is_and_under_which_licence(open_xray_tab):
    text = open_xray_tab().ui.sampleButton.toolTip
    assert "2.2 MB, Apache-2.0, from https://github.com/wasserth/TotalSegmentator" in text
