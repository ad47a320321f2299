"""A command line that works, and what somebody gets wrong in it."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.jobs.job import ExitCode

_REPEATED = ("geometry", "mask")
"""Options that are given once for each value."""


@dataclass(frozen=True)
class CommandCase:
    """A job of the command line with its files.

    Attributes:
        folder: holds the files; a test may change them.
        options: name of the option -> its values.
    """

    folder: Path
    options: dict[str, tuple]

    def path(self, option: str) -> Path:
        return Path(self.options[option][0])

    def having(self, option: str, *values) -> "CommandCase":
        return dataclasses.replace(self, options={**self.options, option: values})

    def lacking(self, *options: str) -> "CommandCase":
        left = {name: values for name, values in self.options.items() if name not in options}
        return dataclasses.replace(self, options=left)

    def words(self) -> list[str]:
        words: list[str] = []
        for name, values in self.options.items():
            groups = [(value,) for value in values] if name in _REPEATED else [values]
            words += [str(word) for group in groups for word in (f"--{name}", *group)]
        return words


Spoil = Callable[[CommandCase], CommandCase]


@dataclass(frozen=True)
class BadInput:
    """One mistake.

    Attributes:
        name: what is wrong, in words.
        spoil: makes it.
        text: pattern of the sentence that has to come.
        exit_code: of the program.
    """

    name: str
    spoil: Spoil
    text: str
    exit_code: ExitCode = ExitCode.BAD_INPUT


def replaced(option: str, spoil: Callable[[Path], Path]) -> Spoil:
    """The file of an option is replaced by one made from it."""
    return lambda case: case.having(option, spoil(case.path(option)))


def given(option: str, *values) -> Spoil:
    """An option is given, or given otherwise."""
    return lambda case: case.having(option, *values)
