"""A small cohort of phantoms: registered for real, by the fastest method."""

import csv

import pytest

from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.images.write import write_nifti
from Testing.Lib.workflows.conftest import head_turned_by


@pytest.fixture(scope="session")
def a_cohort(tmp_path_factory):
    """A folder with an atlas of one week and three brains with masks, and the table of them."""
    folder = tmp_path_factory.mktemp("cohort")
    write_phantom_atlas(folder / "atlas", (28,), spacing_mm=3.0)
    for number in range(3):
        image, mask, _, _ = head_turned_by(40 + 50 * number, seed=number)
        write_nifti(image, folder / f"brain{number}.nii.gz")
        write_nifti(mask.with_values(mask.values.byte()), folder / f"mask{number}.nii.gz")
    return folder


@pytest.fixture
def write_table(a_cohort):
    """Writes a table beside the cohort's images; returns its path."""
    written = []

    def write_table(rows, name="cases.csv"):
        path = a_cohort / name
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        written.append(path)
        return path

    yield write_table
    for path in written:
        path.unlink(missing_ok=True)


@pytest.fixture
def three_rows():
    return [
        {
            "case": f"subject {number}",
            "moving": f"brain{number}.nii.gz",
            "mask": f"mask{number}.nii.gz",
            "atlas_dir": "atlas",
            "gestational-age": "28",
            "method": "bank",
        }
        for number in range(3)
    ]
