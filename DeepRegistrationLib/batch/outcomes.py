"""What is remembered of finished cases: one small file each, so that any number of processes may write."""

import dataclasses
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from DeepRegistrationLib.batch.case import CaseOutcome, result_folder_of
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.results.folder import RESULT_JSON

_FOLDER = ".outcomes"


def outcome_of(folder: Path, name: str) -> CaseOutcome | None:
    """What is known of a case.

    Args:
        folder: of the batch.
        name: of the case.

    Returns:
        The last outcome; None if there is none, it cannot be read, or the result it speaks of is gone.
    """
    try:
        content = json.loads(_file(folder, name).read_text(encoding="utf-8"))
        outcome = CaseOutcome(**{**content, "exit_code": ExitCode(content["exit_code"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if outcome.is_done and not (result_folder_of(folder, name) / RESULT_JSON).is_file():
        return None
    return outcome


def keep_outcome(folder: Path, outcome: CaseOutcome) -> None:
    """Writes the outcome of a case; a process that is killed leaves the old one or the new one.

    Args:
        folder: of the batch.
        outcome: what to remember.
    """
    path = _file(folder, outcome.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".part")
    with os.fdopen(number, "w", encoding="utf-8") as stream:
        json.dump(dataclasses.asdict(outcome), stream, indent=1)
    Path(temporary).replace(path)


def remove_leftovers(folder: Path, names: Iterable[str]) -> None:
    """Removes what processes left that were killed while they wrote.

    Args:
        folder: of the batch, in which nothing is being written now.
        names: of its cases.
    """
    for name in names:
        for left in folder.glob(f".{glob.escape(name)}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
    for left in (folder / _FOLDER).glob("*.part"):
        left.unlink(missing_ok=True)


def _file(folder: Path, name: str) -> Path:
    return folder / _FOLDER / f"{name}.json"
