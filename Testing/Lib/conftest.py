"""What tests of several parts of the library need."""

import json
from pathlib import Path

import pytest

from DeepRegistrationLib.models.catalog import CATALOG_FILE


@pytest.fixture
def no_networks(tmp_path, monkeypatch):
    """The folder of the networks in use, with an empty catalogue."""
    folder = tmp_path / "models"
    folder.mkdir()
    shipped = Path(__file__).parents[2] / "Resources" / "Models" / CATALOG_FILE
    content = {**json.loads(shipped.read_text("utf-8")), "models": []}
    (folder / CATALOG_FILE).write_text(json.dumps(content), "utf-8")
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(folder))
    return folder
