"""scene.mrb of a bent atlas, written by a process of its own and opened again."""

import shutil

import pytest
import slicer
from DeepRegistrationSlicer.ResultNodes import latestResult

from DeepRegistrationLib.jobs.job import JobKind
from Testing.Slicer.test_scene_writer import writeScene


def opened(folder, moving):
    """The result in the scene of a result folder."""
    done = writeScene(folder, moving)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert slicer.mrmlScene.ReadFromMRB(str(folder / "scene.mrb"), True)
    return latestResult()


@pytest.fixture
def a_copy(a_biplanar_result, tmp_path):
    return shutil.copytree(a_biplanar_result, tmp_path / "result")


def test_it_holds_the_bent_atlas_radiographs_and_the_bone(a_copy, phantoms):
    result = opened(a_copy, phantoms(JobKind.BIPLANAR) / "atlas")
    assert result.isApplied()
    assert result.atlas.GetName() == "atlas_ct"
    assert result.subject.GetName() == result.content()["views"][0]["name"]
    assert {"transform", "affine", "warped", "bent_labels", "drr", "drr2", "xray", "bones"} <= set(
        result.byRole()
    )
    views = {
        view.GetLayoutName(): (view.GetBackgroundVolumeID(), view.GetForegroundVolumeID())
        for view in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    assert views["Red"] == (result.more["xray"].GetID(), result.more["drr"].GetID())
    assert views["Yellow"] == (result.more["xray2"].GetID(), result.more["drr2"].GetID())
    assert views["Green"][0] == result.warped.GetID()


def test_an_atlas_image_of_ones_own_will_do_and_outputs_may_be_missing(a_copy, phantoms):
    (a_copy / "segmentation.seg.nrrd").unlink()
    (a_copy / "warped.nrrd").unlink()
    result = opened(a_copy, phantoms(JobKind.BIPLANAR) / "atlas" / "atlas_ct.nrrd")
    assert result.isApplied()
    assert result.warped is None
    assert "bones" not in result.more
    assert result.atlas.GetParentTransformNode() is result.transform
