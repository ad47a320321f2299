"""What CMake installs is all that the extension needs, and nothing else."""

import os
import subprocess
import sys

import pytest

from Testing.Lib.architecture.source_tree import LIBRARY, MODULE, ROOT
from Testing.Packaging.installed_tree import cmake, install


@pytest.fixture(scope="module")
def an_installation(tmp_path_factory):
    if cmake() is None:
        pytest.skip("cmake is not installed")
    return install(tmp_path_factory.mktemp("extension"))


def test_every_script_and_model_is_installed_and_no_test(an_installation):
    files = an_installation.files()
    scripts = {path.relative_to(ROOT).as_posix() for path in LIBRARY.rglob("*.py")}
    scripts |= {path.relative_to(MODULE).as_posix() for path in MODULE.rglob("*.py")}
    assert {name for name in files if name.endswith(".py")} == scripts
    models = {path.name for path in (ROOT / "Resources" / "Models").iterdir()} - {"CMakeLists.txt"}
    inside = "DeepRegistrationLib/Resources/Models/"
    assert {name.removeprefix(inside) for name in files if name.startswith(inside)} == models
    assert not [name for name in files if "test" in name.lower()]


def test_slicer_is_told_what_the_extension_is(an_installation):
    told = an_installation.description
    assert told["project"] == "DeepRegistration"
    assert told["modules"].split(";") == ["DeepRegistrationLib", "DeepRegistration"]
    assert set(told["tests"].split(";")) == {
        "generic test of DeepRegistration",
        "self-test of DeepRegistration.py",
    }
    assert told["EXTENSION_DEPENDS"] == "PyTorch"
    # addresses of raw files on the main branch: the files are in this tree
    for name in ("EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"):
        for address in told[name].split():
            host, _, path = address.partition("/main/")
            assert host == "https://raw.githubusercontent.com/SlicerDeepRegistration/SlicerDeepRegistration"
            assert (ROOT / path).is_file()


def test_the_panel_opens_and_the_worker_answers_from_the_installed_files(an_installation, tmp_path):
    said = _run(an_installation, tmp_path, "-m", "Testing.Packaging.open_installed", an_installation.modules)
    assert "register: " in said
    assert "worker: The job file" in said
    assert f"path of the worker: {an_installation.modules}" in said


def test_the_command_line_of_the_installed_library_knows_its_models(an_installation, tmp_path):
    said = _run(an_installation, tmp_path, "-m", "DeepRegistrationLib.cli", "models", "verify")
    assert "fetal-pose-net" in said


def _run(installation, folder, *words):
    """Runs Python where the sources come after the installation, or not at all."""
    path = os.pathsep.join([str(installation.modules), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("DEEPREGISTRATION_MODELS", None)
    done = subprocess.run(
        [sys.executable, "-P", *map(str, words)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
