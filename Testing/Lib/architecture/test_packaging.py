"""Whatever ships is listed, and says the same version everywhere."""

import re
import tomllib

import pytest

import DeepRegistrationLib
from Testing.Lib.architecture.source_tree import LIBRARY, MODULE, ROOT, cmake_list

SHIPPED_RESOURCES = {".ui", ".png", ".svg", ".json", ".txt", ".safetensors", ".qss", ".nrrd"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def files_that_ship(folder) -> tuple[set[str], set[str]]:
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    outside = {"CMakeLists.txt"}
    names = {path: path.relative_to(folder).as_posix() for path in files if path.name not in outside}
    scripts = {name for path, name in names.items() if path.suffix == ".py"}
    resources = {name for path, name in names.items() if path.suffix in SHIPPED_RESOURCES}
    return scripts, resources


@pytest.mark.parametrize("folder", [LIBRARY, MODULE], ids=lambda folder: folder.name)
def test_every_script_is_listed_in_cmake(folder):
    scripts, _ = files_that_ship(folder)
    assert set(cmake_list(folder / "CMakeLists.txt", "MODULE_PYTHON_SCRIPTS")) == scripts


@pytest.mark.parametrize("folder", [LIBRARY, MODULE], ids=lambda folder: folder.name)
def test_every_resource_is_listed_in_cmake(folder):
    _, resources = files_that_ship(folder)
    assert set(cmake_list(folder / "CMakeLists.txt", "MODULE_PYTHON_RESOURCES")) == resources


@pytest.mark.parametrize("folder", [LIBRARY, MODULE], ids=lambda folder: folder.name)
def test_cmake_lists_are_sorted_and_name_each_file_once(folder):
    for variable in ("MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"):
        entries = cmake_list(folder / "CMakeLists.txt", variable)
        assert entries == sorted(set(entries))


@pytest.mark.parametrize(
    ("name", "variable"), [("Models", "MODEL_FILES"), ("FemurAtlas", "ATLAS_FILES")], ids=["models", "atlas"]
)
def test_every_model_file_is_listed_in_cmake(name, variable):
    folder = ROOT / "Resources" / name
    files = {path.name for path in folder.iterdir() if path.is_file()} - {"CMakeLists.txt"}
    listed = cmake_list(folder / "CMakeLists.txt", variable)
    assert set(listed) == files
    assert listed == sorted(listed)


def test_both_folders_are_part_of_the_extension():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    parts = set(re.findall(r"add_subdirectory\(([\w/]+)\)", text))
    assert parts >= {LIBRARY.name, MODULE.name, "Resources/Models", "Resources/FemurAtlas"}


def test_the_library_is_installed_into_a_folder_of_its_name():
    assert "WITH_SUBDIR" in (LIBRARY / "CMakeLists.txt").read_text(encoding="utf-8")


def test_the_extension_depends_on_the_pytorch_extension():
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r'set\(EXTENSION_DEPENDS "PyTorch"\)', text)


def test_python_cmake_and_changelog_name_the_same_version():
    cmake = re.search(r'set\(EXTENSION_VERSION "([^"]+)"\)', (ROOT / "CMakeLists.txt").read_text())
    changelog = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert cmake.group(1) == changelog.group(1) == DeepRegistrationLib.__version__
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "DeepRegistrationLib.__version__"
    }


def test_every_direct_dependency_is_pinned():
    files = (ROOT / "constraints.txt", ROOT / "constraints-viewer.txt")
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    pinned = {_normalized(line.split("==")[0]) for line in lines if "==" in line and not line.startswith("#")}
    project = PYPROJECT["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    assert {_normalized(re.match(r"[\w.-]+", name).group()) for names in wanted for name in names} <= pinned


def test_what_slicer_installs_is_what_the_library_depends_on():
    lines = (MODULE / "Resources" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {_normalized(re.match(r"[\w.-]+", line).group()) for line in lines if line and line[0] != "#"}
    known = {_normalized(re.match(r"[\w.-]+", name).group()) for name in PYPROJECT["project"]["dependencies"]}
    assert wanted <= known
    # Slicer brings its own builds of these two, which must never be replaced
    assert not wanted & {"numpy", "simpleitk"}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
