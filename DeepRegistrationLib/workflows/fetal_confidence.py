"""How far a pose may be trusted, and why.

The similarity of an answer alone says little: an ellipsoid of the right size correlates with any brain. What
a wrong image cannot have is a pose that fits clearly better than all others. The margin to the best
different pose therefore carries the confidence; similarity, size and the agreement of the refinements can
only lower it.

The constants were set on one registration each of 31 brains and 17 other objects (CTs, ellipsoids, balls cut
out of CTs, noise) and are measured on other trials by `evaluate fetal-volume`.
"""

import math
from dataclasses import asdict, dataclass

from DeepRegistrationLib.workflows.result import Confidence, Trust
from DeepRegistrationLib.workflows.soft_step import soft_step

# margins were 0.079 to 0.49 for right answers and below 0.028 for other objects
_MARGIN_HALF, _MARGIN_WIDTH = 0.048, 0.011
# local correlations were above 0.48 for right answers
_CORRELATION_HALF, _CORRELATION_WIDTH = 0.38, 0.025
# fetal brains from week 20 to newborns of 3 months have 50 to 650 mL; adults more than 1000 mL
_SMALLEST_ML, _SMALLEST_WIDTH_ML = 35.0, 5.0
_LARGEST_ML, _LARGEST_WIDTH_ML = 850.0, 30.0
# the last refinement turned right answers by less than 1.6 degrees
_TURN_HALF_DEG, _TURN_WIDTH_DEG = 5.0, 0.8
_HIGH, _LOW = 0.8, 0.5


@dataclass(frozen=True)
class PoseEvidence:
    """What a registration found out about its own answer.

    Attributes:
        local_correlation: mean squared local correlation at the medium level, 0..1.
        runner_up: the same of the best pose that differs by more than 20 degrees.
        agreement: share of the candidates near the answer that ended at it, 0..1; None if there were none.
        brain_volume_ml: size of the subject's brain, from the fitted scale [mL].
        turned_deg: angle by which the last refinement still turned the pose [degrees].
    """

    local_correlation: float
    runner_up: float
    agreement: float | None
    brain_volume_ml: float
    turned_deg: float

    @property
    def margin(self) -> float:
        """How much better the answer fits than the best different pose."""
        return self.local_correlation - self.runner_up


def judge(evidence: PoseEvidence) -> Confidence:
    """Confidence in a pose.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason; the reason names the weakest piece of evidence.
    """
    parts = {
        "margin": soft_step(evidence.margin, _MARGIN_HALF, _MARGIN_WIDTH),
        "correlation": soft_step(evidence.local_correlation, _CORRELATION_HALF, _CORRELATION_WIDTH),
        "size": min(
            soft_step(evidence.brain_volume_ml, _SMALLEST_ML, _SMALLEST_WIDTH_ML),
            soft_step(-evidence.brain_volume_ml, -_LARGEST_ML, _LARGEST_WIDTH_ML),
        ),
        "stability": soft_step(-evidence.turned_deg, -_TURN_HALF_DEG, _TURN_WIDTH_DEG),
    }
    # candidates that disagree are normal for difficult anatomy, so they take away a quarter at most
    agreement = 1.0 if evidence.agreement is None else 0.75 + 0.25 * evidence.agreement
    value = math.prod(parts.values())
    if parts["margin"] < 0.98:
        value *= agreement
    trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE if value >= _LOW else Trust.LOW
    weakest = min(parts, key=parts.get)
    numbers = {name: number for name, number in asdict(evidence).items() if number is not None}
    return Confidence(
        value=round(value, 4),
        trust=trust,
        reason=_reason(trust, weakest, evidence),
        evidence={**numbers, "margin": evidence.margin},
    )


def _reason(trust: Trust, weakest: str, evidence: PoseEvidence) -> str:
    fits = f"{evidence.runner_up:.2f} against {evidence.local_correlation:.2f}"
    if trust == Trust.HIGH:
        return f"The next best orientation scores far lower ({fits})."
    if trust == Trust.MODERATE:
        return (
            f"Another orientation scores only somewhat lower ({fits}). "
            "Check the overlay before you rely on it."
        )
    if weakest == "stability":
        return (
            f"The orientation is not settled: refining it turned it by {evidence.turned_deg:.1f} degrees. "
            "Choose the method 'auto', or give a brain mask and the gestational age."
        )
    why = {
        "margin": f"another orientation fits almost as well ({fits})",
        "correlation": f"its structures hardly match ({evidence.local_correlation:.2f} of 1)",
        "size": f"its size is {evidence.brain_volume_ml:.0f} mL, fetal brains have 50 to 650 mL",
    }[weakest]
    return (
        f"This does not look like a fetal brain, or the mask missed it: {why}. "
        "Choose another image, or give a brain mask and the gestational age."
    )
