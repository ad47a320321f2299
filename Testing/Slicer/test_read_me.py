"""The Python lines of the read-me run as they stand there."""

import re
from pathlib import Path

import numpy as np
import slicer

from Testing.Slicer.phantom import loadSubject, poseError

README = Path(__file__).resolve().parents[2] / "README.md"


def linesForSlicer() -> str:
    (lines,) = re.findall(
        r"### In Slicer's Python console\n\n```python\n(.*?)```", README.read_text("utf-8"), re.S
    )
    return lines


def test_the_lines_for_slicers_console_register_a_volume(a_phantom, monkeypatch):
    monkeypatch.chdir(a_phantom)
    loadSubject(a_phantom)
    names = {"slicer": slicer}
    exec(linesForSlicer(), names)
    angle, distance = poseError(np.asarray(names["atlasFromSubject"]))
    assert angle < 1
    assert distance < 1
