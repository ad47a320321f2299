"""The list of the trained networks in the panel."""

import slicer
from DeepRegistrationSlicer.Choices import JobChoice

from DeepRegistrationLib.models.catalog import CATALOG_FILE, model_catalog
from DeepRegistrationLib.models.model_card import model_card


def test_one_press_tells_every_network_with_its_licence_and_card(open_panel, monkeypatch):
    shown = []
    monkeypatch.setattr(slicer.util, "infoDisplay", lambda text, **more: shown.append((text, more)))
    open_panel(JobChoice.FETAL_VOLUME).ui.networksButton.click()
    ((text, more),) = shown
    assert model_catalog()
    for entry in model_catalog().values():
        assert f"{entry.name}, version {entry.version}" in text
        assert entry.licence in text
        assert model_card(entry) in more["detailedText"]


def test_a_catalogue_that_cannot_be_read_is_told(open_panel, monkeypatch, tmp_path):
    user = open_panel(JobChoice.FETAL_VOLUME)
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(tmp_path / "nowhere"))
    user.ui.networksButton.click()
    assert "catalogue of the models" in user.ui.statusLabel.text


def test_without_networks_it_says_so(open_panel, monkeypatch, tmp_path):
    (tmp_path / CATALOG_FILE).write_text('{"schema_version": 1, "models": []}', "utf-8")
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(tmp_path))
    shown = []
    monkeypatch.setattr(slicer.util, "infoDisplay", lambda text, **more: shown.append(text))
    open_panel(JobChoice.US_ANGLES).ui.networksButton.click()
    assert shown == ["There are no trained networks."]
