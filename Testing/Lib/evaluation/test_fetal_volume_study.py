"""The study on a small atlas made in code: its files, its errors, and that it goes on where it stopped."""

import dataclasses
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.fetal_pairs import find_pairs
from DeepRegistrationLib.evaluation.fetal_study_report import write_study_report
from DeepRegistrationLib.evaluation.fetal_volume_study import StudySettings, run_study
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.trials import AS_IT_IS, Trial, TrialFile, matrix_text
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod

SMALL = StudySettings(
    groups=(PairGroup.STA,),
    methods=(FetalVolumeMethod.AUTO, FetalVolumeMethod.VVR_GC),
    rotations=1,
    per_bin=0,
    device=Device.CPU,
)


@pytest.fixture(scope="module")
def public_images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "sta").mkdir()
    write_phantom_atlas(folder / "sta", weeks=(24, 26), spacing_mm=2.0)
    return folder


@pytest.fixture(scope="module")
def a_finished_study(public_images, tmp_path_factory):
    output = tmp_path_factory.mktemp("study")
    run_study(public_images, output, SMALL)
    return output


@pytest.fixture
def a_trial():
    return Trial(
        pair="a to b",
        group="sta",
        method="auto",
        draw="uniform",
        number=4,
        sampling="grid",
        seed=0,
        turned_deg=123.4,
        unseen=True,
        gestational_age_weeks=26.0,
        change_deg=0.25,
        change_mm=0.1,
        rotation_error_deg=0.25,
        translation_error_mm=0.1,
        confidence=0.9,
        trust="high",
        seconds=1.5,
        models="",
        atlas_age_weeks=30.0,
        atlas_from_original=matrix_text(np.eye(4)),
    )


def test_the_automatic_method_does_not_depend_on_the_pose_and_the_baseline_does(a_finished_study):
    trials = [
        trial for trial in TrialFile(a_finished_study / "trials.csv", Trial).trials if trial.draw == "uniform"
    ]
    errors = {
        method: [trial.rotation_error_deg for trial in trials if trial.method == method]
        for method in ("auto", "vvr-gc")
    }
    assert len(errors["auto"]) == len(errors["vvr-gc"]) == 2
    assert max(errors["auto"]) < 2.0
    assert max(errors["vvr-gc"]) > 10.0
    assert all(trial.translation_error_mm < 1.0 for trial in trials if trial.method == "auto")


def test_every_pair_is_measured_against_itself_without_a_turn(a_finished_study):
    trials = TrialFile(a_finished_study / "trials.csv", Trial).trials
    references = [trial for trial in trials if trial.draw == AS_IT_IS]
    assert len(references) == 4
    assert all(trial.turned_deg == trial.change_deg == 0 for trial in references)


def test_the_report_has_a_row_per_group_and_method_and_the_papers_beside_ours(a_finished_study):
    text = (a_finished_study / "study.md").read_text(encoding="utf-8")
    assert "| sta | auto | 1 |" in text
    assert "| sta, weeks of the training | auto | 1 |" in text
    assert "| STA24 to STA26 | vvr-gc | 1 |" in text
    assert "| paper: VVR-Deep | 2.42 | 2.35 | 2.43 | 2.36 | 4.84 | 20.44 |" in text
    assert (a_finished_study / "rotation_errors.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_study_is_not_done_again(public_images, a_finished_study):
    before = (a_finished_study / "trials.csv").read_bytes()
    run_study(public_images, a_finished_study, SMALL, report=lambda progress: pytest.fail("nothing to do"))
    assert (a_finished_study / "trials.csv").read_bytes() == before


def test_a_stopped_study_keeps_its_trials_and_goes_on(public_images, tmp_path):
    settings = dataclasses.replace(SMALL, methods=(FetalVolumeMethod.BANK,))
    path = tmp_path / "trials.csv"

    def stop_after_two(progress) -> bool:
        return not path.exists() or len(path.read_text().splitlines()) < 3

    with pytest.raises(Cancelled):
        run_study(public_images, tmp_path, settings, report=stop_after_two)
    kept = path.read_bytes()
    assert len(kept.splitlines()) == 3
    run_study(public_images, tmp_path, settings)
    assert path.read_bytes().startswith(kept)
    assert len(TrialFile(path, Trial).trials) == 6


def test_a_pair_is_the_week_and_the_one_next_to_it(public_images):
    pairs = find_pairs(public_images, (PairGroup.STA,))
    assert [pair.name for pair in pairs] == ["STA24 to STA26", "STA26 to STA24"]
    assert pairs[0].gestational_age_weeks == 24
    assert [entry.gestational_age_weeks for entry in pairs[0].atlas.files] == [26]


@pytest.mark.parametrize("group", [PairGroup.NEWBORN, PairGroup.FETUS, PairGroup.SPINA_BIFIDA])
def test_a_missing_image_is_named_with_what_to_do(public_images, group):
    with pytest.raises(InputError, match=r"--data"):
        find_pairs(public_images, (group,))


def test_trials_come_back_from_the_file_as_they_were(tmp_path, a_trial):
    failed = dataclasses.replace(
        a_trial,
        number=5,
        rotation_error_deg=math.nan,
        trust="",
        atlas_from_original="",
        error='no "brain", found',
    )
    file = TrialFile(tmp_path / "trials.csv", Trial)
    file.add(a_trial)
    file.add(failed)
    first, second = TrialFile(tmp_path / "trials.csv", Trial).trials
    assert first == a_trial
    assert second.error == failed.error
    assert second.matrix is None
    np.testing.assert_array_equal(first.matrix, np.eye(4))


def test_a_line_cut_short_is_forgotten(tmp_path, a_trial):
    path = tmp_path / "trials.csv"
    TrialFile(path, Trial).add(a_trial)
    with path.open("ab") as stream:
        stream.write(b"a to b,sta,auto,5,unif")
    file = TrialFile(path, Trial)
    file.add(dataclasses.replace(a_trial, number=6))
    assert [trial.number for trial in TrialFile(path, Trial).trials] == [4, 6]


def test_another_table_is_not_continued(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("patient,age\n1,2\n")
    with pytest.raises(InputError, match="columns differ"):
        TrialFile(path, Trial)
    assert path.read_text() == "patient,age\n1,2\n"


def test_the_report_counts_a_registration_without_result_as_a_failure(tmp_path, a_trial):
    failed = dataclasses.replace(a_trial, number=5, rotation_error_deg=math.nan, trust="", error="no overlap")
    text = write_study_report([a_trial, failed], tmp_path).read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| sta | auto |"))
    assert row.startswith("| sta | auto | 2 | 0.25 +- 0.00 |")
    assert row.endswith("| 1 | 0 | 1 | 0.25 | 0.25 | 1.5 |")


def test_the_command_line_continues_the_same_study(public_images, a_finished_study):
    before = (a_finished_study / "trials.csv").read_bytes()
    words = (
        "evaluate fetal-volume --pairs sta --method auto --method vvr-gc --rotations 1 --per-bin 0 --quiet"
    )
    done = CliRunner().invoke(
        app, [*words.split(), "--quiet", "--data", str(public_images), "--output", str(a_finished_study)]
    )
    assert done.exit_code == 0, done.output
    assert "| sta | auto | 1 |" in done.output
    assert (a_finished_study / "trials.csv").read_bytes() == before


def test_the_report_counts_failures_that_were_trusted(tmp_path, a_trial):
    trusted = dataclasses.replace(a_trial, number=5, rotation_error_deg=170.0, trust="moderate")
    caught = dataclasses.replace(a_trial, number=6, rotation_error_deg=170.0, trust="low")
    text = write_study_report([a_trial, trusted, caught], tmp_path).read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| sta | auto |"))
    assert row.endswith("| 2 | 1 | 1 | 0.25 | 0.25 | 1.5 |")
    assert "median 170.00; 2 of 3 failed" in text
