"""The module as Slicer loads it: without torch, at once, with samples and a self-test."""

import subprocess
import sys
import unittest

import pytest
import slicer
from DeepRegistrationSlicer.Choices import (
    ContrastChoice,
    DeviceChoice,
    MeasureChoice,
    MethodChoice,
    TransformChoice,
)
from DeepRegistrationSlicer.SampleDataSets import registerSampleData

from DeepRegistrationLib.jobs.fetal_volume import (
    Device,
    FetalVolumeMethod,
    FinalMeasure,
    MovingContrast,
    TransformModel,
)
from Testing.Slicer.conftest import ROOT
from Testing.Slicer.host.application import SampleDataLogic


def test_the_panel_opens_on_a_machine_without_torch():
    command = [sys.executable, "-W", "error", "-m", "Testing.Slicer.panel_time"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert "s of module code" in said.stdout


def test_opening_the_panel_writes_and_starts_nothing(the_module, tmp_path, monkeypatch):
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path))
    monkeypatch.setattr(subprocess, "Popen", None)
    parent, widget = the_module.makePanel()
    widget.enter()
    widget.cleanup()
    parent.delete()
    assert list(tmp_path.iterdir()) == []


def test_the_module_says_what_it_is(the_module):
    assert the_module.title == "DeepRegistration"
    assert the_module.categories == ["Registration"]
    assert the_module.contributors == ["DeepRegistration contributors"]
    assert "Mohseni Salehi" in the_module.acknowledgementText


def test_the_self_test_of_the_module_passes(the_module, monkeypatch):
    parent, widget = the_module.makePanel()
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda name: widget)
    tests = unittest.defaultTestLoader.loadTestsFromTestCase(the_module.file.DeepRegistrationTest)
    result = unittest.TestResult()
    tests.run(result)
    widget.cleanup()
    parent.delete()
    assert result.testsRun > 0
    assert result.wasSuccessful(), result.failures + result.errors


def test_samples_are_registered_with_checksums_once_slicer_has_started(the_module):
    SampleDataLogic.sources.clear()
    slicer.app.startupCompleted.emit()
    by_name = {source["sampleName"]: source for source in SampleDataLogic.sources}
    assert SampleDataLogic.categories == {"DeepRegistration": "DeepRegistration"}
    for source in by_name.values():
        assert source["category"] == "DeepRegistration"
        assert all(checksum.startswith("SHA256:") for checksum in source["checksums"])
        lengths = {len(source[key]) for key in ("uris", "fileNames", "checksums")}
        assert len(lengths) == 1
    reconstruction = by_name["Fetal MRI, reconstructed volume"]
    assert reconstruction["loadFileTypes"] == ["VolumeFile"]
    assert reconstruction["nodeNames"] == ["sub-01_rec-SR_T2w"]


def test_labels_of_a_sample_are_loaded_as_segmentations():
    SampleDataLogic.sources.clear()
    registerSampleData()
    source = next(entry for entry in SampleDataLogic.sources if "spina bifida" in entry["sampleName"])
    types = dict(zip(source["fileNames"], source["loadFileTypes"], strict=True))
    assert types["SB_GA27_operated_T2w.nii.gz"] == "VolumeFile"
    assert types["SB_GA27_operated_mask.nii.gz"] == "SegmentationFile"


@pytest.mark.parametrize(
    ("choice", "option"),
    [
        (DeviceChoice, Device),
        (MethodChoice, FetalVolumeMethod),
        (MeasureChoice, FinalMeasure),
        (ContrastChoice, MovingContrast),
        (TransformChoice, TransformModel),
    ],
    ids=lambda cls: cls.__name__,
)
def test_every_option_of_the_library_is_offered_under_its_name(choice, option):
    assert {member.name: member.value for member in choice} == dict(option.__members__)
    assert len({member.label() for member in choice}) == len(option)
