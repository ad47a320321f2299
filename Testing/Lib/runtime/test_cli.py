import json
import os
import signal
import subprocess
import sys

import pytest

from DeepRegistrationLib import __version__
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod

PROGRAM = [sys.executable, "-W", "error", "-m", "DeepRegistrationLib.cli"]


@pytest.fixture
def program(environment):
    def run(*words, **changed):
        command = [*PROGRAM, *map(str, words)]
        return subprocess.run(
            command, env={**environment, **changed}, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def test_help_comes_at_once_because_torch_is_not_imported(environment):
    code = (
        "import sys; sys.argv = ['deepregistration', '--help']; from DeepRegistrationLib import cli\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'SimpleITK', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("fetal-volume", "demo", "data", "models", "evaluate", "benchmark", "version"):
        assert command in done.stdout


def test_every_option_of_the_job_has_a_help_text(program):
    text = program("fetal-volume", "--help").stdout
    for option in (
        "--moving",
        "--mask",
        "--atlas-dir",
        "--gestational-age",
        "--method",
        "--device",
        "--seed",
    ):
        assert option in text
    assert "[weeks]" in text
    assert f"<{'|'.join(FetalVolumeMethod)}>" in text


def test_version_names_what_computes(program):
    lines = program("version").stdout.splitlines()
    assert lines[0] == f"DeepRegistration {__version__}"
    assert any(line.startswith("torch ") for line in lines)


def test_a_job_prints_its_result_as_json_and_nothing_else_on_standard_output(program, a_patient, tmp_path):
    done = program(
        "fetal-volume",
        *("--moving", a_patient / "moving.nii.gz", "--atlas-dir", a_patient / "atlas"),
        *("--gestational-age", 28, "--output", tmp_path / "out", "--json", "--no-report", "--no-warped"),
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content == json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    assert content["settings"]["gestational_age_weeks"] == 28
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "result.json",
        "segmentation.seg.nrrd",
        "transform.tfm",
    ]
    assert " % Searching all orientations" in done.stderr


def test_a_missing_file_is_one_sentence_and_exit_code_2(program, a_patient, tmp_path):
    done = program(
        *("fetal-volume", "--moving", tmp_path / "no.nii.gz", "--atlas-dir", a_patient / "atlas"),
        *("--output", tmp_path / "out", "--quiet"),
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"The file '{tmp_path / 'no.nii.gz'}' does not exist. Check the path."
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("fetal-volume",),
        ("fetal-volume", "--moving", "a.nii", "--method", "magic"),
        ("fetal-volume", "--moving", "a.nii", "--gestational-age", "290"),
        ("data", "download", "adult-atlas"),
        ("bake",),
    ],
)
def test_wrong_usage_ends_with_exit_code_2_and_without_a_traceback(program, words):
    done = program(*words)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_the_end_of_a_cluster_slot_cancels_and_leaves_nothing(
    environment, a_patient, tmp_path, sent
):
    words = [
        "--moving",
        a_patient / "moving.nii.gz",
        "--atlas-dir",
        a_patient / "atlas",
        "--output",
        tmp_path / "o",
    ]
    with subprocess.Popen(
        [*PROGRAM, "fetal-volume", *map(str, words)], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr:
            if "Searching" in line:
                process.send_signal(sent)
                break
        rest = process.stderr.read()
    assert process.returncode == 3
    assert rest.splitlines()[-1] == "Cancelled; nothing was written."
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


def test_the_samples_are_listed_with_size_and_licence(program):
    text = program("data", "list").stdout
    assert "fetal-atlas: " in text
    assert "12.1 MB, not downloaded" in text
    assert "non-commercial" in text


def test_removing_a_sample_deletes_its_files_only(program, tmp_path):
    folder = tmp_path / "fetal-brain" / "sta"
    folder.mkdir(parents=True)
    for name in ("STA21.nii.gz", "mine.txt"):
        (folder / name).write_text("content")
    done = program("data", "remove", "fetal-atlas", DEEPREGISTRATION_DATA=str(tmp_path))
    assert done.returncode == 0
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_without_network_the_download_fails_in_a_sentence(program, tmp_path):
    done = program(
        *("data", "download", "fetal-brain"),
        DEEPREGISTRATION_DATA=str(tmp_path / "data"),
        https_proxy="http://127.0.0.1:9",
    )
    assert done.returncode == 1
    assert "Check the network connection" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_without_data_and_network_uses_a_synthetic_brain_and_says_so(environment, tmp_path):
    checkout = tmp_path / "checkout"  # no ../shared/data beside this one
    checkout.mkdir()
    library = next(path for path in environment["PYTHONPATH"].split(os.pathsep))
    (checkout / "DeepRegistrationLib").symlink_to(f"{library}/DeepRegistrationLib")
    changed = {
        "PYTHONPATH": str(checkout),
        "DEEPREGISTRATION_DATA": str(tmp_path / "data"),
        "https_proxy": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [*PROGRAM, "demo", "--output", "out"],
        env={**environment, **changed},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "No real data" in done.stdout
    assert "SYNTHETIC brain" in done.stdout
    assert "confidence high" in done.stdout
    off = done.stdout.split("the answer is off by ")[1].split()
    assert float(off[0]) < 1.0
    assert float(off[3]) < 1.0
    pictures = [line.strip() for line in done.stdout.splitlines() if line.endswith(".png")]
    assert len(pictures) == 4
    for name in (*pictures, "out/report.html"):
        assert (tmp_path / name).stat().st_size > 10_000
