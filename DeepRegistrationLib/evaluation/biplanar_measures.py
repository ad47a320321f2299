"""How well a bone that was found covers the true one, on the grid of the patient's CT."""

import torch

from DeepRegistrationLib.evaluation.biplanar_cases import BiplanarCase
from DeepRegistrationLib.evaluation.overlap_metrics import overlap
from DeepRegistrationLib.evaluation.surface_metrics import surface_distance_mm

FAILED_DICE = 0.85
"""A fit with less overlap, or without a result, counts as failed."""


def bone_figures(found: torch.Tensor, case: BiplanarCase) -> dict[str, float]:
    """Overlap and distances of surfaces.

    Args:
        found: (K, J, I) bool; on the grid of the patient's labels.
        case: the truth.

    Returns:
        dice, jaccard, assd_mm, hausdorff_mm; distances are NaN if nothing was found.
    """
    found = within_ct(found, case)
    agreement = overlap(found, case.labels.values)
    distances = [float("nan")] * 2
    if bool(found.any()):
        distance = surface_distance_mm(found, case.labels.values, case.labels.geometry)
        distances = [distance.average_mm, distance.hausdorff_95_mm]
    return {
        "dice": agreement.dice,
        "jaccard": agreement.jaccard,
        "assd_mm": distances[0],
        "hausdorff_mm": distances[1],
    }


def within_ct(found: torch.Tensor, case: BiplanarCase) -> torch.Tensor:
    """A bone (K, J, I) bool without what lies below the end of the patient's CT.

    The bone goes on there; nobody knows how.
    """
    found = found.clone()
    found[: int(torch.nonzero(case.labels.values.flatten(1).any(1))[0])] = False
    return found
