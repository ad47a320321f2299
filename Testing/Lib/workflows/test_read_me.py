"""The Python lines of the read-me run as they stand there."""

import re
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.images.write import write_nifti
from Testing.Lib.pictures import rigid

README = Path(__file__).resolve().parents[3] / "README.md"


def test_the_lines_for_python_without_slicer_register_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_phantom_atlas(Path("atlas"), weeks=(28,), spacing_mm=2.4)
    truth = rigid((120, -30, 50), (20.0, -10.0, 30.0))
    image, _, _ = fetal_brain_phantom(28, spacing_mm=2.4, ras_from_phantom=truth)
    write_nifti(image, Path("subject.nii.gz"))
    (lines,) = re.findall(
        r"### In Python without Slicer\n\n```python\n(.*?)```", README.read_text("utf-8"), re.S
    )
    names = {}
    exec(lines, names)
    assert float(rotation_error_deg(names["atlas_from_subject"], np.linalg.inv(truth))) < 1
    assert names["confidence"][0] > 0.8
