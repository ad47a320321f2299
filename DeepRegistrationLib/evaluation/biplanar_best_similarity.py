"""The similarity map that an affine module should answer: the best one for the true CT."""

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_synthesis import grid_around
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.losses.biplanar_loss import volume_correlation
from DeepRegistrationLib.networks.biplanar_affine_net import similarity_matrix
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize, BiplanarViews, warp_volumes
from DeepRegistrationLib.optimize.lbfgs import minimize_lbfgs
from DeepRegistrationLib.workflows.biplanar_network_input import masked_attenuation

_GRID = BiplanarSize(volume_shape_kji=(64, 43, 64), spacing_mm=(2.0, 2.0, 3.0))
_ITERATIONS = 60


def best_similarity(atlas: tuple[Volume, Volume], patient: tuple[Volume, Volume]) -> np.ndarray:
    """The similarity map under which the atlas correlates best with a patient, masked to the bone.

    It minimizes what the affine module is trained with, with the CT before its eyes.

    Args:
        atlas: CT and labels.
        patient: CT and labels, in about the atlas's place.

    Returns:
        (4, 4) float64; atlas from patient [mm, RAS].
    """
    grid = grid_around(atlas[0].geometry, _GRID)
    views = BiplanarViews(grid, ())
    bent, target = (masked_attenuation(*images, grid) for images in (atlas, patient))

    def cost(parts: dict[str, torch.Tensor]) -> torch.Tensor:
        pose = similarity_matrix(parts["numbers"][None], views)
        return -volume_correlation(warp_volumes(bent, grid, pose), target).mean().double()

    start = {"numbers": torch.zeros(7, dtype=torch.float64)}
    found = minimize_lbfgs(cost, start, _ITERATIONS, tolerance=1e-9)
    return similarity_matrix(found["numbers"][None], views)[0].numpy()
