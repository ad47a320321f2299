"""What no source file may contain."""

import ast
import re
from pathlib import Path

import pytest

from Testing.Lib.architecture.source_tree import LIBRARY, ROOT, SLICER_SIDE, python_files, tracked_text_files

THIS_FILE = Path(__file__).resolve()
# absolute folders that exist on one machine only
MACHINE_PATH = re.compile(r"(?<![\w.~/-])/(work|farm|root|home|Users|tmp)/")
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|(?i:not sure why)")
PACKAGES = [
    path for folder in (LIBRARY, SLICER_SIDE) for path in python_files(folder) if path.name == "__init__.py"
]


def offending_lines(pattern: re.Pattern, suffixes: set[str] | None = None) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in tracked_text_files()
        if path != THIS_FILE and (suffixes is None or path.suffix in suffixes)
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]


def test_align_corners_is_decided_in_one_file():
    lines = offending_lines(re.compile("align_corners"), {".py"})
    assert {line.partition(":")[0] for line in lines} <= {"DeepRegistrationLib/geometry/grid.py"}


def test_ras_and_lps_meet_in_one_file():
    lines = offending_lines(re.compile(r"-1(\.0?)?, *-1(\.0?)?, *\+?1\b"), {".py"})
    shipped = [line for line in lines if line.startswith((LIBRARY.name, "DeepRegistration/"))]
    assert {line.partition(":")[0] for line in shipped} == {"DeepRegistrationLib/geometry/frames.py"}


def test_no_file_names_a_folder_of_one_machine():
    assert not offending_lines(MACHINE_PATH)


def test_debt_is_written_down_elsewhere_and_not_in_the_source():
    assert not offending_lines(LEFT_OVER, {".py", ".md", ".txt", ".toml", ".yaml", ".ui", ".json"})


def test_no_source_file_has_more_than_400_lines():
    lengths = {path: len(text.splitlines()) for path, text in tracked_text_files() if path.suffix == ".py"}
    assert not {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > 400}


@pytest.mark.parametrize("path", [pytest.param(p, id=p.parent.name) for p in PACKAGES])
def test_a_package_says_in_ten_lines_what_lives_there(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert len(docstring.splitlines()) <= 10


@pytest.mark.parametrize("folder", [LIBRARY, SLICER_SIDE], ids=lambda folder: folder.name)
def test_every_folder_with_source_is_a_package(folder):
    assert not [
        path for path in {p.parent for p in python_files(folder)} if not (path / "__init__.py").is_file()
    ]
