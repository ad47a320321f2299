"""The study of the contrast transfer, on the real brains where they are there."""

import json

import pytest
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.evaluation.contrast_study import FIGURE, NUMBERS, PAGE, run_contrast_study
from DeepRegistrationLib.evaluation.installed_models import is_installed
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2
from Testing.Lib.evaluation.conftest import BRAINS


@pytest.fixture
def images():
    if not (BRAINS / "infant").is_dir():
        pytest.skip("the public images are not there: ../shared/data beside the checkout")
    if not is_installed(T1_TO_T2):
        pytest.skip("the contrast network is not installed")
    return BRAINS


def test_it_makes_t1_look_like_t2(images, tmp_path):
    text = run_contrast_study(images, tmp_path).read_text("utf-8")
    assert "| newborn T1 | measured |" in text
    figures = json.loads((tmp_path / NUMBERS).read_text("utf-8"))["figures for the card"]
    brains = {name.partition(":")[0] for name in figures if "correlation" in name}
    assert brains == {"STA26", "STA31", "STA35", "newborn T1"}
    for brain in brains:
        assert figures[f"{brain}: correlation with the T2, before"] < -0.4
        assert figures[f"{brain}: correlation with the T2, after"] > 0.4
    assert (tmp_path / FIGURE).stat().st_size > 20_000


def test_it_stops_when_told_to_and_leaves_no_page(images, tmp_path):
    with pytest.raises(Cancelled):
        run_contrast_study(images, tmp_path / "study", report=lambda progress: False)
    assert not (tmp_path / "study" / PAGE).exists()


def test_without_the_network_it_says_what_to_do(no_networks, tmp_path):
    done = CliRunner().invoke(app, ["evaluate", "contrast-transfer", "--output", str(tmp_path)])
    assert done.exit_code == 2
    assert "DEEPREGISTRATION_MODELS" in done.stderr
