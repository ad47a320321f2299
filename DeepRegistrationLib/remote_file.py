"""A file that can be downloaded, and what of it is on this machine. Needs the standard library only."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Attributes:
        path: where it lies below the data folder.
        url: where it comes from; its content never changes.
        size_bytes: its length.
        sha256: hexadecimal digest of its bytes.
    """

    path: Path
    url: str
    size_bytes: int
    sha256: str


def is_whole(path: Path, file: RemoteFile) -> bool:
    """True if every byte of the file lies at this path."""
    return length_of(path) == file.size_bytes and sha256_of(path) == file.sha256


def length_of(path: Path) -> int | None:
    """Length of a file in bytes; None if it is not there."""
    return path.stat().st_size if path.is_file() else None


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
