"""Sample images: what there is, where it comes from and where it lies on this machine.

The catalogue is `sample_data.json`: files of public repositories, each at a fixed commit, with its SHA-256.
Needs the standard library only: Slicer's process reads it too. `sample_download.py` brings the files here.
"""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.remote_file import RemoteFile, length_of

FETAL_ATLAS = "fetal-atlas"
"""Name of the sample that is the installed atlas of the fetal brain."""

_CATALOGUE = Path(__file__).with_name("sample_data.json")


@dataclass(frozen=True)
class Sample:
    """Files that belong together.

    Attributes:
        name: for the command line.
        title: for people.
        description: one sentence.
        licence: what may be done with it.
        citation: what to cite.
        source: web page of the repository it comes from.
        files: all of them are needed.
    """

    name: str
    title: str
    description: str
    licence: str
    citation: str
    source: str
    files: tuple[RemoteFile, ...]

    @property
    def size_bytes(self) -> int:
        """Length of all files together."""
        return sum(file.size_bytes for file in self.files)


@cache
def catalogue() -> dict[str, Sample]:
    """All samples: name -> sample, in the order of the catalogue file."""
    content = json.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return {entry["name"]: _sample(entry) for entry in content["samples"]}


def find_sample(name: str) -> Sample:
    """The sample with this name.

    Raises:
        InputError: there is none; the text lists those that there are.
    """
    if name not in catalogue():
        raise InputError(f"There is no sample '{name}'. Choose one of: {', '.join(catalogue())}.")
    return catalogue()[name]


def data_folder() -> Path:
    """Where samples lie: the environment variable DEEPREGISTRATION_DATA, else ~/.cache/DeepRegistration."""
    chosen = os.environ.get("DEEPREGISTRATION_DATA")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "DeepRegistration"


def is_installed(sample: Sample, folder: Path | None = None) -> bool:
    """True if every file is there in its full length; `download` checks the bytes.

    Args:
        sample: the sample.
        folder: data folder; None takes `data_folder()`.
    """
    root = folder or data_folder()
    return all(length_of(root / file.path) == file.size_bytes for file in sample.files)


def installed_atlas_folder(folder: Path | None = None) -> Path | None:
    """Folder of the installed fetal brain atlas; None if it is not (or not completely) there."""
    atlas = catalogue()[FETAL_ATLAS]
    root = folder or data_folder()
    return (root / atlas.files[0].path).parent if is_installed(atlas, root) else None


def _sample(entry: dict) -> Sample:
    page = f"https://github.com/{entry['repository']}"
    files = tuple(
        RemoteFile(
            path=Path(file["path"]),
            url=f"{page}/raw/{entry['commit']}/{file['source']}",
            size_bytes=file["size"],
            sha256=file["sha256"],
        )
        for file in entry["files"]
    )
    texts = {key: entry[key] for key in ("name", "title", "description", "licence", "citation")}
    return Sample(**texts, source=page, files=files)
