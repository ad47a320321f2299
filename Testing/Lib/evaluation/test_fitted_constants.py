"""Constants that a study fitted are those that its page tells."""

import re

import pytest

from DeepRegistrationLib.workflows.slice_confidence import WEIGHTS
from Testing.Lib.architecture.source_tree import ROOT


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_weights_of_the_slice_confidence_are_those_of_the_page(name):
    page = (ROOT / "docs" / "evaluation" / "slice-confidence.md").read_text(encoding="utf-8")
    fitted = re.search(rf"^\| {name} \| (-?[\d.]+) \|", page, re.MULTILINE).group(1)
    assert float(fitted) == WEIGHTS[name]
