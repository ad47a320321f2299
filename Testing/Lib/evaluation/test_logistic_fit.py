"""Logistic regression of being right on evidence."""

import numpy as np
import pytest

from DeepRegistrationLib.evaluation.logistic_fit import fit_logistic, left_out_sums

RNG = np.random.default_rng(0)
EVIDENCE = RNG.normal([0.5, 20.0], [0.1, 8.0], (40_000, 2))
TRUE_SUMS = 2.0 + 12.0 * (EVIDENCE[:, 0] - 0.5) - 0.1 * (EVIDENCE[:, 1] - 20.0)
RIGHT = RNG.random(40_000) < 1 / (1 + np.exp(-TRUE_SUMS))


def test_the_weights_that_made_the_results_are_found():
    fit = fit_logistic(EVIDENCE, RIGHT)
    assert fit.weights == pytest.approx([12.0, -0.1], rel=0.08)
    typical = np.array([[0.5, 20.0], [0.6, 20.0], [0.5, 28.0]])
    assert fit.sums(typical) == pytest.approx([2.0, 3.2, 1.2], abs=0.3)


def test_probabilities_mean_what_they_say():
    said = fit_logistic(EVIDENCE, RIGHT).probabilities(EVIDENCE)
    for low in (0.5, 0.7, 0.9):
        near = (said > low) & (said <= low + 0.1)
        assert RIGHT[near].mean() == pytest.approx(said[near].mean(), abs=0.07)


def test_weights_stay_finite_where_evidence_separates_perfectly():
    right = EVIDENCE[:, 0] > 0.5
    fit = fit_logistic(EVIDENCE, right)
    assert np.isfinite(fit.weights).all()
    assert ((fit.sums(EVIDENCE) > 0) == right).mean() > 0.99


def test_a_subject_that_is_left_out_does_not_change_its_own_sums():
    subjects = np.repeat(["a", "b", "c", "d"], 10_000)
    first = left_out_sums(EVIDENCE, RIGHT, subjects)
    changed = np.where(subjects == "b", ~RIGHT, RIGHT)
    second = left_out_sums(EVIDENCE, changed, subjects)
    of_b = subjects == "b"
    assert np.allclose(first[of_b], second[of_b])
    assert not np.allclose(first[~of_b], second[~of_b], atol=0.05)


@pytest.mark.parametrize(
    ("evidence", "right", "text"),
    [
        (EVIDENCE, np.ones(40_000, bool), "all results are right"),
        (EVIDENCE[:5], RIGHT[:4], "must be finite and fit"),
        (np.full((3, 1), np.nan), [True, False, True], "must be finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(evidence, right, text):
    with pytest.raises(ValueError, match=text):
        fit_logistic(evidence, right)
