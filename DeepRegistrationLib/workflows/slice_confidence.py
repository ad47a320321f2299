"""How far the pose of a slice may be trusted, and why.

As for volumes: what a wrong image cannot have is a pose that fits clearly better than all others. The mirror
image of a pose is no rival: a brain is nearly symmetric, and both are reported as hypotheses. Similarity
and what the slice net would have said are weighed with it; the net errs in other ways than a search does.
"""

import math
from dataclasses import asdict, dataclass

from DeepRegistrationLib.workflows.result import Confidence, Trust
from DeepRegistrationLib.workflows.soft_step import soft_step

WEIGHTS = {"constant": 1.91, "similarity": 11.14, "rival": -4.36, "net": -0.10}
"""Logistic regression of "right within 10 degrees, up to the mirror" on 208 slices of thirteen brains that no
other study reports on (`deepregistration evaluate slice-confidence`, docs/evaluation/slice-confidence.md)."""
_TYPICAL = {"similarity": 0.6, "rival": 0.7, "net": 14.0}
"""About what right ones have; what is not known is taken from here."""
_RIVAL_HALF, _RIVAL_WIDTH = 0.98, 0.015
_SIMILARITY_HALF, _SIMILARITY_WIDTH = 0.31, 0.015
_SIZE_HALF, _SIZE_WIDTH = 0.16, 0.01
"""Beyond these hardly any slice was right: other evidence does not make up for them."""
FARTHEST_NET_DEG = 60.0
"""A net that is off tells no more when it is off by more."""
_HIGH, _LOW = 0.8, 0.5


@dataclass(frozen=True)
class SliceEvidence:
    """What a registration found out about its own answer.

    Attributes:
        similarity: mean squared local correlation at the finest level, 0..1.
        rival: how well the best different pose fits relative to the answer, 0 (none came near) to about 1.
        agreement: share of the candidates near the answer that ended at it, 0..1; None if there were none.
            It is told and not weighed: what it tells the others tell better.
        size_change: logarithm of the fitted size relative to the size expected from the age.
        net_deg: median angle between the answer or its mirror image and what the slice net says at several
            turns [degrees]; None if it was not asked, or is the answer.
    """

    similarity: float
    rival: float
    agreement: float | None
    size_change: float
    net_deg: float | None = None


def judge_slice(evidence: SliceEvidence) -> Confidence:
    """Confidence in the pose of a slice, up to its mirror image.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason; the reason names the weakest piece of evidence.
    """
    known = {
        "rival": evidence.rival,
        "similarity": evidence.similarity,
        "size": abs(evidence.size_change),
        "net": _TYPICAL["net"] if evidence.net_deg is None else min(evidence.net_deg, FARTHEST_NET_DEG),
    }
    weights = {name: WEIGHTS[name] for name in ("rival", "similarity", "net")}
    limits = {
        "rival": soft_step(-evidence.rival, -_RIVAL_HALF, _RIVAL_WIDTH),
        "similarity": soft_step(evidence.similarity, _SIMILARITY_HALF, _SIMILARITY_WIDTH),
        "size": soft_step(-known["size"], -_SIZE_HALF, _SIZE_WIDTH),
    }
    together = WEIGHTS["constant"] + sum(weight * known[name] for name, weight in weights.items())
    value = soft_step(together, 0.0, 1.0) * math.prod(limits.values())
    lacking = dict.fromkeys(known, 0.0)
    for name, weight in weights.items():
        lacking[name] += weight * (_TYPICAL[name] - known[name])
    for name, limit in limits.items():
        lacking[name] -= math.log(limit)
    trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE if value >= _LOW else Trust.LOW
    weakest = max(lacking, key=lacking.get)
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
        "net": "the slice net sees it turned otherwise",
    }[weakest]
    if trust == Trust.MODERATE:
        return f"{why[0].upper()}{why[1:]}. Check the matching atlas slice before you rely on it."
    return (
        f"This does not look like a slice of a fetal brain of this age, or the mask missed it: {why}. "
        "Choose a slice nearer to the middle of the brain, or give a brain mask and the gestational age."
    )
