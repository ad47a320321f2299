"""What a user chooses wrongly in the panel: one clear sentence each, and the scene is as it was."""

import re

import pytest
import slicer

from Testing.Slicer.bad_nodes import ALL
from Testing.Slicer.ready_tabs import READY_TABS
from Testing.Slicer.scene_state import stateOfScene


@pytest.fixture
def own_temporary_folder(tmp_path, monkeypatch):
    """Slicer's temporary folder, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(slicer.app, "temporaryPath", str(folder))
    return folder


def jobFolders(folder):
    return [path for path in folder.iterdir() if path.is_dir()]


def sentenceOf(user) -> str:
    """Why Register cannot be pressed, or what came of pressing it."""
    ui = user.ui
    if not ui.registerButton.enabled:
        assert ui.statusLabel.text == ui.registerButton.toolTip
        return ui.registerButton.toolTip
    user.register()
    assert ui.statusLabel.autoFillBackground
    return ui.statusLabel.text


def assertIsSentence(said: str) -> None:
    assert said.endswith(".") or "deepregistration data download" in said
    assert "Traceback" not in said
    assert "error in the program" not in said
    assert re.search("[.;] ", said), f"what is wrong, then what to do: {said}"


@pytest.mark.parametrize(
    ("job", "bad"), ALL, ids=[f"{job.value}: {bad.name}".replace(" ", "_") for job, bad in ALL]
)
def test_it_is_refused_in_a_sentence_and_the_scene_stays(open_ready_tab, own_temporary_folder, job, bad):
    user = open_ready_tab(job)
    tab = READY_TABS[job]
    assert user.ui.registerButton.enabled, user.ui.registerButton.toolTip
    bad.make(user, tab)
    before = stateOfScene()
    said = sentenceOf(user)
    assert re.search(bad.text.format(role=tab.role), said), said
    assertIsSentence(said)
    assert stateOfScene() == before
    assert jobFolders(own_temporary_folder) == []
    assert not user.ui.resultCollapsibleButton.isVisible()


@pytest.mark.parametrize("job", READY_TABS, ids=lambda job: job.value)
def test_a_temporary_folder_that_is_not_there_is_told(open_ready_tab, monkeypatch, tmp_path, job):
    user = open_ready_tab(job)
    before = stateOfScene()
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path / "gone"))
    said = sentenceOf(user)
    assert f"temporary folder '{tmp_path / 'gone'}' cannot be written" in said
    assertIsSentence(said)
    assert stateOfScene() == before


@pytest.mark.parametrize("job", READY_TABS, ids=lambda job: job.value)
def test_a_full_temporary_disk_is_told(open_ready_tab, a_full_disk, monkeypatch, job):
    user = open_ready_tab(job)
    before = stateOfScene()
    monkeypatch.setattr(slicer.app, "temporaryPath", str(a_full_disk))
    said = sentenceOf(user)
    assert "Free some space" in said
    assertIsSentence(said)
    assert stateOfScene() == before
    assert list(a_full_disk.iterdir()) == []
