"""scene.mrb of the command line, written by a process of its own and opened again."""

import os
import shutil
import subprocess
import sys

import numpy as np
import slicer
from DeepRegistrationSlicer import MrmlBridge
from DeepRegistrationSlicer.ResultNodes import findResult

from Testing.Slicer.conftest import ROOT
from Testing.Slicer.phantom import poseError


def writeScene(*arguments) -> subprocess.CompletedProcess:
    folders = [str(ROOT), str(ROOT / "DeepRegistration")]
    return subprocess.run(
        [sys.executable, "-m", "DeepRegistrationSlicer.SceneWriter", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
    )


def test_the_scene_opens_with_the_subject_in_the_atlas_and_named_labels(a_result_folder, a_phantom, tmp_path):
    folder = shutil.copytree(a_result_folder, tmp_path / "result")
    done = writeScene(folder, a_phantom / "subject.nii.gz")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert slicer.mrmlScene.ReadFromMRB(str(folder / "scene.mrb"), True)
    subject = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "subject")
    result = findResult(subject)
    assert subject.GetParentTransformNode() is result.transform
    assert poseError(MrmlBridge.matrixOf(result.transform))[0] < 1
    np.testing.assert_allclose(MrmlBridge.arrayOf(result.warped).max(), 1000, rtol=0.2)
    segments = result.segmentation.GetSegmentation()
    named = [segments.GetNthSegment(n) for n in range(segments.GetNumberOfSegments())]
    assert any(segment.GetName().startswith("Left ") for segment in named)
    assert len({segment.GetColor() for segment in named}) > 5
    views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {view.GetBackgroundVolumeID() for view in views} == {subject.GetID()}


def test_a_folder_without_result_is_named(tmp_path, a_phantom):
    done = writeScene(tmp_path, a_phantom / "subject.nii.gz")
    assert done.returncode == 1
    assert f"The result in '{tmp_path}' cannot be read" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_volume_that_cannot_be_read_is_named(a_result_folder, tmp_path):
    done = writeScene(a_result_folder, tmp_path / "missing.nii.gz")
    assert done.returncode == 1
    assert "missing.nii.gz' cannot be read" in done.stderr


def test_without_arguments_the_usage_is_shown():
    done = writeScene()
    assert done.returncode == 1
    assert "RESULT_FOLDER MOVING_FILE" in done.stderr
