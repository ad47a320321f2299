"""The packages that the worker imports: are they there? Asked when a registration starts, never before.

Packages are looked up by their metadata; none of them is imported into Slicer's process.
"""

import importlib
import importlib.metadata
import logging
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationSlicer.HeadlessSlicer import isDesktop

REQUIREMENTS_FILE = Path(__file__).resolve().parents[1] / "Resources" / "requirements.txt"

_TORCH = "torch"
# to download, roughly; torch is by far the largest, most of all with its libraries for NVIDIA cards
_SIZES = {
    _TORCH: "200 MB, with support for NVIDIA graphics cards 3 GB",
    "scipy": "40 MB",
    "matplotlib": "20 MB",
    "monai": "2 MB",
    "pynrrd": "less than 1 MB",
    "safetensors": "1 MB",
    "pydicom": "2 MB",
    "numba": "60 MB",
    "typer": "1 MB",
    "rich": "1 MB",
}
# Slicer is built with these; another version of them can break it
_NEVER_REPLACED = ("numpy", "SimpleITK")


@dataclass(frozen=True)
class Requirement:
    """A package and the lowest version that will do.

    Attributes:
        name: as pip calls it.
        minimumVersion: None if any version will do.
    """

    name: str
    minimumVersion: str | None = None

    def __str__(self) -> str:
        return f"{self.name}>={self.minimumVersion}" if self.minimumVersion else self.name

    def isMet(self) -> bool:
        """True if the package is installed in a version that will do."""
        try:
            version = importlib.metadata.version(self.name)
        except importlib.metadata.PackageNotFoundError:
            return False
        return self.minimumVersion is None or _numbers(version) >= _numbers(self.minimumVersion)


def requirements(file: Path = REQUIREMENTS_FILE) -> list[Requirement]:
    """What the requirements file lists: lines of the form `name` or `name>=version`."""
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    parts = [line.partition(">=") for line in lines if line and not line.startswith("#")]
    return [Requirement(name.strip(), version.strip() or None) for name, _, version in parts]


def missingRequirements() -> list[Requirement]:
    """Packages that are not installed, or too old."""
    # Slicer has its own, which may come without metadata
    bundled = [] if isDesktop() else [Requirement(name) for name in _NEVER_REPLACED]
    return [requirement for requirement in [*bundled, *requirements()] if not requirement.isMet()]


def checkDependencies() -> None:
    """Refuses to start a job that the worker could not run.

    Raises:
        RegistrationError: packages are missing; the text names them and says how to install them.
    """
    missing = missingRequirements()
    if not missing:
        return
    names = ", ".join(str(requirement) for requirement in missing)
    if isDesktop():
        raise RegistrationError(
            f"These Python packages are missing: {names}. Press Register in the module DeepRegistration: it "
            "installs them, after asking."
        )
    quoted = " ".join(f'"{requirement}"' for requirement in missing)
    raise RegistrationError(
        f"These Python packages are missing: {names}. "
        f"Install them with: {sys.executable} -m pip install {quoted}"
    )


def installDependencies() -> None:
    """Installs what is missing into Slicer's Python, after asking; does nothing if all is there.

    Raises:
        Cancelled: the person does not want it.
        RegistrationError: it cannot be installed here.
    """
    missing = missingRequirements()
    if not missing:
        return
    if not isDesktop() or slicer.app.testingEnabled():
        logging.info("DeepRegistration: without a person to ask, no packages are installed")
        checkDependencies()
    if not slicer.util.confirmOkCancelDisplay(_question(missing), "DeepRegistration"):
        raise Cancelled("installation of packages")
    others = [str(requirement) for requirement in missing if requirement.name != _TORCH]
    for requirement in missing:
        if requirement.name == _TORCH:
            _installTorch(requirement)
    if others:
        _installOthers(others)
    importlib.invalidate_caches()
    checkDependencies()


def _question(missing: list[Requirement]) -> str:
    lines = "\n".join(
        f"  {requirement}  ({_SIZES.get(requirement.name, 'small')})" for requirement in missing
    )
    return (
        "DeepRegistration needs Python packages that are not installed yet:\n\n"
        f"{lines}\n\n"
        f"They are downloaded from the Python package index and installed into Slicer's own Python:\n"
        f"{sys.prefix}\n\n"
        "This takes some minutes and happens once. Install them now?"
    )


def _installTorch(requirement: Requirement) -> None:
    try:
        import PyTorchUtils
    except ImportError as err:
        raise RegistrationError(
            "The extension 'PyTorch' is missing; it installs torch for this computer. Install it in the "
            "Extensions Manager, restart Slicer, and press Register again."
        ) from err
    PyTorchUtils.PyTorchUtilsLogic().installTorch(
        askConfirmation=False, torchVersionRequirement=f">={requirement.minimumVersion}"
    )


def _installOthers(names: list[str]) -> None:
    import slicer.packaging

    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(_installedVersions(_NEVER_REPLACED)), encoding="utf-8")
        slicer.packaging.pip_ensure(
            names, constraints=constraints, prompt_install=False, requester="DeepRegistration"
        )


def _installedVersions(names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            logging.info("DeepRegistration: %s has no metadata and cannot be pinned", name)
    return found


def _numbers(version: str) -> tuple[int, ...]:
    """The release of a version as numbers: "2.13.0+cpu" is (2, 13, 0)."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in release.group().split(".")) if release else ()
