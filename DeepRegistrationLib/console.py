"""What the command line shows while it works, and how it ends: progress, Ctrl-C, sentences, exit codes."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.text import Text

from DeepRegistrationLib.failures import explain
from DeepRegistrationLib.progress import Progress, Report

# results go to standard output, everything else to standard error: `--json` can be piped
_messages = Console(stderr=True, highlight=False)
_answers = Console(highlight=False)


def say(text: str) -> None:
    """Writes a line of the answer to standard output."""
    _answers.print(text, markup=False, soft_wrap=True)


def run_to_exit_code(work: Callable[[Report], int], quiet: bool = False) -> int:
    """Runs work in the foreground: bar on a terminal, plain lines elsewhere, Ctrl-C cancels.

    Args:
        work: receives the report and returns the exit code.
        quiet: shows errors only.

    Returns:
        Exit code of the program; errors have been told.
    """
    with _interruptible() as was_interrupted:
        try:
            with _shown_progress(quiet) as show:
                # a report that is refused lets the work clean up behind itself
                return work(lambda progress: show(progress) or not was_interrupted())
        except (Exception, KeyboardInterrupt) as error:
            failure = explain(error)
            _messages.print(failure.message, style="bold red", markup=False, soft_wrap=True)
            if failure.details and not quiet:
                _messages.print(failure.details, style="dim", markup=False, soft_wrap=True)
            return int(failure.exit_code)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C, or a cluster that wants its node back, asks the work to stop; a second Ctrl-C ends it now."""
    asked = []

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown_progress(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    if quiet:
        yield lambda progress: None
    elif not _messages.is_terminal:
        yield _plain_lines()
    else:
        columns = (TextColumn("{task.description:<28}"), BarColumn(), TaskProgressColumn(), _TimeLeft())
        with RichProgress(*columns, console=_messages, transient=True) as bar:
            task = bar.add_task("Starting", total=1.0, seconds_left=None)
            yield lambda progress: bar.update(
                task,
                completed=progress.fraction,
                description=progress.text,
                seconds_left=progress.seconds_left,
            )


class _TimeLeft(ProgressColumn):
    """The job's own estimate: it knows how long its stages take."""

    def render(self, task: RichTask) -> Text:
        seconds_left = task.fields["seconds_left"]
        if seconds_left is None:
            return Text("")
        return Text(f"{timedelta(seconds=round(seconds_left))} left", style="dim")


def _plain_lines() -> Callable[[Progress], None]:
    """One line per stage, and one every ten seconds of a long one."""
    last_text, last_time = "", 0.0

    def show(progress: Progress) -> None:
        nonlocal last_text, last_time
        now = time.monotonic()
        if progress.text != last_text or now - last_time > 10:
            last_text, last_time = progress.text, now
            sys.stderr.write(f"{round(100 * progress.fraction):3d} % {progress.text}\n")
            sys.stderr.flush()

    return show
