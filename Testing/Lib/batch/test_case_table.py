"""Reading the table of a batch."""

from pathlib import Path

import pytest

from DeepRegistrationLib.cli_case_table import read_case_table
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod
from DeepRegistrationLib.jobs.job import JobKind

OUT = Path("out")


def read(tmp_path, text, workflow=JobKind.FETAL_VOLUME, common=()):
    path = tmp_path / "cases.csv"
    path.write_text(text, "utf-8")
    return read_case_table(path, OUT, workflow, common)


def test_a_row_is_a_job_and_paths_are_relative_to_the_table(tmp_path):
    (case,) = read(tmp_path, "case,moving,gestational-age,report\nfirst,images/a.nii.gz,30.5,no\n")
    assert case.name == "first"
    assert case.job.files.moving == tmp_path / "images" / "a.nii.gz"
    assert case.job.settings.gestational_age_weeks == 30.5
    assert not case.job.outputs.report
    assert case.job.output_folder == OUT / "first"


def test_empty_cells_leave_options_out_and_underscores_will_do(tmp_path):
    first, second = read(tmp_path, "moving,gestational_age\na.nii,\nb.nii,31\n")
    assert (first.name, second.name) == ("case0001", "case0002")
    assert first.job.settings.gestational_age_weeks is None
    assert second.job.settings.gestational_age_weeks == 31


def test_cells_win_over_options_for_all(tmp_path):
    first, second = read(
        tmp_path, "moving,method\na.nii,\nb.nii,bank\n", common=["--method", "vvr-gc", "--seed", "3"]
    )
    assert first.job.settings.method == FetalVolumeMethod.VVR_GC
    assert second.job.settings.method == FetalVolumeMethod.BANK
    assert first.job.settings.seed == second.job.settings.seed == 3


def test_a_column_may_tell_the_workflow_of_each_row(tmp_path):
    text = "workflow,mask\nfetal-volume,\n"
    with pytest.raises(InputError, match="Missing option '--moving'"):
        read(tmp_path, text, workflow=None)
    (case,) = read(tmp_path, "workflow,slice\nfetal-slice,a.nii\n", workflow=None)
    assert case.job.kind == JobKind.FETAL_SLICE


def test_several_values_stand_in_one_cell(tmp_path):
    (case,) = read(tmp_path, "frames,pixel-size\na.png;b.png; c.png,0.1;0.2\n", JobKind.US_ANGLES)
    assert case.job.files.frames == tuple(tmp_path / name for name in ("a.png", "b.png", "c.png"))
    assert case.job.settings.pixel_size_mm == (0.1, 0.2)


def test_spreadsheets_write_marks_and_semicolons_and_empty_lines(tmp_path):
    cases = read(tmp_path, "\ufeffcase;moving\nfirst;a.nii\n;\nsecond;b.nii\n")
    assert [case.name for case in cases] == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case,moving\n", "holds no case"),
        ("", "holds no case"),
        ("case,mowing\na,a.nii\n", "column 'mowing', which is no option"),
        ("case,moving\na,a.nii\na,b.nii\n", "as another row has"),
        ("case,moving\n../a,a.nii\n", "cannot name a folder"),
        ("case,moving\nsummary.csv,a.nii\n", "cannot name a folder"),
        ("case,moving,gestational-age\na,a.nii,old\n", "Row 2 .*--gestational-age"),
        ("case,moving,report\na,a.nii,maybe\n", "neither yes nor no"),
        ("case,moving\na,a.nii,b.nii\n", "more cells than the header"),
        ("workflow,moving\nmagic,a.nii\n", "asks for the workflow 'magic'"),
    ],
)
def test_what_describes_no_case_is_refused_in_words(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read(tmp_path, text)


def test_a_table_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_case_table(tmp_path / "none.csv", OUT)
    binary = tmp_path / "cases.csv"
    binary.write_bytes(b"\xff\xfe\x00\x81case")
    with pytest.raises(InputError, match="UTF-8"):
        read_case_table(binary, OUT)


def test_without_a_workflow_the_row_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="--workflow"):
        read(tmp_path, "case,moving\na,a.nii\n", workflow=None)
