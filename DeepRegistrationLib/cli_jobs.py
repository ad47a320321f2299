"""The commands that register, and the same options as a job that is described and not run."""

import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from DeepRegistrationLib.cli_biplanar import biplanar
from DeepRegistrationLib.cli_fetal_slice import fetal_slice
from DeepRegistrationLib.cli_fetal_volume import fetal_volume
from DeepRegistrationLib.cli_options import described_job
from DeepRegistrationLib.cli_us_angles import us_angles
from DeepRegistrationLib.cli_xray_ct import xray_ct
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import Job, JobKind

JOB_COMMANDS: dict[JobKind, Callable[..., None]] = {
    JobKind.FETAL_VOLUME: fetal_volume,
    JobKind.FETAL_SLICE: fetal_slice,
    JobKind.XRAY_CT: xray_ct,
    JobKind.US_ANGLES: us_angles,
    JobKind.BIPLANAR: biplanar,
}
_OF_THE_PROGRAM = ("help", "json", "quiet")


@dataclass(frozen=True)
class JobOption:
    """One option of a job's command.

    Attributes:
        name: long, without dashes: "gestational-age".
        opposite: the long name that says no: "no-report"; None if the option takes a value.
        is_path: its value is a file or folder.
        is_repeated: it may be given several times.
        values: how many it takes; 0: it says yes or no.
    """

    name: str
    opposite: str | None
    is_path: bool
    is_repeated: bool
    values: int


def job_options(kind: JobKind) -> dict[str, JobOption]:
    """The options of a job's command by name, but those of the program's own output.

    Args:
        kind: which registration.
    """
    found, hints = {}, typing.get_type_hints(JOB_COMMANDS[kind])
    for parameter in _command(kind).params:
        name, opposite = (
            next((text.removeprefix("--") for text in texts if text.startswith("--")), None)
            for texts in (parameter.opts, parameter.secondary_opts)
        )
        if name is not None and name not in _OF_THE_PROGRAM:
            found[name] = JobOption(
                name,
                opposite,
                is_path=_mentions(hints.get(parameter.name), Path),
                is_repeated=parameter.multiple,
                values=0 if parameter.is_flag else parameter.nargs,
            )
    return found


def job_of_words(kind: JobKind, words: list[str]) -> Job:
    """The job that a command line describes; nothing is run.

    Args:
        kind: which registration.
        words: options and values as they would follow the command's name.

    Raises:
        InputError: an option is missing, unknown or has a value that it does not take.
    """
    command = _command(kind)

    def parse() -> None:
        with command.make_context(str(kind), list(words)) as context:
            command.invoke(context)

    try:
        return described_job(parse)
    except InputError:
        raise
    except Exception as err:
        # the parser's own errors, whose class has another place in each version of typer
        if not hasattr(err, "format_message"):
            raise
        text = err.format_message().rstrip(".")
        raise InputError(f"{text}. See 'deepregistration {kind} --help'.") from err


def _mentions(hint: object, wanted: type) -> bool:
    """Whether a type is the wanted one, or made of it: `Path | None`, `list[Path]`."""
    return hint is wanted or any(_mentions(part, wanted) for part in typing.get_args(hint))


def _command(kind: JobKind) -> object:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(str(kind))(JOB_COMMANDS[kind])
    return typer.main.get_command(app)
