"""Every single trial of a study in one CSV file, so that a stopped study goes on where it was."""

import csv
import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from DeepRegistrationLib.errors import InputError

AS_IT_IS, KNOWN_POSE = "as it is", "known pose"
TrialKey = tuple[str, str, str, int, str, int]
"""Pair, method, draw, number, sampling and seed: what makes a trial the same one in another run."""
Row = TypeVar("Row")


@dataclass(frozen=True)
class Trial:
    """One registration of the study.

    Attributes:
        pair: name of the image pair.
        group: kind of pair.
        method: how it was registered.
        draw: how the pose was drawn; `AS_IT_IS` for the subject without a turn, `KNOWN_POSE` for the pose
            that every result of the pair is compared with.
        number: of the pose among those drawn this way.
        sampling: "grid" (resampled onto an oblique grid) or "header" (only the header was turned).
        seed: of the study.
        turned_deg: rotation that was to be undone [degrees].
        unseen: no network was trained on the subject.
        gestational_age_weeks: of the subject; NaN if it is not told.
        rotation_error_deg: against the known pose [degrees]; NaN if there is no result.
        translation_error_mm: the same at the brain's centre [mm].
        change_deg: against the same method's result for the subject as it is [degrees].
        change_mm: the same at the brain's centre [mm].
        confidence: of the result, 0 to 1.
        trust: the same in one word; empty if there is no result.
        seconds: wall time of the registration [s].
        models: networks that the method may ask, with version and checksum; empty if none.
        atlas_age_weeks: age of the atlas that was taken; NaN if unknown.
        atlas_from_original: twelve numbers, three rows of atlas RAS from RAS of the subject as it is.
        error: text of the error, if there is no result.
    """

    pair: str
    group: str
    method: str
    draw: str
    number: int
    sampling: str
    seed: int
    turned_deg: float
    unseen: bool
    gestational_age_weeks: float
    rotation_error_deg: float
    translation_error_mm: float
    change_deg: float
    change_mm: float
    confidence: float
    trust: str
    seconds: float
    models: str
    atlas_age_weeks: float
    atlas_from_original: str
    error: str = ""

    @property
    def key(self) -> TrialKey:
        """What makes a trial the same one in another run."""
        return self.pair, self.method, self.draw, self.number, self.sampling, self.seed

    @property
    def matrix(self) -> np.ndarray | None:
        """(4, 4) float64; atlas RAS from RAS of the subject as it is; None if there is no result."""
        return matrix_of(self.atlas_from_original) if self.atlas_from_original else None


def matrix_text(matrix: np.ndarray) -> str:
    """The first three rows of a (4, 4) matrix as twelve numbers."""
    return " ".join(repr(float(number)) for number in np.asarray(matrix)[:3].ravel())


def matrix_of(text: str) -> np.ndarray:
    """(4, 4) float64 from twelve numbers; the inverse of `matrix_text`."""
    rows = np.array([float(number) for number in text.split()]).reshape(3, 4)
    return np.vstack([rows, [0, 0, 0, 1]])


class TrialFile(Generic[Row]):
    """The CSV file of a study; each trial is on disk as soon as it is added.

    Args:
        path: file to continue, or to begin.
        kind: class of the trials: a dataclass with a `key`.

    Raises:
        InputError: the file exists and is not one of this study.
    """

    def __init__(self, path: Path, kind: type[Row]) -> None:
        self._path = path
        self._kind = kind
        self._trials: dict[tuple, Row] = {}
        if path.exists():
            # the last line may have been cut short: it is done again, and must not stand before a new one
            self._trials = {trial.key: trial for trial in read_trials(path, kind)}
            self._write("w", self.trials)

    def __contains__(self, key: tuple) -> bool:
        return key in self._trials

    def __getitem__(self, key: tuple) -> Row:
        return self._trials[key]

    @property
    def name(self) -> str:
        """Of the file, without its folder."""
        return self._path.name

    @property
    def trials(self) -> list[Row]:
        """All trials, in the order in which they were done."""
        return list(self._trials.values())

    def add(self, trial: Row) -> None:
        """Appends a trial."""
        self._write("a" if self._path.exists() else "w", [trial])
        self._trials[trial.key] = trial

    def take_over(self, other: Path) -> None:
        """Adds the trials of another file that are not in this one.

        Args:
            other: made by the same study, in another folder.

        Raises:
            InputError: it does not exist, or is not one of this study.
        """
        if not other.is_file():
            raise InputError(f"'{other}' does not exist. Name a folder in which this study wrote its trials.")
        for trial in read_trials(other, self._kind):
            if trial.key not in self:
                self.add(trial)

    def _write(self, mode: str, trials: list[Row]) -> None:
        with self._path.open(mode, newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, _columns(self._kind))
            if mode == "w":
                writer.writeheader()
            writer.writerows(_rounded(trial) for trial in trials)


def _columns(kind: type) -> list[str]:
    return [column.name for column in dataclasses.fields(kind)]


def _rounded(trial: object) -> dict[str, object]:
    row = dataclasses.asdict(trial)
    return {
        name: f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else value
        for name, value in row.items()
    }


def read_trials(path: Path, kind: type[Row]) -> list[Row]:
    """Whole lines of a file of trials; the file is left as it is.

    Args:
        path: file of a study.
        kind: class of its trials.

    Raises:
        InputError: it is not one of this study.
    """
    kinds = {column.name: column.type for column in dataclasses.fields(kind)}
    with path.open(newline="", encoding="utf-8") as stream:
        lines = stream.read().splitlines(keepends=True)
        reader = csv.DictReader(line for line in lines if line.endswith("\n"))
        if reader.fieldnames != _columns(kind):
            raise InputError(
                f"'{path}' is not the trial file of this version of the study: its columns differ. "
                "Delete it, or choose another output folder."
            )
        rows = [row for row in reader if None not in row.values()]
    return [kind(**{name: _parsed(value, kinds[name]) for name, value in row.items()}) for row in rows]


def _parsed(text: str, kind: type) -> object:
    # bool("False") is true
    return text == "True" if kind is bool else kind(text)
