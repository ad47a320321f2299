"""Every single trial of a study in one CSV file, so that a stopped study goes on where it was."""

import csv
import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError

AS_IT_IS = "as it is"
TrialKey = tuple[str, str, str, int, str, int]
"""Pair, method, draw, number, sampling and seed: what makes a trial the same one in another run."""


@dataclass(frozen=True)
class Trial:
    """One registration of the study.

    Attributes:
        pair: name of the image pair.
        group: kind of pair.
        method: how it was registered.
        draw: how the pose was drawn; `AS_IT_IS` for the subject without a turn, the reference of the others.
        number: of the pose among those drawn this way.
        sampling: "grid" (resampled onto an oblique grid) or "header" (only the header was turned).
        seed: of the study.
        turned_deg: rotation that was to be undone [degrees].
        rotation_error_deg: against the subject as it is [degrees]; NaN if there is no result.
        translation_error_mm: the same at the brain's centre [mm].
        confidence: of the result, 0 to 1.
        trust: the same in one word; empty if there is no result.
        seconds: wall time of the registration [s].
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
    rotation_error_deg: float
    translation_error_mm: float
    confidence: float
    trust: str
    seconds: float
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
        if not self.atlas_from_original:
            return None
        rows = np.array([float(number) for number in self.atlas_from_original.split()]).reshape(3, 4)
        return np.vstack([rows, [0, 0, 0, 1]])


def matrix_text(matrix: np.ndarray) -> str:
    """The first three rows of a (4, 4) matrix as twelve numbers."""
    return " ".join(repr(float(number)) for number in np.asarray(matrix)[:3].ravel())


class TrialFile:
    """The CSV file of a study; each trial is on disk as soon as it is added.

    Args:
        path: file to continue, or to begin.

    Raises:
        InputError: the file exists and is not one of a study.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._trials: dict[TrialKey, Trial] = {}
        if path.exists():
            # the last line may have been cut short: it is done again, and must not stand before a new one
            self._trials = {trial.key: trial for trial in _read(path)}
            self._write("w", self.trials)

    def __contains__(self, key: TrialKey) -> bool:
        return key in self._trials

    def __getitem__(self, key: TrialKey) -> Trial:
        return self._trials[key]

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order in which they were done."""
        return list(self._trials.values())

    def add(self, trial: Trial) -> None:
        """Appends a trial."""
        self._write("a" if self._path.exists() else "w", [trial])
        self._trials[trial.key] = trial

    def _write(self, mode: str, trials: list[Trial]) -> None:
        with self._path.open(mode, newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, _columns())
            if mode == "w":
                writer.writeheader()
            writer.writerows(_rounded(trial) for trial in trials)


def _columns() -> list[str]:
    return [column.name for column in dataclasses.fields(Trial)]


def _rounded(trial: Trial) -> dict[str, object]:
    row = dataclasses.asdict(trial)
    return {
        name: f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else value
        for name, value in row.items()
    }


def _read(path: Path) -> list[Trial]:
    kinds = {column.name: column.type for column in dataclasses.fields(Trial)}
    with path.open(newline="", encoding="utf-8") as stream:
        lines = stream.read().splitlines(keepends=True)
        reader = csv.DictReader(line for line in lines if line.endswith("\n"))
        if reader.fieldnames != _columns():
            raise InputError(
                f"'{path}' is not the trial file of this version of the study: its columns differ. "
                "Delete it, or choose another output folder."
            )
        rows = [row for row in reader if None not in row.values()]
    return [Trial(**{name: kinds[name](value) for name, value in row.items()}) for row in rows]
