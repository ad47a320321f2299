"""The worker is killed during a registration, through the panel: it is told, and nothing is lost."""

import random
import time

import psutil
import pytest
import slicer
from DeepRegistrationSlicer.WorkerClient import sharedWorkerClient

from Testing.Slicer.panel_user import isShown
from Testing.Slicer.ready_tabs import READY_TABS
from Testing.Slicer.scene_state import stateOfScene

MOMENTS = 20
"""In the slow test; two in the quick one."""
_LATEST_PERCENT = 95
_LONGEST_DELAY_S = 0.1
_ATTEMPTS = 5
"""A registration may be done before the worker is killed; then it is killed earlier."""


def register(user) -> None:
    """Registers to the end, and sees the result."""
    user.register()
    assert "Confidence" in user.ui.confidenceLabel.text, user.ui.statusLabel.text
    assert isShown(user.ui.resultCollapsibleButton)


def registerAndKill(user, percent: float, delay_s: float) -> bool:
    """Registers, and kills the worker once the bar stands there and a little later; False: too late."""
    bar = user.ui.progressBar
    user.ui.registerButton.click()
    assert user.logic.job is not None, user.ui.statusLabel.text
    user.wait(until=lambda: 100 * bar.value >= percent * bar.maximum)
    deadline = time.monotonic() + delay_s
    user.wait(until=lambda: time.monotonic() >= deadline)
    if user.logic.job is None:
        return False
    psutil.Process(sharedWorkerClient().processId).kill()
    user.wait()
    # without a word: the result was on its way already
    return user.ui.statusLabel.text != ""


def survives(user, folder, percent: float, delay_s: float) -> None:
    """A killed worker is told, the scene is as it was, and the next Register works."""
    before = stateOfScene()
    for _ in range(_ATTEMPTS):
        if registerAndKill(user, percent, delay_s):
            break
        before, percent, delay_s = stateOfScene(), 0.8 * percent, 0.0
    said = user.ui.statusLabel.text
    assert "ended unexpectedly" in said
    assert "nothing was changed" in said
    assert user.ui.statusLabel.autoFillBackground
    assert user.ui.registerButton.text == "Register"
    assert user.ui.registerButton.enabled
    assert not isShown(user.ui.progressBar)
    assert stateOfScene() == before
    assert list(folder.iterdir()) == []
    register(user)


@pytest.fixture
def survive(open_ready_tab, tmp_path, monkeypatch):
    """Lets a tab register, and be disturbed, at moments."""
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path))

    def survive(job, moments):
        user = open_ready_tab(job)
        register(user)
        for percent, delay_s in moments:
            survives(user, tmp_path, percent, delay_s)

    return survive


@pytest.mark.parametrize("job", READY_TABS, ids=lambda job: job.value)
def test_a_worker_killed_early_and_late_is_told_and_the_next_registration_works(survive, job):
    survive(job, [(0, 0.0), (50, 0.0)])


@pytest.mark.slow
@pytest.mark.parametrize("job", READY_TABS, ids=lambda job: job.value)
def test_a_worker_killed_at_twenty_moments_is_told_each_time(survive, job):
    by_chance = random.Random(7)
    survive(
        job,
        [
            (by_chance.uniform(0, _LATEST_PERCENT), by_chance.uniform(0, _LONGEST_DELAY_S))
            for _ in range(MOMENTS)
        ],
    )
