"""slices.csv: one line for each slice of a stack, for spreadsheets and scripts."""

import csv
from collections.abc import Sequence
from pathlib import Path

from DeepRegistrationLib.workflows.result import SlicePose

_MATRIX = [f"m{row}{column}" for row in range(1, 4) for column in range(1, 5)]


def write_slices(slices: Sequence[SlicePose], path: Path) -> None:
    """Writes the poses as a table.

    The columns m11 to m34 are the first three rows of the matrix, atlas RAS from slice RAS [mm]; the fourth
    is 0 0 0 1.

    Args:
        slices: the poses.
        path: file to write, `.csv`.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["slice", "similarity", "turned_deg", "moved_mm", *_MATRIX])
        for entry in slices:
            numbers = [entry.similarity, entry.turned_deg, entry.moved_mm]
            matrix = entry.matrix[:3].ravel()
            table.writerow(
                [entry.index, *(f"{number:.4f}" for number in numbers), *(f"{n:.9g}" for n in matrix)]
            )
