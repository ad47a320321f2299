"""One scene for all tests here; it is emptied after each of them."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from DeepRegistrationSlicer import HeadlessSlicer  # noqa: E402 - its folder is not a package

HeadlessSlicer.boot()

import slicer  # noqa: E402


@pytest.fixture(autouse=True)
def an_empty_scene():
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(False)
