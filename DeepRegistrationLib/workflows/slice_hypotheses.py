"""The two poses at which one slice of a nearly symmetric brain fits, with their probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_TEMPERATURE = 0.0105
"""Difference in similarity by which one hypothesis becomes e times as probable as the other. Most likely on
199 slices of eleven brains that were right up to their mirror image; of the first hypotheses 81 % were."""
CLOSE = 0.95
"""The second hypothesis is worth a word as long as the first is not more probable than this."""


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One possible pose.

    Attributes:
        matrix: (4, 4) float64; atlas RAS from slice RAS, rigid [mm].
        probability: that it is the right one of those listed.
        similarity: of the slice and the atlas there, 0 to 1.
    """

    matrix: np.ndarray
    probability: float
    similarity: float


def weigh(matrices: Sequence[np.ndarray], similarities: Sequence[float]) -> tuple[Hypothesis, ...]:
    """Hypotheses with their probabilities, the most probable first.

    Args:
        matrices: (4, 4) each; atlas RAS from slice RAS.
        similarities: of each.

    Source: a logistic curve of the difference in similarity, fitted on slices of which the truth is known.
    """
    best = max(similarities)
    weights = [math.exp((similarity - best) / _TEMPERATURE) for similarity in similarities]
    found = [
        Hypothesis(matrix, weight / sum(weights), similarity)
        for matrix, weight, similarity in zip(matrices, weights, similarities, strict=True)
    ]
    return tuple(sorted(found, key=lambda hypothesis: -hypothesis.probability))


def is_open(hypotheses: Sequence[Hypothesis]) -> bool:
    """True if the second hypothesis may well be the right one."""
    return len(hypotheses) > 1 and hypotheses[0].probability < CLOSE


def in_words(hypotheses: Sequence[Hypothesis], slice_centre_ras: np.ndarray) -> str:
    """How two hypotheses differ, for the reader of a result.

    Args:
        hypotheses: two of them.
        slice_centre_ras: (3,); centroid of the slice [mm, RAS].

    Returns:
        One or two sentences.
    """
    first, second = hypotheses[:2]
    turn = first.matrix[:3, :3].T @ second.matrix[:3, :3]
    angle_deg = math.degrees(math.acos(float(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    centres = [(entry.matrix @ np.append(slice_centre_ras, 1.0))[:3] for entry in (first, second)]
    apart_mm = float(np.linalg.norm(centres[0] - centres[1]))
    return (
        "A brain looks nearly the same left and right, so this slice fits at two mirrored places: the first "
        f"with a probability of {100 * first.probability:.0f} %, the second with "
        f"{100 * second.probability:.0f} %. They are {angle_deg:.0f} degrees and {apart_mm:.0f} mm apart. "
        "A second slice, or knowing which side of the slice faces the head, settles it."
    )
