"""Brings files onto this machine, checks every byte of them, and removes them again."""

import contextlib
import errno
import hashlib
import http.client
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from DeepRegistrationLib import __version__
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.progress import Progress, Report
from DeepRegistrationLib.remote_file import RemoteFile, is_whole, length_of

_CHUNK_BYTES = 1 << 16
_TIMEOUT_S = 10.0


def download_files(files: Sequence[RemoteFile], title: str, root: Path, report: Report) -> None:
    """Brings what is missing of some files onto this machine.

    Each file is written under a temporary name, checked, then renamed: half a file never looks complete.

    Args:
        files: they belong together.
        title: what they are, for people.
        root: data folder.
        report: receives the fraction of all bytes; False stops.

    Raises:
        RegistrationError: no network, no space, folder not writable, or other bytes than expected.
        Cancelled: `report` refused.
    """
    all_bytes = sum(file.size_bytes for file in files)
    done_bytes = 0
    with _disk_errors_in_words(root), _no_empty_folders(root, files):
        missing = [file for file in files if not is_whole(root / file.path, file)]
        _check_space(root, sum(file.size_bytes for file in missing))
        for file in files:

            def advance(bytes_of_file: int, name: str = file.path.name, before: int = done_bytes) -> None:
                fraction = min(1.0, (before + bytes_of_file) / max(1, all_bytes))
                if not report(Progress(fraction, f"downloading {name}")):
                    raise Cancelled(f"download of {title}")

            advance(0)
            if file in missing:
                _download_file(file, root / file.path, advance)
            done_bytes += file.size_bytes
    report(Progress(1.0, f"{title}: complete"))


def remove_files(files: Sequence[RemoteFile], root: Path) -> int:
    """Deletes files, and folders that become empty; nothing else.

    Args:
        files: what to delete; those that are not there are passed over.
        root: data folder.

    Returns:
        Number of bytes freed.

    Raises:
        RegistrationError: a file cannot be deleted.
    """
    freed_bytes = 0
    with _disk_errors_in_words(root), _no_empty_folders(root, files):
        for file in files:
            path = root / file.path
            freed_bytes += length_of(path) or 0
            path.unlink(missing_ok=True)
    return freed_bytes


def _download_file(file: RemoteFile, target: Path, advance: Callable[[int], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    length = 0
    try:
        with temporary.open("wb") as stream, contextlib.closing(_chunks(file.url, target)) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                stream.write(chunk)
                length += len(chunk)
                advance(length)
        if digest.hexdigest() != file.sha256:
            raise RegistrationError(
                f"'{target.name}' arrived with other bytes than expected (SHA-256 {digest.hexdigest()[:12]} "
                f"instead of {file.sha256[:12]}), so it was not kept. Try again; if it happens again, a "
                f"proxy may be changing it on the way: save {file.url} with a browser as '{target}'."
            )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _chunks(url: str, target: Path) -> Iterator[bytes]:
    request = urllib.request.Request(url, headers={"User-Agent": f"DeepRegistration/{__version__}"})
    try:
        # an error of the connection is an OSError too; only reading happens in here
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            while chunk := answer.read(_CHUNK_BYTES):
                yield chunk
    except (OSError, http.client.HTTPException) as err:
        raise RegistrationError(
            f"'{target.name}' could not be downloaded from {url} ({getattr(err, 'reason', None) or err}). "
            f"Check the network connection and try again, or save it with a browser as '{target}'."
        ) from err


def _check_space(root: Path, needed_bytes: int) -> None:
    existing = next((folder for folder in (root, *root.parents) if folder.exists()), None)
    if needed_bytes and existing and shutil.disk_usage(existing).free < needed_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def _no_empty_folders(root: Path, files: Sequence[RemoteFile]) -> Iterator[None]:
    try:
        yield
    finally:
        folders = {parent for file in files for parent in file.path.parents if parent != Path()}
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            # one with files in it stays
            with contextlib.suppress(OSError):
                (root / folder).rmdir()


@contextlib.contextmanager
def _disk_errors_in_words(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise RegistrationError(
            f"The data folder '{root}' cannot be changed ({err.strerror or err}). Free some space or make it "
            "writable, or name another folder in the environment variable DEEPREGISTRATION_DATA."
        ) from err
