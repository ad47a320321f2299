"""The models are found where the library was installed, by Slicer's CMake or as a package of Python."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHIPPED = {path.name for path in (ROOT / "Resources" / "Models").iterdir()} - {"CMakeLists.txt"}
PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(Installed NONE)
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR lib/modules)
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR lib/modules)
add_subdirectory(Models)
"""
WHERE = "from DeepRegistrationLib.models.catalog import *; model_catalog(); print(models_folder())"


def run(*command, folder):
    environment = {key: value for key, value in os.environ.items() if key != "DEEPREGISTRATION_MODELS"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def copy_library(target):
    shutil.copytree(
        ROOT / "DeepRegistrationLib",
        target / "DeepRegistrationLib",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.parametrize("part", ["build", "installed"])
def test_slicer_finds_the_models_in_the_folder_of_the_library(tmp_path, part):
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    shutil.copytree(ROOT / "Resources" / "Models", tmp_path / "Models")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", folder=tmp_path)
    run("cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "installed", folder=tmp_path)
    modules = tmp_path / part / "lib" / "modules"
    copy_library(modules)
    models = modules / "DeepRegistrationLib" / "Resources" / "Models"
    assert {path.name for path in models.iterdir()} == SHIPPED
    assert run(sys.executable, "-c", WHERE, folder=modules).strip() == str(models)


def test_a_package_of_python_carries_the_models_into_the_folder_of_the_library(tmp_path):
    pytest.importorskip("setuptools", minversion="77", reason="setuptools is not installed")
    source = tmp_path / "source"
    copy_library(source)
    shutil.copytree(
        ROOT / "DeepRegistration", source / "DeepRegistration", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "Resources" / "Models", source / "Resources" / "Models")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE.txt"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; build_meta.build_wheel('wheels')"
    run(sys.executable, "-c", build, folder=source)
    (wheel,) = (source / "wheels").glob("*.whl")
    packages = tmp_path / "packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    models = packages / "DeepRegistrationLib" / "Resources" / "Models"
    assert {path.name for path in models.iterdir()} == SHIPPED
    assert run(sys.executable, "-c", WHERE, folder=packages).strip() == str(models)
