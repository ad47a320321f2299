"""Logistic regression of "the result is right" on what a registration found out about itself.

How the constants of a confidence are found, and how well it does on subjects that were left out. The words of
the program stay with the workflow; here are numbers only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

_PENALTY = 1e-3
"""Of the squared weights of standardized evidence: keeps them finite where nothing overlaps."""


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """A regression.

    Attributes:
        constant: of the sum.
        weights: (D,); of each piece of evidence, in its own unit.
    """

    constant: float
    weights: np.ndarray

    def sums(self, evidence: np.ndarray) -> np.ndarray:
        """(N,); constant and weighted evidence (N, D) together; 0 is even odds."""
        return self.constant + np.asarray(evidence) @ self.weights

    def probabilities(self, evidence: np.ndarray) -> np.ndarray:
        """(N,); of being right, 0 to 1."""
        return expit(self.sums(evidence))


def fit_logistic(evidence: np.ndarray, right: np.ndarray, penalty: float = _PENALTY) -> LogisticFit:
    """Most probable weights under a weak penalty.

    Args:
        evidence: (N, D) finite.
        right: (N,) bool; at least one result is right and one is wrong.
        penalty: of squared weights, where each piece of evidence has unit variance.

    Raises:
        ValueError: shapes differ, numbers are not finite, or all results are alike.

    Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2009, section 4.4, with a
        ridge penalty.
    """
    evidence, right = np.asarray(evidence, dtype=np.float64), np.asarray(right, dtype=bool)
    if evidence.ndim != 2 or right.shape != evidence.shape[:1] or not np.isfinite(evidence).all():
        raise ValueError(f"evidence (N, D) must be finite and fit, got {evidence.shape}, {right.shape}")
    if right.all() or not right.any():
        raise ValueError("nothing can be fitted where all results are right, or all wrong")
    mean, spread = evidence.mean(0), evidence.std(0) + 1e-9
    standard = np.concatenate([np.ones((len(evidence), 1)), (evidence - mean) / spread], 1)

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        sums = standard @ weights
        loss = np.logaddexp(0.0, np.where(right, -sums, sums)).mean() + penalty * (weights[1:] ** 2).sum()
        slope = standard.T @ (expit(sums) - right) / len(right)
        slope[1:] += 2 * penalty * weights[1:]
        return loss, slope

    start = np.zeros(standard.shape[1])
    start[0] = logit(right.mean())
    found = minimize(cost, start, jac=True, method="BFGS").x
    weights = found[1:] / spread
    return LogisticFit(float(found[0] - weights @ mean), weights)


def left_out_sums(evidence: np.ndarray, right: np.ndarray, subjects: Sequence[str]) -> np.ndarray:
    """What results are worth to a regression on the other subjects.

    Args:
        evidence: (N, D).
        right: (N,) bool.
        subjects: N names; all results of one subject are left out together.

    Returns:
        (N,); sums as of `LogisticFit.sums`.
    """
    names = np.asarray(subjects)
    found = np.empty(len(names))
    for name in np.unique(names):
        others = names != name
        found[~others] = fit_logistic(evidence[others], np.asarray(right)[others]).sums(evidence[~others])
    return found
