"""The command that shows a result in a web browser."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress, Report


def view(
    folder: Annotated[Path, typer.Argument(help="Result folder of a job that was run with --scene.")],
    port: Annotated[
        int, typer.Option(help="Port of the address on this machine; 0 takes a free one.", min=0, max=65535)
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open a web browser too.")] = True,
) -> None:
    """Show a result in a web browser, in Slicer's own views but without Slicer.

    Needs the extra `viewer` in a virtual environment of its own. Ctrl-C ends it.
    """

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.results.viewer_child import check_viewer_is_possible, serve_result

        def stop_if_asked() -> None:
            if not keep_going(Progress(0.0, "serving")):
                raise Cancelled

        check_viewer_is_possible(folder)
        chosen = port or _free_port()
        say(f"http://localhost:{chosen} shows the result in a moment; Ctrl-C ends it.")
        serve_result(folder, chosen, browser, stop_if_asked)
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet=True))


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]
