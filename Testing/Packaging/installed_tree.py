"""Configures and installs the extension with CMake against the stand-ins for Slicer's macros."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_STAND_IN = Path(__file__).resolve().parent / "SlicerStandIn"

# nothing is compiled, but a project asks for compilers; a machine for tests need not have them
_NO_COMPILER = [
    f"-DCMAKE_{language}_COMPILER{option}"
    for language in ("C", "CXX")
    for option in (f"={shutil.which('true')}", "_FORCED=TRUE")
]


@dataclass(frozen=True)
class InstalledTree:
    """What an installed extension consists of.

    Attributes:
        modules: folder of the scripted modules.
        description: what Slicer is told of the extension.
    """

    modules: Path
    description: dict[str, str]

    def files(self) -> set[str]:
        """Every installed file, relative to `modules`."""
        return {
            path.relative_to(self.modules).as_posix() for path in self.modules.rglob("*") if path.is_file()
        }


def install(folder: Path) -> InstalledTree:
    """Installs the extension of this source tree.

    Args:
        folder: for build and installation.

    Raises:
        RuntimeError: CMake is not there, or refuses the files; with what it said.
    """
    program = cmake()
    if program is None:
        raise RuntimeError("cmake was not found")
    build, prefix = folder / "build", folder / "installed"
    options = [f"-DSlicer_DIR={_STAND_IN}", "-DBUILD_TESTING=ON", *_NO_COMPILER]
    configure = [program, "-G", "Unix Makefiles", "-S", str(ROOT), "-B", str(build), *options]
    for command in (configure, [program, "--install", str(build), "--prefix", str(prefix)]):
        said = subprocess.run(command, capture_output=True, text=True)
        if said.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{said.stdout}\n{said.stderr}")
    description = json.loads((build / "extension.json").read_text(encoding="utf-8"))
    return InstalledTree(prefix / "lib" / "Slicer-5.12" / "qt-scripted-modules", description)


def cmake() -> str | None:
    """The program beside this Python, which is new enough, or any; None if there is none."""
    beside = Path(sys.executable).with_name("cmake")
    return str(beside) if beside.exists() else shutil.which("cmake")
