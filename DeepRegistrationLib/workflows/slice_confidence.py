"""How far the pose of a slice may be trusted, and why.

As for volumes: what a wrong image cannot have is a pose that fits clearly better than all others. The mirror
image of a pose is no rival: a brain is nearly symmetric, and both are reported as hypotheses. Similarity,
fitted size and the agreement of the refinements can only lower the confidence.
"""

import math
from dataclasses import asdict, dataclass

from DeepRegistrationLib.workflows.result import Confidence, Trust

_RIVAL_HALF, _RIVAL_WIDTH = 0.86, 0.015
_SIMILARITY_HALF, _SIMILARITY_WIDTH = 0.48, 0.02
_SIZE_HALF, _SIZE_WIDTH = 0.13, 0.01
_AGREEMENT_WEIGHT = 0.5
_HIGH, _LOW = 0.8, 0.5


@dataclass(frozen=True)
class SliceEvidence:
    """What a registration found out about its own answer.

    Attributes:
        similarity: mean squared local correlation at the finest level, 0..1.
        rival: how well the best different pose fits relative to the answer, 0 (none came near) to about 1.
        agreement: share of the candidates near the answer that ended at it, 0..1; None if there were none.
        size_change: logarithm of the fitted size relative to the size expected from the age.
    """

    similarity: float
    rival: float
    agreement: float | None
    size_change: float


def judge_slice(evidence: SliceEvidence) -> Confidence:
    """Confidence in the pose of a slice, up to its mirror image.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason; the reason names the weakest piece of evidence.
    """
    parts = {
        "rival": _step(-evidence.rival, -_RIVAL_HALF, _RIVAL_WIDTH),
        "similarity": _step(evidence.similarity, _SIMILARITY_HALF, _SIMILARITY_WIDTH),
        "size": _step(-abs(evidence.size_change), -_SIZE_HALF, _SIZE_WIDTH),
        "agreement": 1.0
        if evidence.agreement is None
        else 1 - _AGREEMENT_WEIGHT + _AGREEMENT_WEIGHT * evidence.agreement,
    }
    value = math.prod(parts.values())
    trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE if value >= _LOW else Trust.LOW
    weakest = min(parts, key=parts.get)
    return Confidence(
        value=round(value, 4),
        trust=trust,
        reason=_reason(trust, weakest, evidence),
        evidence={name: number for name, number in asdict(evidence).items() if number is not None},
    )


def _reason(trust: Trust, weakest: str, evidence: SliceEvidence) -> str:
    if evidence.rival == 0:
        fits = "No other place in the atlas fits nearly as well"
    else:
        fits = f"The best other place in the atlas fits {100 * (1 - evidence.rival):.0f} % less well"
    if trust == Trust.HIGH:
        return f"{fits}."
    why = {
        "rival": f"another place in the atlas fits {100 * evidence.rival:.0f} % as well",
        "similarity": f"its structures hardly match the atlas ({evidence.similarity:.2f} of 1)",
        "size": f"its size differs by {100 * abs(math.expm1(evidence.size_change)):.0f} % from the atlas",
        "agreement": "searches that began near this place ended elsewhere",
    }[weakest]
    if trust == Trust.MODERATE:
        return f"{why[0].upper()}{why[1:]}. Check the matching atlas slice before you rely on it."
    return (
        f"This does not look like a slice of a fetal brain of this age, or the mask missed it: {why}. "
        "Choose a slice nearer to the middle of the brain, or give a brain mask and the gestational age."
    )


def _step(value: float, half: float, width: float) -> float:
    """Logistic step from 0 to 1 that is a half at `half`."""
    return 1 / (1 + math.exp(-max(min((value - half) / width, 40), -40)))
