"""How far the motion between two ultrasound frames may be trusted, and why.

Frames that do not show the same tissue (shuffled, out of plane, speckle that has changed) still have a best
fit; what gives them away is that every patch of tissue would like to go elsewhere, that the frames fit
badly, and that the angle is ill-determined there.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from DeepRegistrationLib.workflows.result import Confidence, Trust

EVIDENCE = ("correlation", "texture", "sigma", "patch motion")
_CONSTANT, _WEIGHTS = -1.66, (3.99, 3.01, -1.65, -3.19)
"""Logistic regression of "same place, and the angle is right within half a degree", in the order of
`EVIDENCE`; `deepregistration evaluate us-confidence` fits and prints these numbers, from the validation
subjects only."""
_LARGEST = 3.0
"""Logarithms beyond this tell no more."""
_HIGH, _LOW = 0.8, 0.5


@dataclass(frozen=True)
class PairEvidence:
    """What a registration found out about one pair.

    Attributes:
        correlation: of the locally normalized frames at the answer, -1 to 1.
        texture: correlation of the speckle alone, -1 to 1.
        angle_sigma_deg: expected error of the angle from the residual [degrees].
        overlap: share of the sector that both frames show, 0 to 1.
        angle_change_deg: how far refinement turned from its start [degrees].
        shift_change: how far it moved [% of the image's edge].
        patch_motion: how far patches would still move against each other [% of the image's edge].
    """

    correlation: float
    texture: float
    angle_sigma_deg: float
    overlap: float
    angle_change_deg: float
    shift_change: float
    patch_motion: float

    def numbers(self) -> np.ndarray:
        """(4,); the evidence as the regression takes it."""
        sigma = math.log(max(self.angle_sigma_deg, 1e-4) / 0.05)
        patch = math.log(max(self.patch_motion, 1e-2) / 0.3)
        return np.array([self.correlation, self.texture, min(sigma, _LARGEST), min(patch, _LARGEST)])


def confidence_values(evidence: np.ndarray) -> np.ndarray:
    """(N,); confidence in pairs with evidence (N, 4), as `PairEvidence.numbers` gives it; 0 to 1."""
    total = _CONSTANT + np.asarray(evidence) @ np.array(_WEIGHTS)
    return 1 / (1 + np.exp(-np.clip(total, -40, 40)))


def judge_pair(evidence: PairEvidence) -> Confidence:
    """Confidence in the motion between two frames.

    Args:
        evidence: what is known about it.

    Returns:
        Value, word and reason.
    """
    value = float(confidence_values(evidence.numbers()[None])[0])
    if value >= _LOW:
        trust = Trust.HIGH if value >= _HIGH else Trust.MODERATE
        reason = (
            f"the frames fit (correlation {evidence.correlation:.2f}), the angle is certain to about "
            f"{evidence.angle_sigma_deg:.2g} degrees."
        )
    else:
        trust = Trust.LOW
        reason = (
            f"the frames hardly fit (correlation {evidence.correlation:.2f}, of the speckle alone "
            f"{evidence.texture:.2f}; parts of them are still {evidence.patch_motion:.1f} % of the image "
            "apart): they may show different places, or the speckle has changed too much. Take frames that "
            "follow each other more closely."
        )
    return Confidence(value, trust, reason, {name: float(of) for name, of in asdict(evidence).items()})


def judge_frames(pairs: tuple[Confidence, ...], chosen: tuple[int, int]) -> Confidence:
    """Confidence in a whole result.

    Args:
        pairs: of each pair of consecutive frames.
        chosen: indices of the two pairs of the triplet that is reported.

    Returns:
        For three frames that of the worse pair; for a sweep the share of pairs that may be trusted.
    """
    if len(pairs) == 2:
        return min((pairs[index] for index in chosen), key=lambda entry: entry.value)
    values = np.array([entry.value for entry in pairs])
    refused = int((values < _LOW).sum())
    value = float(values.mean())
    evidence = {"pairs": float(len(pairs)), "refused": float(refused), "lowest": float(values.min())}
    if refused == 0:
        reason = f"all {len(pairs)} motions between consecutive frames fit."
    else:
        which = ", ".join(f"{k}-{k + 1}" for k in np.nonzero(values < _LOW)[0][:6])
        more = ", ..." if refused > 6 else ""
        reason = (
            f"{refused} of {len(pairs)} motions were refused (frames {which}{more}); the chain takes them "
            "as no motion."
        )
    share = 1 - refused / len(pairs)
    trust = Trust.LOW if share < 0.5 else (Trust.HIGH if refused == 0 and value >= _HIGH else Trust.MODERATE)
    if trust == Trust.LOW:
        value = min(value, _LOW - 0.01)
    return Confidence(value, trust, reason, evidence)
