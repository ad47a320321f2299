"""Batches from the terminal: a folder for each case, stopped and resumed, failures apart, the summary."""

import csv
import json
import shutil

import pytest
from typer.testing import CliRunner

from DeepRegistrationLib.batch.case import CaseOutcome
from DeepRegistrationLib.batch.fingerprint import fingerprint
from DeepRegistrationLib.batch.outcomes import keep_outcome, outcome_of
from DeepRegistrationLib.batch.run import exit_code_of, run_in_turn
from DeepRegistrationLib.batch.summary import in_words, write_summary
from DeepRegistrationLib.cli import app
from DeepRegistrationLib.cli_case_table import read_case_table
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.jobs.job import ExitCode, JobKind


def batch(table, output, *words):
    arguments = ["batch", str(table), "--workflow", "fetal-volume", "--output", str(output), "--quiet"]
    return CliRunner().invoke(app, [*arguments, *words])


def cases_of(table, folder):
    return read_case_table(table, folder, JobKind.FETAL_VOLUME)


def summary(folder):
    with (folder / "summary.csv").open(encoding="utf-8") as stream:
        return {row["case"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def a_finished_batch(a_cohort, tmp_path_factory):
    """A batch of two good cases, one whose image is missing, one that is no brain."""
    folder = tmp_path_factory.mktemp("batch") / "out"
    text = (
        "case,moving,mask,atlas-dir,gestational-age,method\n"
        "subject 0,brain0.nii.gz,mask0.nii.gz,atlas,28,bank\n"
        "gone,nowhere.nii.gz,,atlas,28,bank\n"
        "subject 1,brain1.nii.gz,mask1.nii.gz,atlas,28,bank\n"
    )
    table = a_cohort / "mixed.csv"
    table.write_text(text, "utf-8")
    return table, folder, batch(table, folder)


def test_a_case_that_fails_does_not_stop_the_others(a_finished_batch):
    _, folder, done = a_finished_batch
    assert done.exit_code == 1, done.output
    rows = summary(folder)
    assert list(rows) == ["subject 0", "gone", "subject 1"]
    assert rows["gone"]["exit_code"] == "2"
    assert "nowhere.nii.gz" in rows["gone"]["message"]
    assert (folder / "subject 0" / "result.json").is_file()
    assert not (folder / "gone").exists()
    assert "3 cases: 2" in done.stdout


def test_the_page_shows_every_case_with_a_thumbnail_worst_first(a_finished_batch):
    text = (a_finished_batch[1] / "summary.html").read_text("utf-8")
    places = [text.index(f"<h2>{name}") for name in ("gone", "subject 0", "subject 1")]
    assert places[0] == min(places)
    assert text.count("data:image/jpeg;base64,") == 2
    assert 'href="subject%200/report.html"' in text
    assert len(text) < 200_000


def test_finished_cases_are_skipped_and_failed_ones_tried_again(a_finished_batch):
    table, folder, _ = a_finished_batch
    before = {name: outcome_of(folder, name) for name in ("subject 0", "subject 1", "gone")}
    told = []
    outcomes = run_in_turn(
        cases_of(table, folder), folder, lambda progress: told.append(progress.text) or True
    )
    assert [outcome.name for outcome in outcomes] == ["subject 0", "gone", "subject 1"]
    assert outcomes[0] == before["subject 0"]
    assert outcomes[2] == before["subject 1"]
    assert not any(text.startswith("subject") for text in told)


def test_a_case_is_done_again_when_an_input_or_a_setting_changed(a_cohort, write_table, three_rows, tmp_path):
    table = write_table(three_rows[:1], "one.csv")
    (case,) = cases_of(table, tmp_path)
    mark = fingerprint(case.job)
    assert fingerprint(cases_of(table, tmp_path / "elsewhere")[0].job) == mark
    (other,) = cases_of(write_table([{**three_rows[0], "gestational-age": "29"}], "one.csv"), tmp_path)
    assert fingerprint(other.job) != mark
    image = a_cohort / "brain0.nii.gz"
    kept = image.read_bytes()
    try:
        shutil.copyfile(a_cohort / "brain1.nii.gz", image)
        assert fingerprint(case.job) != mark
    finally:
        image.write_bytes(kept)
    assert fingerprint(case.job) == mark


def test_a_batch_that_is_stopped_goes_on_where_it_was(write_table, three_rows, tmp_path):
    cases = cases_of(write_table(three_rows), tmp_path)
    with pytest.raises(Cancelled):
        run_in_turn(cases, tmp_path, lambda progress: not progress.text.startswith("subject 1"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".outcomes", "subject 0"]
    first = outcome_of(tmp_path, "subject 0")
    outcomes = run_in_turn(cases, tmp_path)
    assert outcomes[0] == first
    assert all(outcome.is_done for outcome in outcomes)


def test_a_result_that_was_deleted_is_made_again(a_finished_batch, tmp_path):
    table, folder, _ = a_finished_batch
    copy = tmp_path / "out"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "subject 0")
    assert outcome_of(copy, "subject 0") is None
    assert outcome_of(copy, "subject 1") is not None
    done = batch(table, copy)
    assert (copy / "subject 0" / "result.json").is_file(), done.output


def test_options_after_two_dashes_are_for_every_case(a_cohort, tmp_path):
    table = a_cohort / "common.csv"
    table.write_text("case,moving,mask\na,brain2.nii.gz,mask2.nii.gz\n", "utf-8")
    options = ["--", "--atlas-dir", str(a_cohort / "atlas"), "--method", "bank", "--no-report"]
    done = batch(table, tmp_path / "out", *options)
    assert done.exit_code in (0, 4), done.output
    content = json.loads((tmp_path / "out" / "a" / "result.json").read_text("utf-8"))
    assert content["method"] == "bank"
    assert not (tmp_path / "out" / "a" / "report.html").exists()


def test_a_table_that_cannot_be_used_writes_nothing(tmp_path):
    table = tmp_path / "cases.csv"
    table.write_text("case,mowing\na,b\n", "utf-8")
    done = batch(table, tmp_path / "out")
    assert done.exit_code == 2
    assert "mowing" in done.stderr
    assert not (tmp_path / "out").exists()


def an_outcome(name, code=ExitCode.DONE, confidence=0.9, trust="high"):
    return CaseOutcome(name, "abc", code, "A sentence.", "", confidence, trust, 1.5, "2026-01-01", "host:1")


def test_the_exit_code_tells_the_worst():
    good, weak = an_outcome("a"), an_outcome("b", ExitCode.NOT_TRUSTED, 0.2, "low")
    failed = an_outcome("c", ExitCode.BAD_INPUT, 0.0, "")
    assert exit_code_of([good]) == ExitCode.DONE
    assert exit_code_of([good, weak]) == ExitCode.NOT_TRUSTED
    assert exit_code_of([good, weak, failed]) == ExitCode.FAILED


def test_the_summary_counts_those_that_need_a_look(tmp_path):
    outcomes = [
        an_outcome("a"),
        an_outcome("b", confidence=0.6, trust="moderate"),
        an_outcome("c", ExitCode.FAILED, 0.0, ""),
    ]
    assert in_words(outcomes) == (
        "3 cases: 1 high confidence, 1 moderate confidence, 1 failed. 2 of them need a look."
    )
    text = write_summary(outcomes, tmp_path).read_text("utf-8")
    assert text.index("<h2>c") < text.index("<h2>b") < text.index("<h2>a")


def test_an_outcome_that_was_cut_short_counts_as_none(tmp_path):
    outcome = an_outcome("a", ExitCode.FAILED)
    keep_outcome(tmp_path, outcome)
    assert outcome_of(tmp_path, "a") == outcome
    file = next((tmp_path / ".outcomes").iterdir())
    file.write_text(file.read_text("utf-8")[:40], "utf-8")
    assert outcome_of(tmp_path, "a") is None
