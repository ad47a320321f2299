"""The module as Slicer loads it: without torch, at once, with samples and a self-test."""

import subprocess
import sys
import unittest

import pytest
import slicer
from DeepRegistrationSlicer import Dependencies
from DeepRegistrationSlicer.Choices import (
    ContrastChoice,
    DeviceChoice,
    JobChoice,
    MeasureChoice,
    MethodChoice,
    TransformChoice,
)
from DeepRegistrationSlicer.PhantomCheck import PHANTOM_JOBS
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


@pytest.fixture
def self_tests(the_module, monkeypatch):
    """The class of the self-tests; the panel is open."""
    parent, widget = the_module.makePanel()
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda name: widget)
    yield the_module.file.DeepRegistrationTest
    monkeypatch.setattr(widget.logic, "shutdown", lambda: None)
    widget.cleanup()
    parent.delete()


def outcome_of(test: unittest.TestCase) -> unittest.TestResult:
    result = unittest.TestResult()
    test.run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful(), result.failures + result.errors
    return result


@pytest.mark.parametrize(
    "name",
    [
        "test_the_panel_opens_with_register_disabled_in_an_empty_scene",
        "test_a_brain_is_laid_into_the_atlas",
        "test_a_slice_is_found_in_the_atlas",
        "test_a_ct_is_moved_to_where_its_radiographs_were_taken",
        "test_an_atlas_is_bent_to_two_radiographs",
        "test_ultrasound_frames_are_turned_onto_each_other",
    ],
)
def test_the_self_tests_of_the_module_pass(self_tests, name):
    assert not outcome_of(self_tests(name)).skipped


def test_every_self_test_is_run_here(the_module):
    run = test_the_self_tests_of_the_module_pass.pytestmark[0].args[1]
    names = unittest.defaultTestLoader.getTestCaseNames(the_module.file.DeepRegistrationTest)
    assert sorted(run) == names


def test_every_job_of_the_panel_has_a_self_test():
    assert {str(job) for job in PHANTOM_JOBS} == {choice.value for choice in JobChoice}


def test_without_the_packages_the_self_tests_of_the_jobs_say_why_they_are_skipped(self_tests, monkeypatch):
    monkeypatch.setattr(Dependencies, "requirements", lambda: [Dependencies.Requirement("torch", "99")])
    for name in unittest.defaultTestLoader.getTestCaseNames(self_tests):
        skipped = outcome_of(self_tests(name)).skipped
        assert [reason for _, reason in skipped] == (
            []
            if "panel" in name
            else ["Packages are missing: torch>=99. Press Register in the panel to install them."]
        )
    said = []
    test = self_tests()
    test.delayDisplay = said.append
    test.runTest()
    assert sum("torch>=99" in text for text in said) == len(PHANTOM_JOBS)


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
