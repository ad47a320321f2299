"""The pictures of a CT and its radiographs show what they say."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.report.edge_lines import edge_lines
from DeepRegistrationLib.report.xray_pictures import xray_pictures
from DeepRegistrationLib.workflows.result import Confidence, NamedTransform, Trust
from DeepRegistrationLib.workflows.xray_result import CT, WORLD, XrayCtResult, XrayView
from Testing.Lib.xray_case import a_camera, a_case

GREEN, ORANGE = (128, 230, 102), (255, 181, 84)


def view_of(case, radiograph):
    attenuation = case.ct.with_values(attenuation_from_hu(case.ct.values))
    drrs = [project_volume(attenuation, radiograph.camera, pose) for pose in (case.world_from_ct, np.eye(4))]
    camera_from_ct = radiograph.camera.camera_from_world @ case.world_from_ct
    return XrayView(radiograph, camera_from_ct, *drrs, 0.93, 0.42, 9.5)


@pytest.fixture(scope="module")
def a_result():
    case = a_case((a_camera(10, -5, 96), a_camera(80, 5, 96)), voxel_mm=3.0)
    return XrayCtResult(
        job="xray-ct",
        method="auto",
        device="cpu (1 thread)",
        transforms={"world_from_ct": NamedTransform(case.world_from_ct, CT, WORLD)},
        similarity={"gradient-correlation": 0.93},
        confidence=Confidence(0.95, Trust.HIGH, "The bones fit."),
        warnings=(),
        seconds={"Refining": 1.0},
        settings={},
        history={"Refining": [0.1, 0.5, 0.9]},
        ct=case.ct,
        labels=case.labels,
        views=tuple(view_of(case, radiograph) for radiograph in case.radiographs),
        start=np.eye(4),
    )


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def painted(picture, colour):
    """(N, 2) rows and columns of the pixels of a colour."""
    return np.argwhere(np.abs(pixels(picture) - colour).max(-1) <= 2)


def test_each_view_the_stand_and_the_convergence_are_drawn(a_result):
    names = [picture.name for picture in xray_pictures(a_result)]
    assert names == ["view1", "view2", "stand", "convergence"]


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "dense"])
def test_the_lines_after_lie_on_edges_of_the_radiograph_and_those_before_do_not(a_result, labels):
    result = a_result if labels else dataclasses.replace(a_result, labels=None)
    picture = xray_pictures(result)[0]
    image = pixels(picture).mean(-1)
    # panels are 330 wide, 10 apart, the upper row begins at 26; the plain radiograph is at the upper left
    radiograph = image[26 : 26 + 297, 10:340]
    down, right = np.gradient(radiograph)
    edges = np.hypot(down, right)
    strength = {}
    for colour, left in ((ORANGE, 10), (GREEN, 350)):
        lines = painted(picture, colour) - (26 + 297 + 26, left)
        lines = lines[(lines >= 4).all(1) & (lines < np.array(radiograph.shape) - 4).all(1)]
        assert len(lines) > 150
        strength[colour] = edges[tuple(lines.T)].mean()
    assert strength[GREEN] > 1.5 * strength[ORANGE]


def test_the_residuals_stand_in_the_caption(a_result):
    assert "9.5 mm before, 0.4 mm after" in xray_pictures(a_result)[0].caption


def test_the_stand_shows_the_bones_between_source_and_detector(a_result):
    one_view = dataclasses.replace(a_result, views=a_result.views[:1])
    stand = pixels(xray_pictures(one_view)[1])
    bone = np.argwhere((stand[..., 0] > 150) & (stand[..., 0] - stand[..., 2] > 25) & (stand[..., 1] > 120))
    blue = np.argwhere((stand[..., 2] > 200) & (stand[..., 0] < 110))  # source, rays and frame
    source, detector = blue[:, 1].min(), blue[:, 1].max()
    share = (bone[:, 1].mean() - source) / (detector - source)
    assert 0.5 < share < 0.85  # the middle is 700 of 1020 mm away from the source


def test_pixels_that_are_not_used_are_dark(a_result):
    view = a_result.views[0]
    mask = torch.ones(view.radiograph.values.shape, dtype=torch.bool)
    mask[:, :30] = False
    masked = dataclasses.replace(view, radiograph=dataclasses.replace(view.radiograph, mask=mask))
    plain, dark = (
        pixels(xray_pictures(dataclasses.replace(a_result, views=(shown,)))[0])[26:323, 10:100].mean()
        for shown in (view, masked)
    )
    assert dark < 0.6 * plain


def test_drawing_can_be_stopped(a_result):
    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        xray_pictures(a_result, stop)


def test_lines_run_along_the_edge_of_a_disk_and_are_thin():
    rows, columns = np.indices((80, 100))
    distance = np.hypot(rows - 40, columns - 55)
    lines = edge_lines((distance < 25).astype(float))
    assert np.abs(distance[lines] - 25).max() < 1.5
    assert 100 < lines.sum() < 260  # the circle is 157 pixels long
    assert not edge_lines(np.zeros((8, 9))).any()


def test_bones_that_are_small_on_a_radiograph_are_shown_close_up(a_result):
    view = a_result.views[0]
    bones = torch.zeros_like(view.drr)
    rows, columns = bones.shape
    bones[rows // 2 : rows // 2 + 14, columns // 2 : columns // 2 + 10] = 1.0
    small = dataclasses.replace(a_result, views=(dataclasses.replace(view, bones=bones),))
    # from 7 pixels before to 7 behind the longer side of the bones
    part = view.radiograph.cropped((columns // 2 - 7, rows // 2 - 7), (24, 28))
    cut = dataclasses.replace(
        view,
        radiograph=part,
        drr=view.drr[rows // 2 - 7 : rows // 2 + 21, columns // 2 - 7 : columns // 2 + 17],
        drr_start=view.drr_start[rows // 2 - 7 : rows // 2 + 21, columns // 2 - 7 : columns // 2 + 17],
    )
    expected = xray_pictures(dataclasses.replace(a_result, views=(cut,)))[0]
    assert xray_pictures(small)[0].png == expected.png
    assert xray_pictures(a_result)[0].png != expected.png
