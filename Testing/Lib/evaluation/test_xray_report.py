"""The tables of the study of CT and radiographs say what its trials say."""

import dataclasses
import json

import pytest

from DeepRegistrationLib.evaluation.xray_ct_report import write_xray_report
from DeepRegistrationLib.evaluation.xray_trials import XrayTrial

# pieces of evidence with which the program is sure, and with which it is not
SURE = json.dumps(
    {
        "similarity": 0.9,
        "fit_score": 0.8,
        "score_ratio": 2.5,
        "residual_ratio": 4.0,
        "edge_distance_mm": 1.0,
        "disagreement_deg": 0.1,
        "disagreement_mm": 0.1,
        "seen_share": 0.9,
        "depth_sigma_mm": 0.8,
        "searched": 1.0,
    }
)
UNSURE = SURE.replace("2.5", "1.0").replace("4.0", "1.0")


def a_trial(number, **changes):
    trial = XrayTrial(
        ct="pelvis001",
        target="bones",
        method="auto",
        number=number,
        seed=0,
        start_deg=40.0,
        start_mm=80.0,
        start_paper_deg=21.0,
        start_paper_mm=42.0,
        error_deg=0.5,
        error_mm=3.0,
        turn_columns_deg=0.3,
        turn_rows_deg=0.0,
        turn_depth_deg=0.4,
        shift_columns_mm=0.0,
        shift_rows_mm=0.0,
        shift_depth_mm=3.0,
        tre_mm=3.1,
        residual_mm=0.4,
        evidence=SURE,
        seconds=2.0,
        models="",
    )
    return dataclasses.replace(trial, **changes)


def lines_of(path, heading):
    text = path.read_text(encoding="utf-8")
    return text.split(f"## {heading}")[1].split("\n## ")[0].splitlines()


def row_of(path, heading, start):
    return next(line for line in lines_of(path, heading) if line.startswith(start))


@pytest.fixture
def the_trials():
    failed = {"error_deg": 30.0, "error_mm": 60.0, "evidence": UNSURE}
    good = [a_trial(number) for number in range(8)]
    bad = [a_trial(8, **failed), a_trial(9, start_deg=70.0, **failed | {"evidence": SURE})]
    other = [a_trial(number, ct="ts0561", error_deg=1.5) for number in range(10)]
    stopped = [a_trial(0, method="grad-ncc", error_deg=float("nan"), error_mm=float("nan"), evidence="")]
    return [*good, *bad, *other, *stopped, a_trial(0, target="two-views", shift_depth_mm=0.2)]


def test_the_papers_table_holds_means_over_the_axes_beside_the_papers(the_trials, tmp_path):
    path = write_xray_report(the_trials, tmp_path)
    heading = "The paper's Table 1"
    # 3 mm of depth are 1 mm in the mean of three axes, 0.3 and 0.4 degrees are 0.23
    assert row_of(path, heading, "| auto |") == "| auto | 20 | 1.00 +- 0.00 | 1.00 | 0.23 +- 0.00 | 0.23 |"
    assert "| 42.00 +- 0.00 | 42.00 | 21.00 +- 0.00 |" in row_of(path, heading, "| start |")
    assert "0.25" in row_of(path, heading, "| paper: net+grad-ncc |")
    assert (tmp_path / "xray_shifts.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "xray_turns.png").exists()


def test_successes_and_depth_are_counted_per_ct_and_together(the_trials, tmp_path):
    path = write_xray_report(the_trials, tmp_path)
    heading = "DRR of the CT as target, the bones alone"
    assert row_of(path, heading, "| all | auto |").startswith("| all | auto | 20 | 90.0 % |")
    assert row_of(path, heading, "| pelvis001 | auto |").startswith(
        "| pelvis001 | auto | 10 | 80.0 % | 6.40 |"
    )
    assert row_of(path, heading, "| all | grad-ncc |").startswith("| all | grad-ncc | 1 | 0.0 % | nan |")
    assert "| 0.20 | 0.20 |" in row_of(path, "Two views", "| all | auto |")
    assert "Not part of this run." in "\n".join(lines_of(path, "Realistic"))


def test_far_starts_stand_apart_from_near_ones(the_trials, tmp_path):
    path = write_xray_report(the_trials, tmp_path)
    row = row_of(path, "By how far the start was off", "| bones | auto |")
    assert row == "| bones | auto | - | 94.7 % of 19 | - | 0.0 % of 1 |"


def test_a_failure_that_was_trusted_is_counted(the_trials, tmp_path):
    path = write_xray_report(the_trials, tmp_path, left_out=["net"])
    assert row_of(path, "Confidence", "| bones | auto |") == "| bones | auto | 20 | 2 | 1 | 0 | 50.0 % |"
    assert "not installed: net" in path.read_text(encoding="utf-8")


def test_a_study_without_trials_says_so(tmp_path):
    text = write_xray_report([], tmp_path).read_text(encoding="utf-8")
    assert text.count("Not part of this run.") == 7
    assert not list(tmp_path.glob("*.png"))


def test_the_papers_table_holds_pelves_only(tmp_path):
    trials = [a_trial(0), a_trial(1, ct="colon0646", shift_depth_mm=300.0)]
    path = write_xray_report(trials, tmp_path)
    assert row_of(path, "The paper's Table 1", "| auto |").startswith("| auto | 1 | 1.00 +- 0.00 |")
    heading = "DRR of the CT as target, the bones alone"
    assert row_of(path, heading, "| all | auto |").startswith("| all | auto | 2 |")
