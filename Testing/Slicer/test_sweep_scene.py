"""Files of a sweep that Slicer opens: scene.mrb, and the sequence of transforms."""

import json
import subprocess
import sys

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.SweepBrowser import browserOf, indexValues, sequencesOf

from Testing.Slicer.conftest import ROOT

_COMMAND = [sys.executable, "-c", "from DeepRegistrationLib.cli import main; main()"]


@pytest.fixture(scope="module")
def a_sweep_result(tmp_path_factory):
    """Result folder of the phantom's sweep with a scene, and the angles that were to be found."""
    folder = tmp_path_factory.mktemp("sweep")
    run("data", "phantom", "us-angles", "--output", folder / "case")
    truth = json.loads((folder / "case" / "truth.json").read_text())
    size = str(truth["pixel_mm"])
    words = ("--pixel-size", size, size, "--scene", "--no-report", "--method", "search+refine")
    run("us-angles", "--sequence", folder / "case" / "sweep.igs.mha", *words, "--output", folder / "result")
    frames = [folder / "case" / f"frame{number}.nrrd" for number in (1, 2, 3)]
    run("us-angles", "--frames", *frames, *words, "--output", folder / "triplet")
    return folder / "result", np.array(truth["angles_deg"])


def run(*words):
    subprocess.run([*_COMMAND, *map(str, words), "--quiet"], check=True, cwd=ROOT, capture_output=True)


def angleDeg(matrix):
    """Turn in RAS; in image space, seen from the other side, it has the same sign about the same axis."""
    return np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))


def test_the_scene_plays_frames_and_transforms_together(a_sweep_result):
    folder, angles = a_sweep_result
    assert slicer.mrmlScene.ReadFromMRB(str(folder / "scene.mrb"), True)
    frames = slicer.util.getFirstNodeByClassByName("vtkMRMLSequenceNode", "sweep")
    browser = browserOf(frames)
    transforms = next(node for node in sequencesOf(browser) if node is not frames)
    # Slicer saves the index of transforms with three digits, and finds items by their number
    assert [float(value) for value in indexValues(transforms)] == [0, 1, 2, 3]
    browser.SetSelectedItemNumber(2)
    slicer.app.applicationLogic().GetModuleLogic("Sequences").UpdateProxyNodesFromSequences(browser)
    assert angleDeg(matrixOf(browser.GetProxyNode(transforms))) == pytest.approx(-8.0, abs=0.1)
    turned = [angleDeg(matrixOf(transforms.GetNthDataNode(k))) for k in range(4)]
    # content that turned is a frame that stands turned back
    np.testing.assert_allclose(turned, angles[0] - angles, atol=0.1)
    shown = browser.GetProxyNode(frames)
    assert slicer.util.arrayFromVolume(shown).shape[0] == 1
    assert shown.GetParentTransformNode() is browser.GetProxyNode(transforms)
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {view.GetBackgroundVolumeID() for view in views} == {shown.GetID()}
    assert slicer.util.getNodesByClass("vtkMRMLTableNode")


def test_the_browser_stands_at_a_frame_that_the_registration_has_moved(a_sweep_result):
    folder, angles = a_sweep_result
    assert slicer.mrmlScene.ReadFromMRB(str(folder / "scene.mrb"), True)
    browser = browserOf(slicer.util.getFirstNodeByClassByName("vtkMRMLSequenceNode", "sweep"))
    assert browser.GetSelectedItemNumber() == len(angles) - 1


def test_the_scene_of_three_frames_shows_each_neighbour_over_the_middle_one(a_sweep_result):
    folder, angles = a_sweep_result
    assert slicer.mrmlScene.ReadFromMRB(str(folder.with_name("triplet") / "scene.mrb"), True)
    before, middle, after = (slicer.util.getNode(f"frame{number}") for number in (1, 2, 3))
    assert middle.GetParentTransformNode() is None
    turned = [angleDeg(matrixOf(node.GetParentTransformNode())) for node in (before, after)]
    np.testing.assert_allclose(turned, angles[1] - angles[[0, 2]], atol=0.1)
    for name, other in (("Red", before), ("Yellow", after)):
        view = slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceCompositeNode{name}")
        assert (view.GetBackgroundVolumeID(), view.GetForegroundVolumeID()) == (
            middle.GetID(),
            other.GetID(),
        )
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")


def test_slicer_reads_the_transforms_of_a_sweep_without_the_extension(a_sweep_result):
    folder, angles = a_sweep_result
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "sweep")
    storage = slicer.vtkMRMLLinearTransformSequenceStorageNode()
    storage.SetFileName(str(folder / "sweep.seq.mha"))
    assert storage.ReadData(sequence)
    assert sequence.GetNumberOfDataNodes() == len(angles)
    assert sequence.GetIndexUnit() == "s"
    np.testing.assert_allclose([float(value) for value in indexValues(sequence)], np.arange(4) / 20)
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    chain, ras = np.array(content["first_from_frame"]), np.diag([-1.0, -1.0, 1.0, 1.0])
    for number, expected in enumerate(ras @ chain @ ras):
        np.testing.assert_allclose(matrixOf(sequence.GetNthDataNode(number)), expected, atol=1e-6)
