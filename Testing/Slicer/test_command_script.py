"""The program run from a Slicer without a window, by its script; here on slicer-core."""

import shutil
import subprocess
import sys

import pytest
from DeepRegistrationSlicer.Choices import JobChoice

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


# kind of the job -> columns of the table, a case of its phantom, the transform that comes of it
BATCHES = {
    JobChoice.FETAL_VOLUME: (
        "case,moving,mask,atlas-dir,gestational-age,method",
        "one,brain.nii.gz,mask.nii.gz,atlas,28,bank",
        "transform.tfm",
    ),
    JobChoice.BIPLANAR: (
        "case,ap,lateral,geometry,mask,atlas-dir,method",
        "one,xray1.nrrd,xray2.nrrd,camera1.json;camera2.json,mask1.nrrd;mask2.nrrd,atlas,sdm",
        "transform.h5",
    ),
}


@pytest.mark.parametrize("job", BATCHES, ids=lambda job: job.value)
def test_a_batch_runs_from_the_script(phantoms, tmp_path, job):
    columns, case, transform = BATCHES[job]
    folder = tmp_path / "cases"
    shutil.copytree(phantoms(job.value), folder)
    (folder / "cases.csv").write_text(f"{columns}\n{case}\n", "utf-8")
    words = ("batch", folder / "cases.csv", "--workflow", job.value, "--output", tmp_path / "out")
    said = run("--", *words, folder=tmp_path)
    assert said.returncode in (0, 4), said.stderr
    assert (tmp_path / "out" / "one" / transform).is_file()
    assert (tmp_path / "out" / "summary.html").is_file()
