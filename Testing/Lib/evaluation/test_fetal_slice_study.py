"""The study of slices: one real brain, few slices, from the terminal and stopped on the way; its tables."""

import dataclasses
import math

import pytest
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.fetal_slice_report import write_slice_report
from DeepRegistrationLib.evaluation.fetal_slice_study import SliceStudySettings, run_slice_study
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.slice_trials import SliceTrial, StackTrial
from DeepRegistrationLib.evaluation.trials import TrialFile, matrix_text
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod
from DeepRegistrationLib.jobs.fetal_volume import Device
from Testing.Lib.pictures import rigid

SMALL = SliceStudySettings(
    groups=(SliceGroup.ATLAS,), methods=(FetalSliceMethod.BANK,), slices=1, per_bin=0, device=Device.CPU
)


@pytest.fixture(scope="module")
def a_finished_study(one_unseen_week, tmp_path_factory):
    output = tmp_path_factory.mktemp("study")
    run_slice_study(one_unseen_week, output, SMALL)
    return output


@pytest.fixture
def a_trial():
    return SliceTrial(
        subject="STA26",
        group="atlas",
        method="auto",
        draw="uniform",
        number=0,
        seed=0,
        turned_deg=100.0,
        offset_radii=0.1,
        normal_z=0.4,
        known_deg=2.0,
        known_mm=1.0,
        unknown_deg=2.0,
        unknown_mm=1.0,
        either_deg=2.0,
        either_mm=1.0,
        probability=0.9,
        confidence=0.9,
        trust="high",
        seconds=1.0,
        models="",
    )


def row_of(text, heading, start):
    """The first line that begins like this in the part under a heading."""
    part = text.split(f"## {heading}")[1].split("\n## ")[0]
    return next(line for line in part.splitlines() if line.startswith(start))


def test_a_slice_of_a_real_brain_is_found_up_to_its_mirror_image(a_finished_study):
    (trial,) = TrialFile(a_finished_study / "slice_trials.csv", SliceTrial).trials
    assert (trial.subject, trial.method, trial.number) == ("STA26", "bank", 0)
    assert trial.error == ""
    assert trial.either_deg < 5.0
    assert trial.either_mm < 3.0
    assert trial.either_deg <= min(trial.known_deg, trial.unknown_deg)
    assert 0 < trial.probability <= 1
    text = (a_finished_study / "slice_study.md").read_text(encoding="utf-8")
    assert row_of(text, "Up to the mirror image", "| atlas | bank | 1 |")
    assert "paper: SVR-Deep" in text
    assert (a_finished_study / "slice_errors.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_study_is_not_done_again(one_unseen_week, a_finished_study):
    before = (a_finished_study / "slice_trials.csv").read_bytes()
    run_slice_study(one_unseen_week, a_finished_study, SMALL, lambda progress: pytest.fail("nothing to do"))
    assert (a_finished_study / "slice_trials.csv").read_bytes() == before


def test_a_stopped_study_goes_on_from_the_terminal_with_the_trials_of_another_folder(
    one_unseen_week, a_finished_study, tmp_path
):
    path = tmp_path / "slice_trials.csv"
    more = dataclasses.replace(SMALL, slices=2, join=(a_finished_study,))
    with pytest.raises(Cancelled):
        run_slice_study(one_unseen_week, tmp_path, more, lambda progress: "slice 2" not in progress.text)
    kept = path.read_bytes()
    assert kept.startswith((a_finished_study / "slice_trials.csv").read_bytes())
    words = "evaluate fetal-slice --brains atlas --method bank --slices 2 --per-bin 0 --device cpu"
    done = CliRunner().invoke(
        app, [*words.split(), "--quiet", "--data", str(one_unseen_week), "--output", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert "| atlas | bank | 2 |" in done.output
    assert path.read_bytes() == kept
    assert len(kept.splitlines()) == 3


def test_methods_without_their_network_are_refused_before_anything_is_read(no_networks, tmp_path):
    words = ["evaluate", "fetal-slice", "--method", "svr-deep", "--data", str(tmp_path / "nowhere")]
    done = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert "fetal-slice-net" in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_unseen_weeks_there_is_nothing_to_cut(tmp_path):
    write_phantom_atlas(tmp_path / "sta", weeks=(24, 25), spacing_mm=6.0)
    with pytest.raises(InputError, match=r"none of the weeks .* \(26, 31, 35\).*--data"):
        run_slice_study(tmp_path, tmp_path / "out", SMALL)


def test_a_folder_without_trials_cannot_be_joined(one_unseen_week, tmp_path):
    settings = dataclasses.replace(SMALL, join=(tmp_path / "empty",))
    with pytest.raises(InputError, match="does not exist"):
        run_slice_study(one_unseen_week, tmp_path / "out", settings)


def test_trials_with_other_networks_are_not_continued(one_unseen_week, tmp_path, a_trial):
    file = TrialFile(tmp_path / "slice_trials.csv", SliceTrial)
    file.add(dataclasses.replace(a_trial, method="bank", models="fetal-slice-net 1 00000000"))
    with pytest.raises(InputError, match="begun with other networks"):
        run_slice_study(one_unseen_week, tmp_path, SMALL)


def test_the_three_ways_to_count_an_error_stand_in_their_tables(tmp_path, a_trial):
    flipped = dataclasses.replace(a_trial, number=1, unknown_deg=178.0, unknown_mm=30.0)
    lost = dataclasses.replace(
        a_trial, number=2, known_deg=90.0, unknown_deg=90.0, either_deg=90.0, trust="low", confidence=0.1
    )
    text = write_slice_report([a_trial, flipped, lost], [], tmp_path, ["svr-deep"]).read_text("utf-8")
    known = row_of(text, "Half space known, by brain", "| atlas | auto |")
    assert known.startswith("| atlas | auto | 3 | 31.33 +-")
    assert known.endswith("| 1 |")
    assert row_of(text, "Half space unknown", "| atlas | auto |").endswith("| 2 |")
    assert row_of(text, "Up to the mirror image", "| atlas | auto |").endswith("| 1 |")
    assert "of 2 slices found up to their mirror image, 50 % had the right place first" in text
    assert "the probabilities said 90 %" in text
    assert row_of(text, "Confidence", "| auto |") == "| auto | 3 | 1 | 0 | 0 | 100.0 % |"
    assert "Not measured, because a network is not installed: svr-deep." in text


def test_slices_drawn_per_bin_count_in_the_bins_only(tmp_path, a_trial):
    drawn = dataclasses.replace(a_trial, draw="bin", turned_deg=20.0, known_deg=4.0)
    text = write_slice_report([a_trial, drawn], [], tmp_path).read_text("utf-8")
    row = row_of(text, "Half space known, T2, by the size", "| auto |")
    assert row.startswith("| auto | 4.00 +- 0.00, median 4.00; 0 of 1 failed | - | - | 2.00 +- 0.00")
    assert row_of(text, "Half space known, by brain", "| atlas | auto |").startswith("| atlas | auto | 1 |")


def test_stacks_have_a_row_each_and_agree_or_not(tmp_path):
    stack = StackTrial(
        stack="fetus, run 1",
        kind="acquired",
        method="auto",
        slices=20,
        motion_deg=1.5,
        motion_mm=1.0,
        as_one_deg=2.5,
        as_one_mm=2.0,
        moved_deg=1.25,
        moved_mm=0.75,
        confidence=0.9,
        trust="high",
        seconds=12.0,
        models="",
        atlas_from_stack=matrix_text(rigid((0, 0, 0), (0, 0, 0))),
    )
    other = dataclasses.replace(
        stack, stack="fetus, run 3", atlas_from_stack=matrix_text(rigid((0, 0, 4), (0, 0, 0)))
    )
    lost = dataclasses.replace(
        stack, stack="fetus, run 5", moved_deg=math.nan, moved_mm=math.nan, trust="", atlas_from_stack=""
    )
    text = write_slice_report([], [stack, other, lost], tmp_path).read_text("utf-8")
    row = "| fetus, run 1 | acquired | auto | 20 | 1.50 | 1.00 | 2.50 | 2.00 | 1.25 | 0.75 | high | 12.0 |"
    assert row in text
    assert "| - | - | no result |" in text
    assert "any two of 2 stacks differ by 4.0 degrees" in text
