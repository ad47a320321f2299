"""Parts of the program that are not free for every use: who is asked, when, and what happens then."""

import types

import pytest
import slicer
from DeepRegistrationSlicer import Terms
from DeepRegistrationSlicer.Choices import BoneAtlasChoice, JobChoice, XrayMethodChoice
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.Terms import FEMUR_ATLAS, Part, agreeToTerms, partsOf

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.models.catalog import model_catalog

PARTS = [Part("a-net", "Research only (non-commercial)"), Part("b-net", "CC BY-NC 4.0 (non-commercial)")]


@pytest.fixture
def agreed(a_person, monkeypatch):
    """What was agreed to: name of the setting -> terms."""
    agreed = {}
    settings = types.SimpleNamespace(value=agreed.get, setValue=agreed.__setitem__)
    monkeypatch.setattr(slicer.app, "settings", lambda: settings)
    return agreed


@pytest.fixture
def choices():
    """Of the panel, of a job."""

    def choices(job: JobChoice) -> RegistrationParameters:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
        parameters = RegistrationParameters(node)
        parameters.job = job
        return parameters

    return choices


def test_a_person_is_asked_once_for_every_part(a_person, agreed):
    agreeToTerms(PARTS)
    agreeToTerms(PARTS)
    assert len(a_person.questions) == 1
    for part in PARTS:
        assert f"{part.name}: {part.licence}." in a_person.questions[0]


def test_other_terms_of_a_part_are_asked_for_again_and_those_of_other_parts_are_not(a_person, agreed):
    agreeToTerms(PARTS)
    agreeToTerms([PARTS[0], Part("b-net", "Nobody may use it (non-commercial)")])
    assert "Nobody may use it" in a_person.questions[1]
    assert "a-net" not in a_person.questions[1]


def test_who_does_not_agree_is_told_and_asked_again(a_person, agreed):
    a_person.answer = False
    for _ in range(2):
        with pytest.raises(RegistrationError, match="terms of a-net, b-net were not agreed to, so nothing"):
            agreeToTerms(PARTS)
    assert len(a_person.questions) == 2
    assert agreed == {}


def test_nobody_is_asked_where_nobody_can_answer(a_person, agreed, monkeypatch):
    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: True)
    agreeToTerms(PARTS)
    monkeypatch.setattr(Terms, "isDesktop", lambda: False)
    agreeToTerms(PARTS)
    assert a_person.questions == []


@pytest.mark.parametrize("job", JobChoice)
def test_the_parts_of_a_job_are_the_networks_named_after_it_and_its_atlas(choices, job):
    parameters = choices(job)
    parameters.xrayCt.method = XrayMethodChoice.NET
    named = {part.name for part in partsOf(parameters)}
    word = job.value.partition("-")[0]
    restricted = {entry.name for entry in model_catalog().values() if entry.is_non_commercial}
    assert restricted
    atlas = {FEMUR_ATLAS.name} if job == JobChoice.BIPLANAR else set()
    assert named == {name for name in restricted if name.startswith(f"{word}-")} | atlas


@pytest.mark.parametrize("method", XrayMethodChoice)
def test_a_ct_and_radiographs_ask_only_where_the_network_is_used(choices, method):
    parameters = choices(JobChoice.XRAY_CT)
    parameters.xrayCt.method = method
    uses_network = method in (XrayMethodChoice.NET, XrayMethodChoice.NET_GRAD_NCC)
    assert [part.name for part in partsOf(parameters)] == (["xray-deep-net"] if uses_network else [])


def test_an_atlas_of_ones_own_needs_no_terms(choices):
    parameters = choices(JobChoice.BIPLANAR)
    parameters.biplanar.atlas.source = BoneAtlasChoice.FOLDER
    assert FEMUR_ATLAS not in partsOf(parameters)


def test_every_network_with_terms_is_named_after_a_job():
    words = {job.value.partition("-")[0] for job in JobChoice}
    assert {name.partition("-")[0] for name in model_catalog()} <= words
