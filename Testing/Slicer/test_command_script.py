"""The program run from a Slicer without a window, by its script; here on slicer-core."""

import subprocess
import sys

import pytest

from Testing.Slicer.conftest import ROOT

SCRIPT = ROOT / "DeepRegistration" / "Scripts" / "DeepRegistrationCommand.py"


def run(*words, folder=None):
    command = [sys.executable, "-P", str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def test_what_follows_the_dashes_is_a_command_of_the_program(tmp_path):
    said = run("--", "models", "list", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "fetal-pose-net" in said.stdout


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--", "fetal-volume", "--moving", "nowhere.nii", "--atlas", "a.nii"), 2, "nowhere.nii"),
        (("batch", "nowhere.csv", "--workflow", "fetal-volume"), 2, "nowhere.csv"),
    ],
)
def test_the_exit_code_and_the_sentence_are_those_of_the_program(words, code, text, tmp_path):
    said = run(*words, folder=tmp_path)
    assert said.returncode == code
    assert text in said.stderr
    assert "Traceback" not in said.stderr


def test_a_batch_runs_from_the_script(a_phantom, tmp_path):
    table = a_phantom / "cases.csv"
    header = "case,moving,mask,atlas-dir,gestational-age,method"
    row = "one,subject.nii.gz,mask.nii.gz,atlas,28,bank"
    table.write_text(f"{header}\n{row}\n", "utf-8")
    said = run("--", "batch", table, "--workflow", "fetal-volume", "--output", tmp_path / "out")
    assert said.returncode in (0, 4), said.stderr
    assert (tmp_path / "out" / "one" / "transform.tfm").is_file()
    assert (tmp_path / "out" / "summary.html").is_file()
