"""The viewer in the web browser: a process of its own, as everything that has Slicer's scene."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.results.folder import SCENE
from DeepRegistrationLib.results.scene_child import run_slicer_side

_PACKAGE = "DeepRegistrationViewer"


def check_viewer_is_possible(folder: Path) -> None:
    """Refuses a result that cannot be shown.

    Args:
        folder: result folder.

    Raises:
        InputError: there is no scene, or the viewer is not installed.
    """
    if not (folder / SCENE).is_file():
        raise InputError(
            f"There is no {SCENE} in '{folder}'. Name the folder of a result that was made with --scene."
        )
    if importlib.util.find_spec("trame_slicer") is None:
        raise InputError(
            "The viewer needs trame-slicer, which is not installed here. Install it in a virtual environment "
            'of its own, with: pip install "slicer-deep-registration[viewer]"'
        )


def serve_result(folder: Path, port: int, opens_browser: bool, keep_going: Callable[[], None]) -> None:
    """Serves a result to web browsers on this machine until it is interrupted.

    Args:
        folder: result folder with a scene.mrb.
        port: of the address.
        opens_browser: whether a browser is opened too.
        keep_going: called ten times a second; raises `Cancelled` to end it.

    Raises:
        RegistrationError: the viewer ended by itself.
    """
    arguments = [_PACKAGE, str(folder.absolute()), "--port", str(port)]
    try:
        _, said = run_slicer_side([*arguments, *([] if opens_browser else ["--server"])], keep_going)
        # it hears Ctrl-C too and may be the first to end
        keep_going()
    except Cancelled:
        return
    raise RegistrationError(f"The viewer ended: {said}")
