"""The study of the real wrist: its images are read as they are meant, its table says what its trials say."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.trials import matrix_text
from DeepRegistrationLib.evaluation.wrist_images import PLACED, cropped_around, read_bone, read_views
from DeepRegistrationLib.evaluation.wrist_report import picture_name, write_wrist_report
from DeepRegistrationLib.evaluation.wrist_trials import WristTrial
from DeepRegistrationLib.evaluation.xray_wrist_study import TRIALS_FILE, WristStudySettings, run_wrist_study
from DeepRegistrationLib.geometry.camera import check_rigid
from DeepRegistrationLib.projection.labels import outline, silhouette
from Testing.Lib.pictures import rigid
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case

WRIST = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray" / "autoscoper-wrist"
needs_images = pytest.mark.skipif(
    not WRIST.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)


def a_trial(views, number, matrix, **changes):
    trial = WristTrial(
        bone="radius",
        frame=2,
        views=views,
        number=number,
        seed=0,
        start_deg=10.0,
        start_mm=12.0,
        residual_1_mm=1.0,
        residual_2_mm=0.5,
        residual_start_1_mm=4.0,
        residual_start_2_mm=3.0,
        confidence=0.9,
        trust="high",
        seconds=20.0,
        world_from_bone=matrix_text(matrix),
    )
    return dataclasses.replace(trial, **changes)


def test_answers_are_compared_with_the_best_one_of_both_views(tmp_path):
    best, near, far = rigid((0, 0, 0), (1, 2, 3)), rigid((0, 0, 1), (1, 2, 3.5)), rigid((0, 30, 0), (9, 2, 3))
    trials = [
        a_trial("1+2", 0, best, confidence=0.95),
        a_trial("1+2", 1, near),
        a_trial("1", 0, far, trust="low", confidence=0.1),
        a_trial("1", 1, far, world_from_bone="", trust="", error="no", residual_1_mm=np.nan),
    ]
    (tmp_path / picture_name("radius", 2, 1)).write_bytes(b"png")
    text = write_wrist_report(trials, tmp_path).read_text(encoding="utf-8")
    assert "| radius | 2 | 1+2 | 2 | 2 | 4.00 | 1.00 | 3.00 | 0.50 | 2 of 2 | 0.50 | 0.25 | 20.00 |" in text
    assert "| radius | 2 | 1 | 2 | 0 | 4.00 | 1.00 | 3.00 | 0.50 | 0 of 2 | 30.00 | 8.00 | 20.00 |" in text
    assert text.count("![") == 1


def test_the_part_around_a_ball_shows_the_ball_where_the_whole_did():
    radiograph = a_case((a_camera(20.0, -10.0, 96),), voxel_mm=5.0).radiographs[0]
    part = cropped_around(radiograph, MIDDLE + np.array([10.0, -6.0, 14.0]), 25.0)
    assert max(part.values.shape) < 0.7 * 96
    point = MIDDLE + np.array([12.0, -3.0, 15.0])
    (whole, _), (inside, _) = radiograph.camera.project(point), part.camera.project(point)
    column, row = np.round(inside).astype(int)
    assert part.values[row, column] == radiograph.values[tuple(np.round(whole).astype(int)[::-1])]
    at_the_rim = cropped_around(radiograph, MIDDLE, 500.0)
    assert at_the_rim.values.shape == radiograph.values.shape


def test_a_missing_ct_is_named(tmp_path):
    with pytest.raises(InputError, match=r"ct_rad\.tif' does not exist"):
        read_bone(tmp_path, "radius")


def test_every_placed_pose_is_rigid():
    for matrix in PLACED.values():
        check_rigid(matrix, "placed")
        assert np.linalg.det(matrix[:3, :3]) > 0
    assert {frame for _, frame in PLACED} == {2, 99}


@needs_images
@pytest.mark.parametrize(("bone", "frame"), sorted(PLACED))
def test_the_bones_outline_lies_on_an_edge_in_both_views(bone, frame):
    _, label = read_bone(WRIST, bone)
    for radiograph in read_views(WRIST, frame):
        placed = PLACED[bone, frame]
        small = cropped_around(radiograph, placed[:3, 3], 60.0).reduced(4)
        down, right = torch.gradient(small.values)
        steepness = torch.hypot(down, right)
        line = outline(silhouette(label, small.camera, placed)) & small.used()
        # the shaft's cut end is no edge of the arm
        assert steepness[line].mean() > 1.4 * steepness[small.used()].mean()


@needs_images
def test_a_stopped_study_keeps_nothing_unfinished(tmp_path):
    settings = WristStudySettings(cases=(("radius", 2),), views=("1",), starts=1)
    with pytest.raises(Cancelled):
        run_wrist_study(WRIST, tmp_path, settings, lambda progress: "Searching" not in progress.text)
    assert not (tmp_path / TRIALS_FILE).exists()
