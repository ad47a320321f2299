"""A folder of CTs with labels: a synthetic population, or anyone's own data in its place.

NAME_ct.nii.gz, NAME_labels.nii.gz       one pair for each patient; .nrrd is read as well
atlas_ct.nii.gz, atlas_labels.nii.gz     the image that is bent
population.csv                           what was drawn; landmarks in RAS
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.femur_population import SyntheticFemur
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import check_same_grid
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nifti

ATLAS = "atlas"
TABLE = "population.csv"
_CT, _LABELS = "_ct", "_labels"
_SUFFIXES = (".nii.gz", ".nrrd")
_LANDMARK = "landmark_"


@dataclass(frozen=True)
class CtPair:
    """Files of one patient.

    Attributes:
        name: of the patient in the folder.
        ct: in HU.
        labels: integers on the same grid, 0 is background.
    """

    name: str
    ct: Path
    labels: Path

    def read(self) -> tuple[Volume, Volume]:
        """CT (float32) and labels (int32).

        Raises:
            InputError: a file cannot be used, or the grids differ.
        """
        ct, labels = read_volume(self.ct), read_volume(self.labels, labels=True)
        check_same_grid(labels, ct)
        return ct, labels


def find_pairs(folder: Path) -> tuple[CtPair, ...]:
    """The patients of a folder in the order of their names, without the atlas.

    Raises:
        InputError: there is none, or a CT has no labels.
    """
    return tuple(pair for pair in _all_pairs(folder) if pair.name != ATLAS)


def find_atlas(folder: Path) -> CtPair:
    """The atlas of a folder.

    Raises:
        InputError: there is none.
    """
    for pair in _all_pairs(folder):
        if pair.name == ATLAS:
            return pair
    raise InputError(
        f"The folder '{folder}' has no atlas. Put one there as {ATLAS}{_CT}.nii.gz and "
        f"{ATLAS}{_LABELS}.nii.gz."
    )


def write_pair(femur: SyntheticFemur, name: str, folder: Path) -> CtPair:
    """Writes one patient (CT as int16, labels as uint8)."""
    pair = CtPair(name, folder / f"{name}{_CT}.nii.gz", folder / f"{name}{_LABELS}.nii.gz")
    write_nifti(femur.ct.with_values(femur.ct.values.to(torch.int16)), pair.ct)
    write_nifti(femur.labels.with_values(femur.labels.values.to(torch.uint8)), pair.labels)
    return pair


def table_row(femur: SyntheticFemur, name: str) -> dict[str, str]:
    """What was drawn for a patient, and the landmarks [mm, RAS]."""
    numbers = {key: value if isinstance(value, str) else f"{value:.4f}" for key, value in femur.drawn.items()}
    points = {
        f"{_LANDMARK}{key}_{axis}": f"{value:.3f}"
        for key, point in femur.landmarks.items()
        for axis, value in zip("ras", point, strict=True)
    }
    return {"name": name, **numbers, **points}


def write_table(rows: Sequence[dict[str, str]], folder: Path) -> Path:
    """Writes `population.csv`; columns that a row lacks stay empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    path = folder / TABLE
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_landmarks(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Landmarks of the table by patient and name, each (3,) [mm, RAS]; empty without a table."""
    path = folder / TABLE
    if not path.is_file():
        return {}
    found: dict[str, dict[str, np.ndarray]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            keys = [key for key in row if key.startswith(_LANDMARK) and key.endswith("_r") and row[key]]
            names = [key.removeprefix(_LANDMARK).removesuffix("_r") for key in keys]
            found[row["name"]] = {
                name: np.array([float(row[f"{_LANDMARK}{name}_{axis}"]) for axis in "ras"]) for name in names
            }
    return found


def _all_pairs(folder: Path) -> list[CtPair]:
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' does not exist. Check the path.")
    pairs = []
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(_CT + suffix)), None)
        if suffix is None:
            continue
        name = path.name.removesuffix(_CT + suffix)
        labels = [folder / f"{name}{_LABELS}{other}" for other in _SUFFIXES]
        existing = [file for file in labels if file.is_file()]
        if not existing:
            raise InputError(
                f"'{path.name}' has no labels. Put '{labels[0].name}' beside it, on the same grid, or take "
                "the CT away."
            )
        pairs.append(CtPair(name, path, existing[0]))
    if not pairs:
        raise InputError(
            f"The folder '{folder}' holds no CT with labels. Name the files NAME{_CT}.nii.gz and "
            f"NAME{_LABELS}.nii.gz, or make some with `deepregistration population`."
        )
    return pairs
