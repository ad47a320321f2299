"""The fit of the slice job's confidence: its brains, its trials, its page."""

import dataclasses

import numpy as np
import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation import slice_confidence_study
from DeepRegistrationLib.evaluation.slice_confidence_study import (
    FILE_NAME,
    PAGE,
    ConfidenceTrial,
    run_slice_confidence_study,
)
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.evaluation.tuning_brains import find_tuning_brains
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.workflows.slice_confidence import WEIGHTS
from Testing.Lib.evaluation.conftest import BRAINS

RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def brains():
    if not (BRAINS / "sta").is_dir():
        pytest.skip("the public images are not there: ../shared/data beside the checkout")
    return find_tuning_brains(BRAINS)


def a_trial(number, error_deg, similarity):
    return ConfidenceTrial(
        subject=f"brain {number % 3}",
        number=number,
        seed=0,
        models="net 1 abc",
        either_deg=error_deg,
        similarity=similarity,
        rival=0.7 + 0.1 * RNG.random(),
        agreement=0.8,
        size_change=0.02,
        net_deg=10.0 + 5 * RNG.random(),
    )


def test_no_brain_of_the_studies_is_among_them(brains):
    reported = ("26", "31", "35", "newborn", "sub-01")
    for brain in brains:
        assert not any(word in f"{brain.name} {brain.files.pair.moving.name}" for word in reported)
        # nor is a reported week what they are compared with unseen: an atlas is no subject
        assert brain.files.pair.moving not in [entry.image for entry in brain.files.pair.atlas.files]
    assert len({brain.name for brain in brains}) == len(brains) == 13


def test_a_stripped_brain_lacks_the_fluid_and_keeps_its_place(brains):
    by_name = {brain.name: brain for brain in brains}
    whole = by_name["week 30"].read(Device.CPU)
    stripped = by_name["week 30, cerebrum"].seen_as(whole)
    share = float((stripped.mask.values != 0).sum() / (whole.mask.values != 0).sum())
    assert 0.6 < share < 0.95
    assert not bool(((stripped.image.values != 0) & (stripped.mask.values == 0)).any())
    assert np.array_equal(stripped.atlas_from_subject, whole.atlas_from_subject)
    as_t1 = by_name["week 28, T1-like"].seen_as(whole)
    inside = whole.mask.values != 0
    pair = np.stack([whole.image.values[inside].numpy(), as_t1.image.values[inside].numpy()])
    assert np.corrcoef(pair)[0, 1] < 0


def test_a_folder_without_the_images_is_refused(tmp_path):
    with pytest.raises(InputError, match=str(tmp_path)):
        find_tuning_brains(tmp_path)


def a_folder_with(trials, folder):
    file = TrialFile(folder / FILE_NAME, ConfidenceTrial)
    for trial in trials:
        file.add(trial)
    return file


def test_the_page_tells_weights_and_what_they_catch(tmp_path, monkeypatch):
    monkeypatch.setattr(slice_confidence_study, "find_tuning_brains", lambda data: [])
    monkeypatch.setattr(slice_confidence_study, "models_of", lambda method: "net 1 abc")
    good = [a_trial(n, 2.0, 0.6 + 0.05 * RNG.standard_normal()) for n in range(60)]
    bad = [a_trial(n, 40.0, 0.45 + 0.05 * RNG.standard_normal()) for n in range(60, 72)]
    a_folder_with([*good, *bad], tmp_path)
    page = run_slice_confidence_study(tmp_path, tmp_path)
    text = page.read_text("utf-8")
    assert page.name == PAGE
    assert "12 of 72 answers are wrong" in text
    assert f"{WEIGHTS['similarity']:.2f}" in text
    assert "each brain left out in turn" in text
    fitted = next(line for line in text.splitlines() if line.startswith("| similarity |"))
    assert float(fitted.split("|")[2]) > 10


def test_trials_with_other_networks_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(slice_confidence_study, "find_tuning_brains", lambda data: [])
    a_folder_with([dataclasses.replace(a_trial(0, 2.0, 0.6), models="another net 9 def")], tmp_path)
    with pytest.raises(InputError, match="other networks"):
        run_slice_confidence_study(tmp_path, tmp_path)


def test_without_a_failure_nothing_is_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr(slice_confidence_study, "find_tuning_brains", lambda data: [])
    monkeypatch.setattr(slice_confidence_study, "models_of", lambda method: "net 1 abc")
    a_folder_with([a_trial(n, 2.0, 0.6) for n in range(5)], tmp_path)
    assert "nothing can be fitted" in run_slice_confidence_study(tmp_path, tmp_path).read_text("utf-8")
