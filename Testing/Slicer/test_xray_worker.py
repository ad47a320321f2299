"""The whole way with the real worker: a body dragged away from where its radiographs were taken returns."""

import time

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import JobChoice
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import arrayOf
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.XrayGeometry import RadiographSource

from Testing.Slicer.xray_phantom import NUMBERS, SETTINGS, loadXrayNodes, moveBy, xrayRequest

LONGEST_S = 300.0
AWAY = ((-5, 6, -8), (-5.0, 7.0, -4.0))


@pytest.fixture
def nodes(an_xray_case):
    return loadXrayNodes(an_xray_case)


@pytest.fixture
def a_tab(nodes, open_panel):
    """The tab with both radiographs and the bones."""
    user = open_panel(JobChoice.XRAY_CT)
    chosen = user.parameters.xrayCt
    chosen.bones = nodes.bones
    chosen.searchRotation, chosen.searchTranslation = 12.0, 15.0
    chosen.candidates = SETTINGS.candidates
    chosen.second.volume = nodes.radiographs[1]
    for view, numbers in zip((chosen.first, chosen.second), NUMBERS, strict=True):
        for name, value in vars(numbers).items():
            setattr(view, name, value)
    return user


def waitFor(condition) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        slicer.app.processEvents()
        time.sleep(0.005)


def correlation(first, second) -> float:
    return float(np.corrcoef(arrayOf(first).ravel(), arrayOf(second).ravel())[0, 1])


def test_a_body_that_was_dragged_away_comes_back(a_tab, nodes):
    moveBy(nodes, *AWAY)
    before_deg, before_mm = nodes.error()
    assert before_deg > 5
    assert before_mm > 5
    a_tab.ui.registerButton.click()
    waitFor(lambda: a_tab.logic.job is None)
    assert "Confidence high" in a_tab.ui.confidenceLabel.text, a_tab.ui.confidenceLabel.text
    after_deg, after_mm = nodes.error()
    assert after_deg < 0.2
    assert after_mm < 0.3
    result = findResult(nodes.ct)
    assert result.isApplied()
    for drr, xray in (("drr", "xray"), ("drr2", "xray2")):
        assert correlation(result.more[drr], result.more[xray]) > 0.99
    assert slicer.util.arrayFromTableColumn(result.more["convergence"], "similarity").size > 3
    assert result.report is not None


def test_the_overlay_shows_the_ct_where_it_is_put(a_tab, nodes):
    """Where the truth is, the DRR looks like the radiograph; elsewhere it does not."""
    transform = moveBy(nodes, *AWAY)
    a_tab.ui.followCheckBox.checked = True
    waitFor(lambda: a_tab.ui.rateLabel.text)
    live = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    drr = next(node for node in live if node.GetName() == "View 1 on detector (live) DRR")
    away = correlation(drr, nodes.radiographs[0])
    old = drr.GetImageData().GetMTime()
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(nodes.worldFromCt))
    waitFor(lambda: drr.GetImageData().GetMTime() > old)
    there = correlation(drr, nodes.radiographs[0])
    # of the bones alone, over a radiograph of everything
    assert there > 0.5
    assert away < there - 0.1
    a_tab.ui.followCheckBox.checked = False
    waitFor(lambda: a_tab.logic.job is None)


def test_a_mirrored_radiograph_is_found_with_the_box_checked(nodes):
    own = nodes.radiographs[0]
    values = arrayOf(own)[:, :, ::-1]
    slicer.util.updateVolumeFromArray(own, values)
    source = RadiographSource(own, entered=NUMBERS[0], isMirrored=True)
    RegistrationLogic().startRegistration(xrayRequest(nodes, radiographs=(source,)))
    result = findResult(nodes.ct)
    angle, millimetres = nodes.error(result.transform)
    assert angle < 0.5
    assert millimetres < 3.0  # depth is weak with one view
    np.testing.assert_array_equal(arrayOf(result.more["xray"]), values)
