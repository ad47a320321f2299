"""The result folder appears complete or not at all, and never swallows files that are not results."""

import contextlib
import glob
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.results.json_result import read_result

RESULT_JSON = "result.json"
TRANSFORM = "transform.tfm"
WARPED = "warped.nrrd"
SEGMENTATION = "segmentation.seg.nrrd"
MATCHING = "matching_atlas_slice.nrrd"
SLICES = "slices.csv"
ANGLES, FRAMES, SWEEP = "angles.csv", "frames.igs.mha", "sweep.seq.mha"
FIELD, INVERSE, UNCERTAINTY = "transform.h5", "inverse.h5", "uncertainty.nrrd"
DRR, DRR_START, XRAY, BONES, MASK = "drr", "drr_start", "xray", "bones", "mask"
"""One image per radiograph: drr.nrrd, drr2.nrrd and so on, with `numbered`."""
REPORT = "report.html"
SCENE = "scene.mrb"

_PICTURE = "picture-{}.png"
_OURS = frozenset(
    (
        RESULT_JSON,
        TRANSFORM,
        WARPED,
        SEGMENTATION,
        MATCHING,
        SLICES,
        REPORT,
        SCENE,
        ANGLES,
        FRAMES,
        SWEEP,
        FIELD,
        INVERSE,
        UNCERTAINTY,
    )
)
_OF_A_VIEW = re.compile(rf"({DRR}|{DRR_START}|{XRAY}|{BONES}|{MASK})[0-9]*\.nrrd")
# longer than any job writes; what is older was left by a killed process
_STALE_SECONDS = 3600.0


def picture_file(name: str) -> str:
    """File name of a picture of the report, if it is wanted as a file too."""
    return _PICTURE.format(name)


def numbered(stem: str, index: int) -> str:
    """Name of what exists once per radiograph: drr, drr2, drr3 for the index 0, 1, 2."""
    return stem if index == 0 else f"{stem}{index + 1}"


def check_output_folder(folder: Path) -> None:
    """Refuses a folder that the result cannot replace; call before the computation starts.

    Args:
        folder: where the result shall appear.

    Raises:
        InputError: it is a file, holds something else than a result, or cannot be written.
    """
    with _disk_errors_in_words(folder, InputError):
        if folder.exists() and not folder.is_dir():
            raise InputError(f"The output '{folder}' is a file. Name a folder that does not exist yet.")
        if folder.is_dir() and any(folder.iterdir()):
            _check_is_ours(folder)
        parent = next(existing for existing in folder.resolve().parents if existing.exists())
        # the only sure test is to try; this file has no name, so a killed process cannot leave it
        with tempfile.TemporaryFile(dir=parent):
            pass


@contextlib.contextmanager
def result_folder(folder: Path) -> Iterator[Path]:
    """Collects files in a hidden folder beside the final one and moves it in place when the block ends.

    An older result there is replaced. If the block raises, nothing changes on disk.

    Args:
        folder: where the result shall appear; parents are made.

    Yields:
        The temporary folder to write into.

    Raises:
        InputError: `folder` holds something else than a result.
        RegistrationError: no space left or not writable.
    """
    folder = folder.resolve()
    check_output_folder(folder)
    new_parents = [parent for parent in folder.parents if not parent.exists()]
    temporary = None
    try:
        with _disk_errors_in_words(folder, RegistrationError):
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_stale(folder)
            temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
            yield temporary
            _open_to_others(temporary)
            _move(temporary, folder)
    except BaseException:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        for parent in new_parents:  # innermost first
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _check_is_ours(folder: Path) -> None:
    foreign = sorted(entry.name for entry in folder.iterdir() if not _is_ours(entry.name))
    try:
        read_result(folder / RESULT_JSON)
    except (OSError, ValueError):
        foreign = foreign or [RESULT_JSON + " missing or of another program"]
    if foreign:
        raise InputError(
            f"The output folder '{folder}' holds files that are no results ({', '.join(foreign[:3])}); "
            "they would be lost. Name a new or empty folder."
        )


def _is_ours(name: str) -> bool:
    is_picture = name.startswith(_PICTURE.split("{")[0])
    return name in _OURS or is_picture or bool(_OF_A_VIEW.fullmatch(name)) or name == ".DS_Store"


def _move(temporary: Path, folder: Path) -> None:
    if not folder.exists():
        temporary.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
    # a folder cannot be renamed onto one with files in it; two renames are the shortest gap there is
    folder.rename(old / folder.name)
    try:
        temporary.rename(folder)
    except BaseException:
        (old / folder.name).rename(folder)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def _open_to_others(folder: Path) -> None:
    """Gives the result the permissions of any new folder; mkdtemp makes private ones."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)


def _remove_stale(folder: Path) -> None:
    for kind in (".part", ".old"):
        for left in folder.parent.glob(f".{glob.escape(folder.name)}.*{kind}"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(left)


@contextlib.contextmanager
def _disk_errors_in_words(folder: Path, error: type[RegistrationError]) -> Iterator[None]:
    try:
        yield
    except (OSError, RegistrationError) as err:
        # a writer that tells in words which file it could not write names the temporary folder
        cause = err if isinstance(err, OSError) else err.__cause__
        if not isinstance(cause, OSError):
            raise
        raise error(
            f"The result cannot be written to '{folder}' ({cause.strerror or cause}). "
            "Free some space or name an output folder on another disk that you may write to."
        ) from err
