"""What is missing, how it is asked for, and what is never touched."""

import importlib.metadata
import sys
import types

import pytest
import slicer
from DeepRegistrationSlicer import Dependencies
from DeepRegistrationSlicer.Dependencies import Requirement

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from Testing.Lib.architecture.source_tree import is_standard_library, reachable_imports, source_file

# where the name to import is not the name to install; Pillow comes with matplotlib
PACKAGE_OF = {"nrrd": "pynrrd", "PIL": "matplotlib"}


@pytest.fixture
def torch_and_scipy_are_missing(monkeypatch):
    """Their metadata is not found until something installs them."""
    missing, find = {"torch", "scipy"}, importlib.metadata.version

    def version(name):
        if name in missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return find(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    return missing


@pytest.fixture
def installers(monkeypatch, torch_and_scipy_are_missing):
    """Stand-ins of the extension PyTorch and of slicer.packaging that keep what they are asked for."""
    asked = {}

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation, torchVersionRequirement):
            asked["torch"] = torchVersionRequirement
            torch_and_scipy_are_missing.discard("torch")

    def pip_ensure(requirements, constraints, prompt_install, requester):
        asked["pip"], asked["constraints"] = requirements, constraints.read_text(encoding="utf-8")
        torch_and_scipy_are_missing.discard("scipy")

    utils = types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic)
    monkeypatch.setitem(sys.modules, "PyTorchUtils", utils)
    packaging = types.SimpleNamespace(pip_ensure=pip_ensure)
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    return asked


def test_all_requirements_are_met_here():
    assert Dependencies.missingRequirements() == []
    Dependencies.checkDependencies()


def test_the_requirements_name_torch_and_nothing_that_slicer_brings_along():
    names = {requirement.name for requirement in Dependencies.requirements()}
    assert "torch" in names
    assert not names & {"numpy", "SimpleITK"}


@pytest.mark.parametrize(
    ("installed", "minimum", "isMet"),
    [("2.13.0+cpu", "2.2", True), ("2.2", "2.2", True), ("1.13.1", "2.2", False), ("2.10.0", "2.9", True)],
)
def test_versions_are_compared_as_numbers(monkeypatch, installed, minimum, isMet):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: installed)
    assert Requirement("torch", minimum).isMet() == isMet


def test_outside_the_desktop_the_missing_packages_and_the_command_are_named(
    monkeypatch, torch_and_scipy_are_missing
):
    monkeypatch.setattr(Dependencies, "isDesktop", lambda: False)
    with pytest.raises(RegistrationError, match=r'torch>=2\.2, scipy.* -m pip install "torch>=2\.2" "scipy"'):
        Dependencies.checkDependencies()


def test_while_slicer_tests_itself_nothing_is_installed(installers):
    with pytest.raises(RegistrationError, match=r"packages are missing: torch>=2\.2, scipy"):
        Dependencies.installDependencies()
    assert installers == {}


def test_the_question_names_packages_sizes_and_place(installers, a_person):
    Dependencies.installDependencies()
    question = a_person.questions[0]
    assert "torch>=2.2" in question
    assert "3 GB" in question
    assert sys.prefix in question
    assert "pynrrd" not in question


def test_torch_comes_through_its_extension_and_the_rest_leaves_numpy_and_simpleitk_alone(
    installers, a_person
):
    Dependencies.installDependencies()
    assert installers["torch"] == ">=2.2"
    assert installers["pip"] == ["scipy"]
    pinned = {line.partition("==")[0] for line in installers["constraints"].splitlines()}
    assert pinned == {"numpy", "SimpleITK"}


def test_whoever_says_no_gets_nothing_installed(installers, a_person):
    a_person.answer = False
    with pytest.raises(Cancelled):
        Dependencies.installDependencies()
    assert installers == {}


def test_without_the_extension_pytorch_the_text_says_how_to_get_it(installers, a_person, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    with pytest.raises(RegistrationError, match=r"extension 'PyTorch' is missing.*Extensions Manager"):
        Dependencies.installDependencies()


def test_nothing_is_asked_when_nothing_is_missing(a_person):
    Dependencies.installDependencies()
    assert a_person.questions == []


def test_what_the_worker_imports_is_required_or_comes_with_slicer():
    imported = {
        name.partition(".")[0]
        for name in reachable_imports("DeepRegistrationLib.job_runner")
        if source_file(name) is None and not is_standard_library(name)
    }
    packages = {PACKAGE_OF.get(name, name) for name in imported}
    required = {requirement.name for requirement in Dependencies.requirements()}
    # builds of torch for graphics cards of NVIDIA bring triton; only they run what imports it
    assert packages <= required | {"numpy", "SimpleITK", "triton"}
