"""Programs that have Slicer's scene, such as the one that writes scene.mrb: it and torch share no process."""

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.results.folder import SCENE

_PACKAGE = "DeepRegistrationSlicer"
_POLL_S = 0.1


def check_scene_is_possible() -> None:
    """Refuses before anything is computed if a scene cannot be written on this machine.

    Raises:
        InputError: slicer-core or the Slicer side of the extension is missing.
    """
    if importlib.util.find_spec("slicer") is None:
        raise InputError(
            "A scene file needs slicer-core, which is not installed here. Leave out --scene, or install it "
            'with: pip install "slicer-deep-registration[slicer]"'
        )
    if not any((Path(folder) / _PACKAGE / "SceneWriter.py").exists() for folder in _search_path()):
        raise InputError(
            "A scene file needs the package DeepRegistrationSlicer, which is not beside DeepRegistrationLib. "
            "Leave out --scene, or install the program again."
        )


def write_scene(folder: Path, moving: Path, keep_going: Callable[[], None]) -> None:
    """Writes scene.mrb into a result folder.

    Args:
        folder: holds the other files of the result.
        moving: the image that was registered; it goes into the scene.
        keep_going: called ten times a second; may raise to stop the child.

    Raises:
        RegistrationError: the child failed.
    """
    arguments = [f"{_PACKAGE}.SceneWriter", str(folder), str(moving.absolute())]
    exit_code, said = run_slicer_side(arguments, keep_going)
    if exit_code != 0 or not (folder / SCENE).exists():
        raise RegistrationError(
            f"The scene file could not be written (exit code {exit_code}: {said}). "
            "Run the job again without --scene; everything else works without it."
        )


def run_slicer_side(arguments: list[str], keep_going: Callable[[], None]) -> tuple[int, str]:
    """Runs a program that has Slicer's scene, in a process of its own.

    Args:
        arguments: the module that is run, and its arguments.
        keep_going: called ten times a second; may raise to stop the child.

    Returns:
        Its exit code, and the last lines that it wrote.
    """
    command = [sys.executable, "-m", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())}
    # output goes to a file: a full pipe would stop the child, and MRML writes much
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while child.poll() is None:
                keep_going()
                _wait_a_moment(child)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        log.seek(0)
        said = log.read().decode("utf-8", "replace").strip().splitlines()[-3:]
    return child.returncode, " / ".join(said)


def _wait_a_moment(child: subprocess.Popen) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_POLL_S)


def _search_path() -> list[str]:
    """Where the Slicer side may lie: beside this package, in the module's folder of a checkout, installed."""
    beside = Path(__file__).parents[2]
    return [str(beside), str(beside / "DeepRegistration"), *(entry for entry in sys.path if entry)]
