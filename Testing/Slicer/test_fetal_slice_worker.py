"""A slice of the phantom with the real worker: from the volume to its place in the atlas, and live."""

import dataclasses
import time

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.AtlasSource import AtlasByAge
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.Follower import FollowEvent
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import arrayOf, loadVolume, matrixOf
from DeepRegistrationSlicer.MrmlSlices import planeOf
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.SliceFollower import SliceFollower
from DeepRegistrationSlicer.SliceSource import SliceSource

from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import Device
from Testing.Slicer.phantom import loadSubject, poseError

LONGEST_S = 60.0
SETTINGS = FetalSliceSettings(
    method=FetalSliceMethod.BANK, gestational_age_weeks=28.0, candidates=16, device=Device.CPU
)


@pytest.fixture
def request_of_slice(a_phantom):
    mask = loadVolume(a_phantom / "mask.nii.gz", "mask", "vtkMRMLLabelMapVolumeNode")
    number = int((slicer.util.arrayFromVolume(mask) > 0).sum((1, 2)).argmax())
    source = SliceSource(loadSubject(a_phantom), number=number)
    return FetalSliceRequest(source, mask, AtlasByAge(a_phantom / "atlas"), SETTINGS)


def test_a_slice_of_the_phantom_is_found_in_the_atlas(request_of_slice):
    result = RegistrationLogic().startRegistration(request_of_slice).outcome.nodes
    angle_deg, distance_mm = poseError(matrixOf(result.transform))
    assert angle_deg < 4
    assert distance_mm < 3
    assert result.isApplied()
    assert result.subject is request_of_slice.source.node()
    assert result.matching.GetImageData().GetDimensions() == result.subject.GetImageData().GetDimensions()
    shown = [arrayOf(node).ravel() for node in (result.subject, result.matching)]
    assert np.corrcoef(*shown)[0, 1] > 0.8
    assert result.segmentation.GetSegmentation().GetNumberOfSegments() > 3
    assert "<html" in result.report.GetText().lower()
    hypotheses = result.content()["hypotheses"]
    assert sum(entry["probability"] for entry in hypotheses) == pytest.approx(1)


def test_a_slice_that_moves_through_the_phantom_is_followed(request_of_slice):
    volume, number = request_of_slice.source.volume, request_of_slice.source.number
    view = slicer.vtkMRMLSliceNode()
    view.SetSingletonTag("Red")
    view.SetLayoutName("Red")
    view = slicer.mrmlScene.AddNode(view)

    def show(offset: float) -> None:
        plane = planeOf(volume, number)
        plane[:3, 3] += offset * plane[:3, 2]
        view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(plane))
        view.UpdateMatrices()

    show(0.0)
    news, source = [], SliceSource(volume, view="Red")
    request = dataclasses.replace(request_of_slice, source=source)
    follower = SliceFollower(RegistrationLogic(), request, news.append, lambda progress: None)
    follower.start()
    for moves, offset in enumerate((0.0, 2.0, 4.0), start=1):
        show(offset)
        deadline = time.monotonic() + LONGEST_S
        while [entry.event for entry in news].count(FollowEvent.MOVED) < moves:
            assert follower.isRunning, news[-1].message
            assert time.monotonic() < deadline, [entry.event for entry in news]
            slicer.app.processEvents()
            time.sleep(0.005)
    follower.stop()
    result = findResult(source.node())
    assert poseError(matrixOf(result.transform))[0] < 5
    assert news[-2].rate > 0
    assert volume.GetParentTransformNode() is None
    assert news[0].event == FollowEvent.SEARCHING
    assert [entry.event for entry in news].count(FollowEvent.SEARCHING) == 1


def test_a_stack_is_put_into_the_atlas_with_a_pose_for_each_slice(request_of_slice):
    volume = request_of_slice.source.volume
    request = dataclasses.replace(request_of_slice, source=SliceSource(volume))
    result = RegistrationLogic().startRegistration(request).outcome.nodes
    assert poseError(matrixOf(result.transform))[0] < 4
    assert volume.GetParentTransformNode() is result.transform
    rows, slices = result.poses.GetNumberOfRows(), result.content()["slices"]
    assert rows == len(slices) > 5
    assert result.poses.GetName() == "Fetus 1 slice poses"
    assert [result.poses.GetTable().GetColumnName(n) for n in range(4)] == [
        "index",
        "turned_deg",
        "moved_mm",
        "similarity",
    ]
    assert result.poses.GetTable().GetValueByName(2, "m03").ToDouble() == slices[2]["matrix"][0][3]
