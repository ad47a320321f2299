"""Serves a result folder to web browsers on this machine until it is interrupted.

    python -m DeepRegistrationViewer RESULT_FOLDER [--port PORT] [--server]

A program of its own: the command line computes with torch, and torch and the scene never share a process.
The options are trame's; with --server no browser is opened.
"""

import sys
from pathlib import Path

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationViewer.page import ResultPage

_USAGE = "usage: python -m DeepRegistrationViewer RESULT_FOLDER [--port PORT] [--server]"


def main(arguments: list[str]) -> None:
    """Serves what the arguments name; ends the program with a sentence if that fails."""
    if not arguments:
        raise SystemExit(_USAGE)
    try:
        page = ResultPage(Path(arguments[0]))
    except RegistrationError as err:
        raise SystemExit(str(err)) from err
    # 0: it does not end by itself when nobody looks
    page.server.start(timeout=0)


if __name__ == "__main__":
    main(sys.argv[1:])
