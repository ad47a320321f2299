"""How far the pose of a CT before its radiographs may be trusted, and why.

The similarity alone says little: soft tissue, scatter and instruments lower it at the right pose. What a
wrong pose cannot have is a fit clearly better than at any other pose; edges that lie on edges add to it. That
another measure leads to the same pose is no evidence: it does so at wrong poses, too.
"""

import math
from dataclasses import asdict, dataclass

from DeepRegistrationLib.workflows.result import Confidence, Trust
from DeepRegistrationLib.workflows.soft_step import soft_step

WEIGHTS = {"constant": 3.2, "score": 2.4, "residual": 1.7, "edges": -1.15}
"""Log odds of being right within 5 mm and 2 degrees: a regression on 36 registrations of the tuning CTs (of
`evaluate xray-confidence --trials 3 --seed 19`), held back more than there (a penalty of 0.01, not 0.001),
because right and wrong answers did not overlap at all."""
_LIMITS = {"score": math.log(3.0), "residual": math.log(4.0), "edges": 5.0}
"""Evidence beyond these tells no more."""
_MARGIN_HALF, _MARGIN_WIDTH = 0.5, 0.12
"""Weighted logarithms of both ratios: wrong answers reached 0.3, right ones began at 0.85. Without a margin
to other poses edges that lie on edges prove nothing."""
_SEEN_HALF, _SEEN_WIDTH = 0.12, 0.02
"""Part of the bones that has to be seen: other evidence does not make up for it."""
WITHIN_MM = 5.0
"""A confidence speaks of a pose within this distance, depth included."""
_HIGH, _LOW = 0.8, 0.5
_DOUBTS = {
    "score": "another pose fits nearly as well",
    "residual": "another pose leaves nearly as little unexplained",
    "edges": "projected edges do not lie on those of the radiograph",
    "seen": "the radiographs show next to nothing of the bones",
    "depth": "the distance from the source is uncertain",
}
# of right answers, to tell what is missing most from a doubtful one
_TYPICAL = {"score": 0.5, "residual": 0.7, "edges": 1.5}


@dataclass(frozen=True)
class XrayEvidence:
    """What a registration found out about its own answer.

    Attributes:
        similarity: correlation of gradients at the answer, 0..1; mean over the views.
        fit_score: mean of the share of the radiograph's fine detail that is explained and of the agreement of
            edges in their direction, 0..1; mean over the views.
        score_ratio: how many times larger this is than at the best other pose.
        residual_ratio: how many times more is missing from a perfect fit at the best other pose.
        edge_distance_mm: of projected from seen edges on the detector [mm]; the worst view.
        disagreement_deg: turn between the answers of two measures [degrees].
        disagreement_mm: shift of the anatomy's middle between them, on the detector [mm].
        seen_share: part of the projected bones that the radiographs show, 0..1; the worst view.
        depth_sigma_mm: standard deviation of the depth [mm].
        searched: 1 if other poses were looked for; 0 if the method only went downhill from the start.
    """

    similarity: float
    fit_score: float
    score_ratio: float
    residual_ratio: float
    edge_distance_mm: float
    disagreement_deg: float
    disagreement_mm: float
    seen_share: float
    depth_sigma_mm: float
    searched: float = 1.0


def pieces(evidence: XrayEvidence) -> dict[str, float]:
    """The numbers that are weighed, none larger than it may count."""
    found = {
        "score": math.log(max(evidence.score_ratio, 1e-3)),
        "residual": math.log(max(evidence.residual_ratio, 1e-3)),
        "edges": evidence.edge_distance_mm,
    }
    return {name: min(number, _LIMITS[name]) for name, number in found.items()}


def judge(evidence: XrayEvidence) -> Confidence:
    """Confidence in a pose.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason; the reason names the weakest piece of evidence.
    """
    found = pieces(evidence)
    together = WEIGHTS["constant"] + sum(WEIGHTS[name] * number for name, number in found.items())
    seen = soft_step(evidence.seen_share, _SEEN_HALF, _SEEN_WIDTH)
    margin = WEIGHTS["score"] * found["score"] + WEIGHTS["residual"] * found["residual"]
    # part of a normal distribution that lies within the distance
    depth = math.erf(WITHIN_MM / (math.sqrt(2) * max(evidence.depth_sigma_mm, 1e-6)))
    value = soft_step(together, 0.0, 1.0) * soft_step(margin, _MARGIN_HALF, _MARGIN_WIDTH) * seen * depth
    trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE if value >= _LOW else Trust.LOW
    lacking = {name: WEIGHTS[name] * (_TYPICAL[name] - number) for name, number in found.items()}
    lacking["depth"] = -math.log(max(depth, 1e-6))
    lacking["seen"] = 0.0 if seen > 0.5 else math.inf
    weakest = max(lacking, key=lacking.get)
    return Confidence(round(value, 4), trust, _reason(trust, weakest, evidence), asdict(evidence))


def _reason(trust: Trust, weakest: str, evidence: XrayEvidence) -> str:
    numbers = (
        f"edges {evidence.edge_distance_mm:.1f} mm apart on the detector, "
        f"{evidence.score_ratio:.2f} times the fit of the best other pose"
    )
    if trust == Trust.HIGH:
        return f"CT and radiograph agree ({numbers})."
    if not evidence.searched:
        numbers, weakest = "no other pose was looked for", "score"
    advice = "Check the overlay, the geometry and the start pose, or add a second view."
    doubt = _DOUBTS[weakest]
    return f"{doubt[0].upper()}{doubt[1:]} ({numbers}). {advice}"
