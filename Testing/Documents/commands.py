"""Commands as the documents show them: lines of code blocks, and words in back quotes."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "Resources/Models/*.md") for path in ROOT.glob(pattern)
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)
_QUOTED = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_OF_THE_ENVIRONMENT = ".venv/bin/"


@dataclass(frozen=True)
class Command:
    """A command in a document.

    Attributes:
        document: its path.
        words: program and arguments; the folder of the environment is left out.
        isLine: a line of its own, to be typed; else mentioned in a sentence.
    """

    document: Path
    words: tuple[str, ...]
    isLine: bool

    def __str__(self) -> str:
        return f"{self.document.name}: {' '.join(self.words)}"

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> list[str]:
        return list(self.words[1:])


def commands_of(path: Path) -> list[Command]:
    """All commands of a document; blocks that name a language, or hold none of ours, are no commands."""
    text = path.read_text(encoding="utf-8")
    found = []
    for language, block in _BLOCK.findall(text):
        if not language and _is_shell(block):
            lines = block.replace("\\\n", " ").splitlines()
            found += [_command(path, line, True) for line in lines if line.split("#")[0].strip()]
    for quoted in _QUOTED.findall(_BLOCK.sub("", text)):
        first = quoted.removeprefix(_OF_THE_ENVIRONMENT).split()[:1]
        if first and first[0] in ("deepregistration", "make", "python"):
            found += [_command(path, words, False) for words in _alternatives(quoted)]
    return found


def _is_shell(block: str) -> bool:
    """Blocks of commands begin with one; tables, drawings and files do not."""
    first = next((line for line in block.splitlines() if line.strip()), "")
    word = first.removeprefix(_OF_THE_ENVIRONMENT).split()[:1]
    return bool(word) and word[0] in PROGRAMS and not first.startswith(" ")


def _command(path: Path, line: str, isLine: bool) -> Command:
    words = shlex.split(line.removeprefix(_OF_THE_ENVIRONMENT), comments=True)
    return Command(path, tuple(word for word in words if word != "&"), isLine)


def _alternatives(quoted: str) -> list[str]:
    """`models list|show` stands for two commands."""
    *before, last = quoted.split(" ")
    return [" ".join([*before, choice]) for choice in last.split("|")] if "|" in last else [quoted]


PROGRAMS = (
    "deepregistration",
    "make",
    "python",
    "pip",
    "pre-commit",
    "tensorboard",
    "Slicer",
    "dask",
    "sbatch",
)
"""What lines of the documents may begin with."""
