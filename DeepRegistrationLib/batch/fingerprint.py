"""Whether a case is the same one as before: its files, its settings, its outputs."""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import Job, to_json
from DeepRegistrationLib.results.json_result import stamp


def fingerprint(job: Job) -> str:
    """Checksum of all that the result depends on but the program itself.

    Args:
        job: the case's job.

    Returns:
        SHA-256 as hexadecimal digits. It changes with the bytes of an input and with a setting; not with the
        place of the files or of the result.

    Raises:
        InputError: an input file does not exist or cannot be read.
    """
    content = {
        "kind": str(job.kind),
        "settings": to_json(job.settings),
        "outputs": to_json(job.outputs),
        "files": {
            field.name: _of_value(getattr(job.files, field.name)) for field in dataclasses.fields(job.files)
        },
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _of_value(value: object) -> object:
    if isinstance(value, Path):
        return _of_file(value)
    if isinstance(value, tuple):
        return [_of_value(entry) for entry in value]
    return value


def _of_file(path: Path) -> str:
    try:
        status = path.stat()
        inside = path.iterdir() if path.is_dir() else ()
        newest = max((entry.stat().st_mtime_ns for entry in inside), default=0)
    except FileNotFoundError as err:
        raise InputError(f"The file '{path}' does not exist. Check the path in the table.") from err
    except OSError as err:
        raise InputError(f"'{path}' cannot be read ({err.strerror or err}). Check its permissions.") from err
    return _digest(path, status.st_size, max(status.st_mtime_ns, newest))


# an atlas is the same for every case: a file that did not change is read once
@functools.lru_cache(maxsize=1024)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    try:
        return stamp(path).sha256
    except OSError as err:
        raise InputError(f"'{path}' cannot be read ({err.strerror or err}). Check its permissions.") from err
