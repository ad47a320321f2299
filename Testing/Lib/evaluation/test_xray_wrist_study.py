"""The study of the real wrist: its images are read as they are meant, its table says what its trials say."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.outline_distance import moved_outline_distance_mm, outline_distance_mm
from DeepRegistrationLib.evaluation.trials import matrix_text
from DeepRegistrationLib.evaluation.wrist_images import PLACED, read_bone, read_views
from DeepRegistrationLib.evaluation.wrist_picture import COLOURS, moment_picture
from DeepRegistrationLib.evaluation.wrist_report import picture_name, write_wrist_report
from DeepRegistrationLib.evaluation.wrist_trials import WristTrial
from DeepRegistrationLib.evaluation.xray_wrist_study import TRIALS_FILE, WristStudySettings, run_wrist_study
from DeepRegistrationLib.geometry.camera import check_rigid
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
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
        outline_1_mm=1.0,
        outline_2_mm=0.5,
        outline_start_1_mm=4.0,
        outline_start_2_mm=3.5,
        outline_moved_1_mm=3.0,
        outline_moved_2_mm=2.5,
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
        a_trial("1", 1, far, world_from_bone="", trust="", error="no", outline_1_mm=np.nan),
    ]
    (tmp_path / picture_name("radius", 2, 1)).write_bytes(b"png")
    text = write_wrist_report(trials, tmp_path).read_text(encoding="utf-8")
    outlines = "4.00 | 1.00 | 3.00 | 3.50 | 0.50 | 2.50"
    assert f"| radius | 2 | 1+2 | 2 | 2 | {outlines} | 2 of 2 | 0.50 | 0.25 | 20.00 |" in text
    assert f"| radius | 2 | 1 | 2 | 0 | {outlines} | 0 of 2 | 30.00 | 8.00 | 20.00 |" in text
    assert text.count("![") == 1


def test_all_bones_of_a_moment_are_drawn_where_they_were_found():
    case = a_case((a_camera(20.0, -10.0, 96), a_camera(80.0, 5.0, 96)), voxel_mm=4.0)
    # bones have their origin in the middle, as the CTs of the wrist do
    about = np.eye(4)
    about[:3, 3] = MIDDLE
    geometry = case.labels.geometry.moved(np.linalg.inv(about))
    bones = {
        str(value): (Volume((case.labels.values == value).int(), geometry, "bone"), about) for value in (1, 2)
    }
    image = np.asarray(Image.open(io.BytesIO(moment_picture(case.radiographs, bones))).convert("RGB"))
    for colour in COLOURS[:2]:
        painted = (np.abs(image / 255 - colour).max(-1) < 0.02).nonzero()
        # lines in the lower row only
        assert len(painted[0]) > 100
        assert painted[0].min() > image.shape[0] / 2


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
def test_the_bones_outline_lies_on_its_edges_in_both_views_and_not_where_it_is_wrong(bone, frame):
    ct, label = read_bone(WRIST, bone)
    anatomy = prepare_anatomy(ct, label, (), torch.device("cpu"))
    for radiograph in read_views(WRIST, frame):
        case = radiograph, anatomy, label, PLACED[bone, frame]
        there = outline_distance_mm(*case)
        assert there < 1.7
        assert moved_outline_distance_mm(*case, 3.0) == pytest.approx(3.0, abs=0.9)
        assert moved_outline_distance_mm(*case, 6.0) > 4.5


@pytest.mark.parametrize("frame", [2, 99])
def test_radius_and_ulna_lie_side_by_side_with_their_ends_level(frame):
    radius, ulna = PLACED["radius", frame], PLACED["ulna", frame]
    assert radius[:3, 2] @ ulna[:3, 2] > np.cos(np.radians(20))  # shafts
    # the far ends of the CTs, 40 and 35 mm from their middles, at their heads [mm]
    heads = radius[:3, 3] - 40 * radius[:3, 2], ulna[:3, 3] - 35 * ulna[:3, 2]
    between = heads[1] - heads[0]
    along = abs(between @ radius[:3, 2])
    assert along < 12
    assert 12 < np.linalg.norm(between - (between @ radius[:3, 2]) * radius[:3, 2]) < 35


@needs_images
def test_a_stopped_study_keeps_nothing_unfinished(tmp_path):
    settings = WristStudySettings(cases=(("radius", 2),), views=("1",), starts=1)
    with pytest.raises(Cancelled):
        run_wrist_study(WRIST, tmp_path, settings, lambda progress: "Searching" not in progress.text)
    assert not (tmp_path / TRIALS_FILE).exists()
