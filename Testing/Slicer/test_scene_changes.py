"""Each tab when the scene is closed under it, when another one follows, and after a reload."""

import pytest
import slicer
from DeepRegistrationSlicer.WorkerClient import sharedWorkerClient

from Testing.Slicer.conftest import ROOT
from Testing.Slicer.host.scripted_module import LoadedModule
from Testing.Slicer.panel_user import isShown
from Testing.Slicer.ready_tabs import READY_TABS


def transforms():
    return slicer.util.getNodesByClass("vtkMRMLTransformNode")


@pytest.mark.parametrize("job", READY_TABS, ids=lambda job: job.value)
def test_closing_the_scene_during_a_job_cancels_it_and_the_next_scene_registers(
    open_ready_tab, phantoms, tmp_path, monkeypatch, job
):
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path))
    user = open_ready_tab(job)
    ui = user.ui
    ui.registerButton.click()
    user.wait(until=lambda: ui.progressBar.value > 0)
    assert user.logic.job is not None
    slicer.mrmlScene.Clear(False)
    user.wait()
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")
    assert not transforms()
    assert not ui.registerButton.enabled
    assert ui.registerButton.toolTip
    assert not isShown(ui.resultCollapsibleButton)
    assert list(tmp_path.iterdir()) == []

    user.parameters.job = job
    READY_TABS[job].fill(user, phantoms(job.value))
    user.register()
    assert "Confidence" in ui.confidenceLabel.text, ui.statusLabel.text
    assert transforms()
    slicer.mrmlScene.Clear(False)
    assert not isShown(ui.resultCollapsibleButton)
    assert not transforms()


@pytest.mark.parametrize("job", READY_TABS, ids=lambda job: job.value)
def test_after_a_reload_of_the_module_the_choices_are_there_and_no_job_is_left(open_ready_tab, job):
    before = open_ready_tab(job)
    before.ui.seedSpinBox.value = 5
    before.ui.registerButton.click()
    before.wait(until=lambda: before.ui.progressBar.value > 0)
    # as Slicer's button Reload does it: the old widget is cleaned up, the file is run again
    before.widget.cleanup()
    assert before.logic.job is None
    assert sharedWorkerClient().processId is None
    module = LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py")
    parent, widget = module.makePanel()
    parent.isEntered = True
    widget.enter()
    try:
        assert widget.panel.parameters.job == job
        assert widget.panel.parameters.seed == 5
        assert widget.ui.registerButton.enabled, widget.ui.registerButton.toolTip
        assert widget.ui.registerButton.text == "Register"
    finally:
        widget.cleanup()
        parent.delete()
