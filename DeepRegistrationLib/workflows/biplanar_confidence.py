"""How far a bent atlas may be trusted, and why.

Radiographs that match well can still leave a shape wrong where they do not see it; but radiographs that do
not match mean a wrong one. What is weighed: edges within the shadow, outlines where they are known, how
unusual the shape is for the model, folds, and how uncertain its place remains.
"""

import math
from dataclasses import asdict, dataclass

from DeepRegistrationLib.workflows.result import Confidence, Trust
from DeepRegistrationLib.workflows.soft_step import soft_step

_HIGH, _LOW = 0.8, 0.5
_LIMITS = {
    "edges": (0.25, 0.06),
    "outline": (3.0, -0.6),
    "unusual": (1.0, -0.07),
    "uncertainty": (6.0, -1.2),
}
"""Where a piece of evidence counts half, and how fast it changes; with a negative width larger is worse. How
unusual a shape may be: on patients of the validation subject right fits reached 0.7, and fits of left bones
from the right one of the atlas, with a Dice of 0.81 to 0.87, began at 1.06."""
_UNMASKED = 0.45
"""Factor where the shadow of the bone is not known in every view: edges agreed in a fit that had gone wrong.
Below `_LOW`: such a result is to be looked at."""
_DOUBTS = {
    "edges": "edges within the bone's shadow do not lie on those of the atlas",
    "outline": "the outline of the bent atlas is not that of the shadow",
    "unusual": "the shape or its start is far from all that the model knows, as the other side would be",
    "uncertainty": "the views leave the place of the bone open",
    "folded": "the deformation folds",
    "masks": "without the bone's outline in every view, edges alone do not tell right from wrong",
}


@dataclass(frozen=True)
class BiplanarEvidence:
    """What a fit found out about its own answer.

    Attributes:
        edges: correlation of edges within the shadow, of the worst view.
        outline_mm: mean distance of the outlines at the bone, of the worst view that has a mask [mm]; NaN
            without any.
        unusual: root mean square of the numbers of pose, proportions and modes, in standard deviations.
        uncertainty_mm: mean standard deviation of the place of the bone [mm].
        folded: voxels at which the map folds.
        masked: part of the views whose mask was given.
    """

    edges: float
    outline_mm: float
    unusual: float
    uncertainty_mm: float
    folded: int
    masked: float


def judge(evidence: BiplanarEvidence) -> Confidence:
    """Confidence in a bent atlas.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason; the reason names the weakest piece of evidence.
    """
    numbers = {
        "edges": evidence.edges,
        "outline": evidence.outline_mm,
        "unusual": evidence.unusual,
        "uncertainty": evidence.uncertainty_mm,
    }
    parts = {
        name: soft_step(number, *_LIMITS[name]) for name, number in numbers.items() if not math.isnan(number)
    }
    parts["folded"] = 1.0 if evidence.folded == 0 else 0.0
    parts["masks"] = 1.0 if evidence.masked == 1 else _UNMASKED
    value = math.prod(parts.values())
    trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE if value >= _LOW else Trust.LOW
    outline = "" if math.isnan(evidence.outline_mm) else f"outlines {evidence.outline_mm:.1f} mm apart, "
    words = f"{outline}edges agree by {evidence.edges:.2f}"
    if trust is Trust.HIGH:
        reason = f"Atlas and radiographs agree ({words})."
    else:
        doubt = _DOUBTS[min(parts, key=parts.get)]
        reason = (
            f"{doubt[0].upper()}{doubt[1:]} ({words}). Check the overlays, the geometry of both views and "
            "the masks."
        )
    return Confidence(round(value, 4), trust, reason, asdict(evidence))
