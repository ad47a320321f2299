"""What the architecture tests read: source files, the modules they import, the files that CMake lists."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = ROOT / "DeepRegistrationLib"
MODULE = ROOT / "DeepRegistration"
SLICER_SIDE = MODULE / "DeepRegistrationSlicer"
VIEWER = ROOT / "DeepRegistrationViewer"


def python_files(folder: Path) -> list[Path]:
    """Source files under a folder, in order."""
    return sorted(folder.rglob("*.py"))


def module_name(path: Path) -> str:
    """Dotted name under which a source file is imported."""
    base = MODULE if path.is_relative_to(MODULE) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path) -> set[str]:
    """Dotted names that a source file imports, also inside functions; names of the own tree to the module."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                names.add(inner if source_file(inner) else source)
    return names


def source_file(name: str) -> Path | None:
    """File of a module of this project; None for everything else."""
    for base in (ROOT, MODULE):
        path = base.joinpath(*name.split("."))
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def reachable_imports(name: str) -> set[str]:
    """Every module that importing this one can import; other projects are not followed."""
    seen, waiting = set(), [name]
    while waiting:
        current = waiting.pop()
        path = source_file(current)
        if current in seen or path is None:
            seen.add(current)
            continue
        seen.add(current)
        waiting.extend(imported_modules(path))
        # importing a module runs the __init__ of every package above it
        parts = current.split(".")
        waiting.extend(".".join(parts[:n]) for n in range(1, len(parts)))
    return seen - {name}


def is_standard_library(name: str) -> bool:
    """True for modules that come with Python."""
    return name.partition(".")[0] in sys.stdlib_module_names


def tracked_text_files() -> Iterator[tuple[Path, str]]:
    """Files that are, or will be, under version control, with their text; binary files are left out."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    for name in listing.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def cmake_list(cmake_file: Path, variable: str) -> list[str]:
    """Entries of `set(variable ...)`; `${MODULE_NAME}` is replaced.

    A variable that is not set gives an empty list.
    """
    text = re.sub(r"#.*", "", cmake_file.read_text(encoding="utf-8"))
    name = re.search(r"set\(MODULE_NAME\s+(\S+?)\)", text)
    found = re.search(rf"set\({variable}\s+([^)]*)\)", text)
    entries = found.group(1).split() if found else []
    return [entry.replace("${MODULE_NAME}", name.group(1)) for entry in entries] if name else entries
