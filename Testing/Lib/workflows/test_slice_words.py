"""What a reader is told about a slice: probabilities, words, confidence."""

import numpy as np
import pytest

from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.slice_confidence import SliceEvidence, judge_slice
from DeepRegistrationLib.workflows.slice_hypotheses import in_words, is_open, weigh
from Testing.Lib.pictures import rigid

GOOD = {"similarity": 0.7, "rival": 0.5, "agreement": 0.9, "size_change": 0.02}


def test_equal_similarities_give_equal_probabilities():
    found = weigh([np.eye(4), np.eye(4)], [0.6, 0.6])
    assert [entry.probability for entry in found] == pytest.approx([0.5, 0.5])
    assert is_open(found)


def test_the_more_similar_hypothesis_comes_first():
    found = weigh([rigid((0, 0, 10), (0, 0, 0)), np.eye(4)], [0.60, 0.66])
    np.testing.assert_array_equal(found[0].matrix, np.eye(4))
    assert found[0].probability > 0.99
    assert sum(entry.probability for entry in found) == pytest.approx(1.0)
    assert not is_open(found)


def test_a_single_hypothesis_is_certain():
    found = weigh([np.eye(4)], [0.6])
    assert found[0].probability == 1.0
    assert not is_open(found)


def test_the_words_say_how_far_two_hypotheses_lie_apart():
    text = in_words(weigh([np.eye(4), rigid((0, 30, 0), (0, 0, 12))], [0.605, 0.6]), np.zeros(3))
    assert "30 degrees and 12 mm apart" in text
    assert "62 %" in text
    assert "38 %" in text


def test_good_evidence_is_trusted():
    assert judge_slice(SliceEvidence(**GOOD)).trust == Trust.HIGH


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rival": 1.0}, "100 % as well"),
        ({"similarity": 0.25}, "hardly match"),
        ({"size_change": -0.25}, "size differs by 22 %"),
        ({"similarity": 0.47, "rival": 0.95, "net_deg": 85.0}, "the slice net sees it turned otherwise"),
    ],
)
def test_bad_evidence_is_not_trusted_and_the_reason_names_it(change, words):
    found = judge_slice(SliceEvidence(**{**GOOD, **change}))
    assert found.trust == Trust.LOW
    assert words in found.reason


def test_a_net_that_sees_the_same_makes_more_confident_than_one_that_does_not():
    weak = {**GOOD, "similarity": 0.4, "rival": 0.85}
    near, unknown, far = (
        judge_slice(SliceEvidence(**weak, net_deg=angle)).value for angle in (5.0, None, 50.0)
    )
    assert near > unknown > far


def test_every_trust_has_a_reason():
    for rival in np.linspace(0, 1.1, 60):
        assert judge_slice(SliceEvidence(**{**GOOD, "rival": float(rival)})).reason
