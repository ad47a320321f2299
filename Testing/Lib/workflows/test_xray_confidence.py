"""The confidence of a pose before radiographs: what speaks against it, lowers it, and is named."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.optimize.radiograph_search import Candidates
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.xray_confidence import XrayEvidence, judge
from DeepRegistrationLib.workflows.xray_residual import edge_distance_mm
from DeepRegistrationLib.workflows.xray_rivals import (
    USUAL_RIVAL,
    residual_ratio,
    rival_score,
    score_ratio,
    stands_out,
)
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case

CLEAR = XrayEvidence(
    similarity=0.8,
    fit_score=0.8,
    score_ratio=2.0,
    residual_ratio=3.0,
    edge_distance_mm=0.8,
    disagreement_deg=0.2,
    disagreement_mm=0.1,
    seen_share=0.9,
    depth_sigma_mm=0.5,
)
CENTRE = torch.zeros(3, dtype=torch.float64)
# 620 mm from the source; the beam runs along A
CAMERAS = (CArm(1020.0, 620.0, 0.0, 0.0, (1.0, 1.0), (64, 64)).camera(np.zeros(3)),)
ASIDE = (CArm(1020.0, 620.0, 90.0, 0.0, (1.0, 1.0), (64, 64)).camera(np.zeros(3)),)


def test_clear_evidence_is_trusted():
    found = judge(CLEAR)
    assert found.trust == Trust.HIGH
    assert "CT and radiograph agree (edges 0.8 mm apart" in found.reason


@pytest.mark.parametrize(
    ("worse", "text"),
    [
        ({"score_ratio": 1.0, "residual_ratio": 1.0}, "Another pose"),
        ({"seen_share": 0.02}, "show next to nothing of the bones"),
        ({"depth_sigma_mm": 20.0}, "The distance from the source is uncertain"),
    ],
)
def test_evidence_against_a_pose_is_named(worse, text):
    found = judge(dataclasses.replace(CLEAR, **worse))
    assert found.trust == Trust.LOW
    assert text in found.reason
    assert "Check the overlay" in found.reason


@pytest.mark.parametrize(
    "worse",
    [
        {"score_ratio": 1.3},
        {"residual_ratio": 1.5},
        {"edge_distance_mm": 3.0},
        {"seen_share": 0.1},
        {"depth_sigma_mm": 5.0},
    ],
)
def test_every_piece_of_evidence_counts(worse):
    assert judge(dataclasses.replace(CLEAR, **worse)).value < judge(CLEAR).value


def test_a_method_that_did_not_search_says_so():
    alone = dataclasses.replace(CLEAR, score_ratio=1.0, residual_ratio=1.0, searched=0.0)
    assert "no other pose was looked for" in judge(alone).reason


def pool(steps, scores):
    return Candidates(se3_exp(torch.tensor(steps, dtype=torch.float64)), torch.tensor(scores))


NEAR, TURNED, MOVED = [0.02, 0, 0, 5, 0, 0], [0.3, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 60]
OTHERS = [TURNED, MOVED, [0, 0.4, 0, 0, 0, 0], [0, 0, 0.5, 0, 40, 0]]


def rival_of(candidates):
    return rival_score(candidates, candidates.poses[0], CENTRE, CAMERAS)


def test_the_neighbourhood_of_the_answer_is_no_rival():
    everywhere = pool([[0.0] * 6, NEAR, *OTHERS], [0.9, 0.85, 0.4, 0.5, 0.3, 0.2])
    assert rival_of(everywhere) == pytest.approx(0.5)


def test_in_depth_a_pose_has_to_be_further_away_to_be_another_answer():
    for axis, elsewhere in ((3, True), (4, False), (5, True)):
        shift = [0.0] * 6
        shift[axis] = 20.0
        candidates = pool([[0.0] * 6, shift, *OTHERS], [0.9, 0.6, 0.1, 0.1, 0.1, 0.1])
        assert (rival_of(candidates) > 0.5) == elsewhere
        # from the side, depth is a shift like the others
        assert rival_score(candidates, candidates.poses[0], CENTRE, (*CAMERAS, *ASIDE)) > 0.5


def test_rivals_are_those_of_the_answer_and_not_of_the_best_of_the_search():
    candidates = pool([MOVED, [0.0] * 6, *OTHERS], [0.9, 0.85, 0.1, 0.1, 0.1, 0.1])
    assert rival_score(candidates, torch.eye(4).double(), CENTRE, CAMERAS) == pytest.approx(0.9)


def test_few_other_poses_do_not_tell_what_a_wrong_one_can_reach():
    """One pose that happens to fit badly must not make a weak answer look certain."""
    assert rival_of(pool([[0.0] * 6, NEAR, TURNED], [0.9, 0.85, 0.01])) == pytest.approx(USUAL_RIVAL)
    assert rival_of(pool([[0.0] * 6, TURNED], [0.9, 0.5])) == pytest.approx(0.5)
    assert not stands_out(pool([[0.0] * 6, TURNED, MOVED], [0.26, 0.01, 0.0]), CENTRE, CAMERAS, False)
    assert stands_out(pool([[0.0] * 6, NEAR], [0.95, 0.9]), CENTRE, CAMERAS, False)


def test_ratios_compare_what_is_left_and_what_is_explained():
    assert residual_ratio(0.9, 0.7) == pytest.approx(3)
    assert score_ratio(0.6, 0.2) == pytest.approx(3)
    # what any pose reaches is no margin, however few others were found
    assert score_ratio(0.14, 0.01) < 1
    assert score_ratio(0.3, 0.01) == pytest.approx(2)


@pytest.mark.parametrize(
    ("best", "others", "found_again", "is_certain"),
    [
        (0.8, 0.5, False, True),
        (0.3, 0.28, False, False),
        (0.3, 0.25, False, False),
        (0.3, 0.25, True, True),
        (0.3, 0.28, True, False),
        # as good as wrong poses may be: only a second trail that ends there makes it certain
        (0.26, 0.1, False, False),
        (0.26, 0.1, True, True),
    ],
)
def test_only_a_pose_that_stands_out_ends_the_search(best, others, found_again, is_certain):
    scores = [best, *[others] * len(OTHERS)]
    candidates = pool([[0.0] * 6, *OTHERS], scores)
    assert stands_out(candidates, CENTRE, CAMERAS, found_again) == is_certain


@pytest.fixture(scope="module")
def case():
    return a_case((a_camera(25.0, 10.0, pixels=128),))


def bones_of(case, pose):
    values = (case.labels.values != 0).float() * 0.03
    return project_volume(case.labels.with_values(values), case.radiographs[0].camera, pose)


def test_edges_lie_on_edges_at_the_right_pose_and_move_with_it(case):
    camera = case.radiographs[0].camera
    shift = np.eye(4)
    shift[:3, 3] = 3.0 * camera.column_direction
    radiograph = Radiograph(bones_of(case, case.world_from_ct), camera)
    there = edge_distance_mm(radiograph, bones_of(case, case.world_from_ct))
    moved = edge_distance_mm(radiograph, bones_of(case, shift @ case.world_from_ct))
    assert there < 0.05
    # 3 mm at the body are 4.4 mm on the detector, for edges that run along the rows
    assert 1.5 < moved < 4.5


def test_edges_are_measured_in_mm_whatever_the_pixels(case):
    camera = case.radiographs[0].camera
    shift = np.eye(4)
    shift[:3, 3] = 2.0 * camera.column_direction
    coarse = Radiograph(bones_of(case, case.world_from_ct), camera)
    moved = bones_of(case, shift @ case.world_from_ct)
    fine = Radiograph(
        coarse.values.repeat_interleave(2, 0).repeat_interleave(2, 1), camera.resized((256, 230))
    )
    twice = moved.repeat_interleave(2, 0).repeat_interleave(2, 1)
    assert edge_distance_mm(fine, twice) == pytest.approx(edge_distance_mm(coarse, moved), rel=0.3)


def test_without_an_edge_the_distance_is_infinite(case):
    empty = torch.zeros_like(case.radiographs[0].values)
    assert math.isinf(edge_distance_mm(case.radiographs[0], empty))


def test_the_middle_of_the_case_is_in_view(case):
    assert np.isfinite(case.radiographs[0].camera.project(MIDDLE)[0]).all()
