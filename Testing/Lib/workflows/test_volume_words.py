"""What a reader is told about how far a volume's pose may be trusted."""

import numpy as np
import pytest

from DeepRegistrationLib.workflows.fetal_confidence import PoseEvidence, judge
from DeepRegistrationLib.workflows.result import Trust

GOOD = {
    "local_correlation": 0.7,
    "runner_up": 0.5,
    "agreement": 0.9,
    "brain_volume_ml": 200.0,
    "turned_deg": 0.5,
}


def test_a_clear_margin_is_trusted_and_both_scores_are_told():
    found = judge(PoseEvidence(**GOOD))
    assert found.trust == Trust.HIGH
    assert "0.50 against 0.70" in found.reason


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"runner_up": 0.69}, "another orientation fits almost as well"),
        ({"local_correlation": 0.25, "runner_up": 0.05}, "hardly match"),
        ({"brain_volume_ml": 1300.0}, "1300 mL"),
        ({"turned_deg": 12.0}, "turned it by 12.0 degrees"),
    ],
)
def test_bad_evidence_is_not_trusted_and_the_reason_names_it(change, words):
    found = judge(PoseEvidence(**{**GOOD, **change}))
    assert found.trust == Trust.LOW
    assert words in found.reason


def test_every_trust_has_a_reason():
    found = [
        judge(PoseEvidence(**{**GOOD, "runner_up": float(score)})) for score in np.linspace(0.5, 0.7, 80)
    ]
    assert {confidence.trust for confidence in found} == set(Trust)
    assert all(confidence.reason for confidence in found)
