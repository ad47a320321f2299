"""JSON lines between the worker and its parent, on file descriptors that nothing else can write to."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Command:
    """A line from the parent.

    Attributes:
        name: run, cancel, ping or quit; empty if the line is no command.
        id: of the job; None if the line names none.
        job: path of the job file; empty unless `name` is run.
        line: as it came.
    """

    name: str
    id: str | None
    job: str
    line: str


class Channel:
    """Sends events and receives commands.

    Args:
        commands: stream of lines from the parent.
        events: stream of lines to the parent.
    """

    def __init__(self, commands: TextIO, events: TextIO) -> None:
        self._commands, self._events = commands, events
        self._lock = threading.Lock()
        self.is_open = True

    @staticmethod
    def of_this_process() -> "Channel":
        """Takes standard input and output for the protocol.

        Afterwards descriptor 1 is standard error, also for C libraries and children: no stray line can get
        between the events. Descriptor 0 is empty.
        """
        events = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        commands = os.fdopen(os.dup(0), "r", encoding="utf-8", errors="replace")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdout = sys.stderr
        return Channel(commands, events)

    def send(self, event: str, **content: object) -> None:
        """Writes one event; if the parent has gone, `is_open` becomes False and nothing happens."""
        line = json.dumps({"event": event, **content}, allow_nan=False) + "\n"
        with self._lock:
            try:
                self._events.write(line)
                self._events.flush()
            except (OSError, ValueError):
                # broken pipe, or closed at the end
                self.is_open = False

    def commands(self) -> Iterator[Command]:
        """Yields a command per line until the parent closes its end."""
        for line in self._commands:
            if line.strip():
                yield parse_command(line)

    def close(self) -> None:
        """Ends the protocol."""
        with self._lock:
            self.is_open = False


def parse_command(line: str) -> Command:
    """Reads one line; anything that is no complete command gets an empty name.

    Args:
        line: JSON text.

    Returns:
        The command.
    """
    line = line.strip()
    try:
        content = json.loads(line)
    except ValueError:
        return Command("", None, "", line)
    if not isinstance(content, dict):
        return Command("", None, "", line)
    name, job_id, job = (content.get(key) for key in ("command", "id", "job"))
    has_id = isinstance(job_id, str)
    needs = {"run": has_id and isinstance(job, str), "cancel": has_id, "ping": True, "quit": True}
    is_complete = isinstance(name, str) and needs.get(name, False)
    return Command(
        name if is_complete else "", job_id if has_id else None, job if isinstance(job, str) else "", line
    )
