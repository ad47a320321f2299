"""A T1-weighted brain made to look T2-weighted, so that methods trained on T2 can register it.

After Mohseni Salehi et al., arXiv:1803.05982, section 3.4 (figures 8 and 9): a generator trained against a
discriminator translates slices. Beyond the paper: a brain may lie in any orientation, so the generator was
trained on slices of every orientation, and the volume is translated along three directions, whose mean is
free of the steps between slices.
"""

import numpy as np
import torch

from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE, cube_geometry
from DeepRegistrationLib.images.intensity import normalize_robust
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

T1_TO_T2 = "fetal-t1-to-t2"
"""In the catalog of models."""

_SLICES_AT_ONCE = 32


def t1_to_t2(brain: PreparedBrain) -> PreparedBrain:
    """Translates a prepared T1-weighted brain with the generator of the catalogue.

    Args:
        brain: T1-weighted, in any orientation.

    Returns:
        T2-like brain; see `t2_like`.

    Raises:
        InputError: the catalogue has no such model.
        RegistrationError: its weights are missing or damaged.
    """
    generator = load_model(T1_TO_T2, brain.image.values.device)
    grid = find_model(T1_TO_T2).input_grid
    return t2_like(brain, generator, grid.size, grid.half_edge_radii)


def t2_like(
    brain: PreparedBrain, generator: ContrastGenerator, size: int = 64, half_edge: float = HALF_EDGE
) -> PreparedBrain:
    """Translates a prepared T1-weighted brain.

    Args:
        brain: T1-weighted, in any orientation; the values of its image as `prepare_brain` makes them.
        generator: trained for T1 to T2, in evaluation mode, on the device of the brain.
        size: voxels along each edge of the cube on which slices are translated; a multiple of the generator's
            2^depth. The generator was trained at 64.
        half_edge: from the centre to the first and to the last voxel centre of that cube [brain radii].

    Returns:
        T2-like brain, image and mask on that cube (axes RAS), again 0.1..1 inside; centre and
        radius are those of `brain`.

    Source: see the module; the mean of three directions is ours.
    """
    ras_from_brain = np.eye(4)
    ras_from_brain[:3, 3] = brain.centre_ras
    cube = cube_geometry(size, brain.radius_mm, ras_from_brain, half_edge)
    image, mask = (resample(level, cube) for level in brain.level(float(cube.spacing_mm[0])))
    inside = mask.values > 0.5
    weight = inside.float()
    # smoothing mixed the surface with the background: what is left of the brain in each voxel is taken
    values = (image.values / mask.values.clamp(min=0.5)) * weight
    made = _mean_of_directions(2 * values - 1, inside, generator)
    scaled = 0.1 + 0.9 * normalize_robust(made, inside)
    return PreparedBrain(
        image=Volume(scaled * weight, cube, f"{brain.image.name} as T2"),
        mask=Volume(weight, cube, brain.mask.name),
        centre_ras=brain.centre_ras,
        radius_mm=brain.radius_mm,
    )


def _mean_of_directions(
    values: torch.Tensor, inside: torch.Tensor, generator: ContrastGenerator
) -> torch.Tensor:
    """(K, J, I) from values -1..1; slices without brain are left out."""
    along = [translated(values.movedim(axis, 0), inside.movedim(axis, 0), generator) for axis in range(3)]
    return sum(made.movedim(0, axis) for axis, made in enumerate(along)) / 3


@torch.no_grad()
def translated(slices: torch.Tensor, inside: torch.Tensor, generator: ContrastGenerator) -> torch.Tensor:
    """Translates slices one by one.

    Args:
        slices: (N, J, I) float32; -1 outside of the brain, -1..1 inside.
        inside: (N, J, I) bool; the brain.
        generator: trained for T1 to T2, in evaluation mode.

    Returns:
        (N, J, I) of the same range; 0 in slices without brain.
    """
    made = torch.zeros_like(slices)
    numbers = torch.nonzero(inside.flatten(1).any(1)).flatten()
    for some in numbers.split(_SLICES_AT_ONCE):
        made[some] = generator(slices[some][:, None])[:, 0]
    return made
