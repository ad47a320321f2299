"""The sample of the tabs for a fetal brain and its slices: one press brings it and the atlas."""

from pathlib import Path

import pytest
import slicer
from DeepRegistrationSlicer.Choices import AtlasChoice, JobChoice, SliceChoice
from DeepRegistrationSlicer.FetalSample import fetalSample
from DeepRegistrationSlicer.WorkerClient import sharedWorkerClient

from DeepRegistrationLib.sample_data import is_installed

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data" / "fetal-brain"
TABS = {JobChoice.FETAL_VOLUME: "fetalVolume", JobChoice.FETAL_SLICE: "fetalSlice"}


@pytest.fixture
def downloaded_files(monkeypatch, tmp_path):
    """Brain and atlas where a download would have put them."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the public images are not in {SHARED_DATA}")
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path))
    (tmp_path / "fetal-brain").symlink_to(SHARED_DATA, target_is_directory=True)
    assert is_installed(fetalSample())
    sharedWorkerClient().shutdown()  # a worker looks for atlases where it was started
    yield
    sharedWorkerClient().shutdown()


@pytest.mark.parametrize("job", TABS, ids=lambda job: job.value)
def test_one_press_loads_and_registers(downloaded_files, open_panel, job):
    user = open_panel(job)
    chosen = getattr(user.parameters, TABS[job])
    # what was chosen for another brain
    chosen.atlas.gestationalAge = 35.0
    chosen.atlas.folder = "elsewhere"
    user.ui.sampleButton.click()
    user.waitFor(lambda: user.logic.job is not None)
    assert not user.ui.sampleButton.enabled
    user.wait()
    assert "Confidence high" in user.ui.confidenceLabel.text, user.ui.statusLabel.text
    assert chosen.subject.GetName() == "Fetal brain"
    assert (chosen.atlas.source, chosen.atlas.folder) == (AtlasChoice.BY_AGE, "")
    if job == JobChoice.FETAL_SLICE:
        assert (chosen.slices, chosen.number) == (SliceChoice.NUMBER, 37)
    assert user.ui.sampleButton.enabled


def test_both_tabs_share_the_brain(downloaded_files, open_panel):
    for job in TABS:
        user = open_panel(job)
        user.ui.sampleButton.click()
        user.waitFor(lambda user=user: user.logic.job is not None)
        user.logic.job.cancel()
        user.wait()
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert names.count("Fetal brain") == 1


@pytest.mark.parametrize("job", TABS, ids=lambda job: job.value)
def test_the_button_says_what_it_brings_and_under_which_licences(open_panel, job):
    text = open_panel(job).ui.sampleButton.toolTip
    for words in ("12.8 MB", "CC0 1.0", "CRL research licence: non-commercial", "mialsuperresolutiontoolkit"):
        assert words in text
