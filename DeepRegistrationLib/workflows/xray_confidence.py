"""How far the pose of a CT before its radiographs may be trusted, and why.

The similarity alone says little: soft tissue, scatter and instruments lower it at the right pose. What a
wrong pose cannot have is all of these at once: a residual clearly smaller than at any other pose, edges that
lie on edges, and the same answer by another measure.
"""

from dataclasses import asdict, dataclass

from DeepRegistrationLib.workflows.result import Confidence, Trust
from DeepRegistrationLib.workflows.soft_step import soft_step


@dataclass(frozen=True)
class XrayEvidence:
    """What a registration found out about its own answer.

    Attributes:
        similarity: correlation of gradients at the answer, 0..1; mean over the views.
        edge_score: mean of correlation of gradients and gradient orientation, 0..1; mean over the views.
        score_ratio: how many times larger this is than at the best other pose.
        residual_ratio: how many times larger the unexplained part is at the best other pose.
        edge_distance_mm: of projected from seen edges on the detector [mm]; the worst view.
        disagreement_deg: turn between the answers of two measures [degrees].
        disagreement_mm: shift of the anatomy's middle between them, across the beam [mm].
        seen_share: part of the projected bones that the radiographs show, 0..1; the worst view.
        depth_sigma_mm: standard deviation of the depth [mm].
    """

    similarity: float
    edge_score: float
    score_ratio: float
    residual_ratio: float
    edge_distance_mm: float
    disagreement_deg: float
    disagreement_mm: float
    seen_share: float
    depth_sigma_mm: float


@dataclass(frozen=True)
class _Step:
    """When a piece of evidence is worth a half, and how far from there it is worth 0.73."""

    half: float
    width: float
    text: str


# set by `fit_steps` on the CTs for tuning only
_STEPS = {
    "residual_ratio": _Step(1.35, 0.08, "another pose fits nearly as well"),
    "similarity": _Step(0.12, 0.03, "the edges of radiograph and projected CT hardly agree"),
    "edge_distance_mm": _Step(-3.2, 0.4, "projected edges do not lie on those of the radiograph"),
    "disagreement_deg": _Step(-3.0, 0.5, "two measures lead to different poses"),
    "seen_share": _Step(0.15, 0.04, "the radiographs show next to nothing of the bones"),
}
_HIGH, _LOW = 0.8, 0.5


def judge(evidence: XrayEvidence) -> Confidence:
    """Confidence in a pose.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason; the reason names the weakest piece of evidence.
    """
    parts = {name: _worth(name, getattr(evidence, name)) for name in _STEPS}
    weakest = min(parts, key=parts.get)
    value = 1.0
    for part in parts.values():
        value *= part
    trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE if value >= _LOW else Trust.LOW
    return Confidence(round(value, 4), trust, _reason(trust, weakest, evidence), asdict(evidence))


def _worth(name: str, number: float) -> float:
    step = _STEPS[name]
    # a negative half belongs to evidence that speaks against the pose when it is large
    signed = -number if step.half < 0 else number
    return soft_step(signed, step.half, step.width)


def _reason(trust: Trust, weakest: str, evidence: XrayEvidence) -> str:
    numbers = (
        f"edges {evidence.edge_distance_mm:.1f} mm apart on the detector, correlation of edges "
        f"{evidence.similarity:.2f}, the best other pose leaves {evidence.residual_ratio:.1f} times as much"
    )
    if trust == Trust.HIGH:
        return f"CT and radiograph agree ({numbers})."
    advice = "Check the overlay, the geometry and the start pose, or add a second view."
    doubt = _STEPS[weakest].text
    return f"{doubt[0].upper()}{doubt[1:]} ({numbers}). {advice}"
