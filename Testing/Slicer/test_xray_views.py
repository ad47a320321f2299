"""What the views of radiographs show, and where: the detector upright, bones over it, the machine in 3D."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer import XrayBones
from DeepRegistrationSlicer.LayoutViews import viewNode
from DeepRegistrationSlicer.MrmlBridge import createVolume
from DeepRegistrationSlicer.XrayBones import createBones
from DeepRegistrationSlicer.XrayViews import (
    PLOT_VIEW,
    THREE_D_VIEW,
    XRAY_VIEWS,
    XrayShown,
    areXrayViewsShown,
    showXray,
)

from Testing.Slicer.nodes import movedBy, obliqueMatrix
from Testing.Slicer.xray_phantom import loadXrayNodes, onDetector

SCRIPT = Path(__file__).with_name("drawn_xray.py")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Name -> picture (rows, columns, 3), drawn by a process of its own."""
    folder = tmp_path_factory.mktemp("drawn")
    subprocess.run([sys.executable, str(SCRIPT), str(folder)], check=True, capture_output=True)
    return {path.stem: np.load(path).astype(int) for path in folder.glob("*.npy")}


@pytest.fixture
def layout():
    """Slicer's layout logic: it makes the nodes of the views that a layout names."""
    logic = slicer.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    yield slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    logic.SetMRMLScene(None)


@pytest.fixture
def a_shot():
    return onDetector(np.random.default_rng(2).random((60, 80)))


@pytest.mark.parametrize("name", ["upright", "mirrored"])
def test_a_radiograph_is_shown_as_its_file_has_it(drawn, name):
    """Bright is the upper left corner of the file, from whichever side the detector is seen."""
    picture = drawn[name].mean(axis=-1)
    assert picture[60, 80] > 200
    for row, column in ((60, 240), (180, 80), (180, 240)):
        assert picture[row, column] < 50


def test_a_drr_is_coloured_where_it_is_not_air_and_fades(drawn):
    red, green, blue = drawn["overlay"][60, 80]
    assert min(red, green) > blue + 100
    assert np.ptp(drawn["overlay"][180, 240]) <= 1  # grey
    np.testing.assert_array_equal(drawn["faded"][180, 240], drawn["overlay"][180, 240])
    assert np.ptp(drawn["faded"][60, 80]) <= 1


def test_source_and_detector_are_seen_whole_in_3d(drawn):
    changed = np.abs(drawn["machine3d"] - drawn["empty3d"]).max(axis=-1) > 20
    rows, columns = np.nonzero(changed)
    assert np.ptp(columns) > 100
    assert columns.min() > 0
    assert columns.max() < 399
    assert rows.min() > 0
    assert rows.max() < 299


def test_the_slice_view_lies_on_the_detector(layout, a_shot):
    radiograph, camera = a_shot
    showXray(XrayShown([radiograph], [None]), 0.5)
    matrix = slicer.util.arrayFromVTKMatrix(viewNode("vtkMRMLSliceNode", XRAY_VIEWS[0]).GetSliceToRAS())
    np.testing.assert_allclose(matrix[:3, 3], camera.detector_corners_ras().mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(matrix[:3, 0], camera.column_direction, atol=1e-6)
    np.testing.assert_allclose(matrix[:3, 1], -camera.row_direction, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("hasPlot", [False, True])
def test_the_layout_has_a_view_for_each_radiograph_and_for_the_plot(layout, a_shot, count, hasPlot):
    radiographs = [a_shot[0]] * count
    chart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotChartNode", "plot") if hasPlot else None
    showXray(XrayShown(radiographs, [None] * count, chart=chart), 0.5)
    assert areXrayViewsShown()
    text = layout.GetLayoutDescription(layout.GetViewArrangement())
    names = {view.get("singletontag") for view in ElementTree.fromstring(text).iter("view")}
    assert names == {THREE_D_VIEW, *XRAY_VIEWS[:count], *([PLOT_VIEW] if hasPlot else [])}


def test_bones_stand_where_the_ct_does(an_xray_case):
    nodes = loadXrayNodes(an_xray_case)
    movedBy(nodes.ct, (10, 20, 30), (40, -50, 60))
    dense = createBones(nodes.ct, None, "dense")
    labelled = createBones(nodes.ct, nodes.bones, "labelled")
    boxes = []
    for model in (dense, labelled):
        assert model.GetParentTransformNode() is nodes.ct.GetParentTransformNode()
        boxes.append(np.array(model.GetPolyData().GetBounds()))
    # the phantom's labels are exactly what is dense in it
    np.testing.assert_allclose(boxes[0], boxes[1], atol=2.5)


def test_bones_of_a_large_ct_stand_where_they_are(monkeypatch):
    values = np.full((31, 40, 50), -1000, np.int16)
    values[8:23, 12:28, 15:40] = 800
    ct = createVolume(values, obliqueMatrix(spacing_mm=(1.0, 1.0, 1.0)), "CT")
    whole = np.array(createBones(ct, None, "whole").GetPolyData().GetBounds())
    monkeypatch.setattr(XrayBones, "_MOST_VOXELS", 20)
    coarse = np.array(createBones(ct, None, "coarse").GetPolyData().GetBounds())
    np.testing.assert_allclose(coarse, whole, atol=3.0)
    np.testing.assert_allclose(coarse.reshape(3, 2).mean(1), whole.reshape(3, 2).mean(1), atol=1.0)
