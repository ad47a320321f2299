"""Imports point one way."""

import subprocess
import sys

import pytest

from Testing.Lib.architecture.source_tree import (
    LIBRARY,
    MODULE,
    ROOT,
    SLICER_SIDE,
    VIEWER,
    imported_modules,
    is_standard_library,
    module_name,
    python_files,
    reachable_imports,
    source_file,
)

# from the bottom up: a module imports from its own layer and from those below
LAYERS = [
    {"errors", "progress"},
    {"jobs", "sample_data", "sample_download", "remote_file", "file_download", "geometry"},
    {"device", "failures", "task_pool", "threads", "versions"},
    {"images"},
    {"projection"},
    {"similarity"},
    {"optimize", "networks"},
    {"losses"},
    {"models"},
    {"atlases", "data"},
    {"workflows"},
    {"results", "report"},
    {"evaluation"},
    {"training"},
    {"job_kinds"},
    {"job_runner", "training_command", "xray_image_command"},
    {"batch"},
    {"console", "worker_channel"},
    {"worker", "demo"},
    {"cli_options"},
    {
        "cli_biplanar",
        "cli_biplanar_study",
        "cli_capture_range",
        "cli_fetal_slice",
        "cli_fetal_volume",
        "cli_us_angles",
        "cli_us_study",
        "cli_xray_ct",
        "cli_xray_images",
        "cli_xray_study",
    },
    {"cli_jobs"},
    {"cli_case_table"},
    {
        "cli",
        "cli_batch",
        "cli_data",
        "cli_models",
        "cli_population",
        "cli_studies",
        "cli_train",
        "cli_view",
    },
]
# what Slicer's process may import
TORCH_FREE = (
    "errors",
    "progress",
    "jobs",
    "geometry.c_arm",
    "geometry.camera",
    "geometry.camera_matrix",
    "geometry.frames",
    "geometry.volume_geometry",
    "images.camera_file",
    "images.dicom_camera",
    "images.geometry_file",
    "images.us_metaimage_header",
    "images.us_metaimage_write",
    "images.xmalab_camera",
    "remote_file",
    "file_download",
    "sample_data",
    "sample_download",
    "models.catalog",
    "models.json_schema",
    "models.weights_file",
    "models.download",
    "models.model_card",
)
SLICER_ONLY = {"slicer", "qt", "ctk", "vtk", "mrml", "DeepRegistrationSlicer", "DeepRegistration"}
# from the top down; every other file of the Slicer side is below them
SLICER_SIDE_TOP = ["Panel", "PhantomCheck", "Logic"]

LIBRARY_FILES = python_files(LIBRARY)
SLICER_SIDE_FILES = python_files(SLICER_SIDE)
VIEWER_FILES = python_files(VIEWER)


def layer_of(name: str) -> int:
    part = name.split(".")[1]
    return next(index for index, layer in enumerate(LAYERS) if part in layer)


def torch_free_modules() -> list[str]:
    names = [module_name(path) for path in LIBRARY_FILES]
    wanted = [f"{LIBRARY.name}.{name}" for name in TORCH_FREE]
    return [name for name in names if any(name == w or name.startswith(f"{w}.") for w in wanted)]


def parameters(files: list) -> list:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in files]


@pytest.mark.parametrize("path", parameters([p for p in LIBRARY_FILES if p.parent != LIBRARY]))
def test_every_package_of_the_library_has_a_layer(path):
    known = set.union(*LAYERS)
    assert path.relative_to(LIBRARY).parts[0] in known


@pytest.mark.parametrize("path", parameters(LIBRARY_FILES))
def test_the_library_imports_nothing_of_slicer(path):
    assert not {name.partition(".")[0] for name in imported_modules(path)} & SLICER_ONLY


@pytest.mark.parametrize("path", parameters([p for p in LIBRARY_FILES if p != LIBRARY / "__init__.py"]))
def test_the_library_imports_downwards_only(path):
    upwards = {
        name
        for name in imported_modules(path)
        if name.startswith(f"{LIBRARY.name}.") and layer_of(name) > layer_of(module_name(path))
    }
    assert not upwards


def test_no_two_modules_of_the_library_import_each_other():
    names = [module_name(path) for path in LIBRARY_FILES if path.name != "__init__.py"]
    assert not [name for name in names if name in _reachable_without_packages(name)]


def _reachable_without_packages(name: str) -> set[str]:
    seen, waiting = set(), list(imported_modules(source_file(name)))
    while waiting:
        current = waiting.pop()
        if current in seen or source_file(current) is None:
            continue
        seen.add(current)
        waiting.extend(imported_modules(source_file(current)))
    return seen


@pytest.mark.parametrize("name", torch_free_modules())
def test_what_slicer_may_import_reaches_nothing_but_what_slicer_brings(name):
    others = {
        found.partition(".")[0]
        for found in reachable_imports(name)
        if source_file(found) is None and not is_standard_library(found)
    }
    assert others <= {"numpy", "pydicom"}


def test_what_slicer_may_import_works_where_torch_is_not_installed():
    program = (
        "import sys, importlib\n"
        "sys.modules['torch'] = None  # makes `import torch` fail\n"
        f"for name in {torch_free_modules()!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", parameters([*SLICER_SIDE_FILES, *VIEWER_FILES, *MODULE.glob("*.py")]))
def test_the_slicer_side_takes_only_torch_free_modules_of_the_library(path):
    wanted = {name for name in imported_modules(path) if name.startswith(f"{LIBRARY.name}.")}
    packages = {name for name in wanted if source_file(name).name == "__init__.py"}
    assert wanted - packages <= set(torch_free_modules())


@pytest.mark.parametrize("path", parameters([*SLICER_SIDE_FILES, *MODULE.glob("*.py")]))
def test_the_slicer_side_imports_no_package_that_slicer_lacks_at_file_scope(path):
    bundled = {"slicer", "qt", "ctk", "vtk", "numpy", "SampleData", "PyTorchUtils", "DeepRegistrationSlicer"}
    foreign = {
        name.partition(".")[0]
        for name in imported_modules(path)
        if not is_standard_library(name) and not name.startswith(LIBRARY.name)
    }
    assert foreign <= bundled


@pytest.mark.parametrize("path", parameters([*LIBRARY_FILES, *SLICER_SIDE_FILES, *MODULE.glob("*.py")]))
def test_nothing_imports_the_viewer(path):
    assert not [name for name in imported_modules(path) if name.startswith((VIEWER.name, "trame"))]


@pytest.mark.parametrize("path", parameters(VIEWER_FILES))
def test_the_viewer_knows_neither_panel_nor_logic(path):
    imported = {name.split(".")[-1] for name in imported_modules(path) if name.startswith(SLICER_SIDE.name)}
    assert not imported & set(SLICER_SIDE_TOP)


@pytest.mark.parametrize("path", parameters(SLICER_SIDE_FILES))
def test_logic_knows_no_panel_and_what_is_below_knows_no_logic(path):
    above = SLICER_SIDE_TOP
    for name in SLICER_SIDE_TOP:
        if path.stem.startswith(name):
            above = SLICER_SIDE_TOP[: SLICER_SIDE_TOP.index(name)]
    imported = {name.split(".")[-1] for name in imported_modules(path) if name.startswith(SLICER_SIDE.name)}
    assert not imported & set(above)


def test_only_the_module_file_lies_in_the_module_folder():
    assert [path.name for path in MODULE.glob("*.py")] == ["DeepRegistration.py"]
