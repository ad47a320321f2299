"""Other patients from few CTs: another part, another size, another shape, other densities."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.data.xray_cubes import XrayCube
from DeepRegistrationLib.geometry.grid import index_grid, sample
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector


@dataclass(frozen=True)
class AnatomySettings:
    """How far the anatomy varies.

    Attributes:
        off_centre: largest share of the way from the CT's middle to a random bone voxel at which the middle
            of the cube is put.
        size: standard deviation of the logarithm of the size.
        stretch: of the logarithm of the length along each axis.
        deformation_mm: of the smooth displacement [mm].
        control_points: of the displacement along each edge.
        mirrored: share of the samples that exchange left and right.
        view_deg: turn about the long axis of the body, uniform up to this [degrees]: which side is seen.
        tilt_deg: standard deviation of a further turn about each axis [degrees].
        bone: standard deviation of the logarithm of the density of bone.
        soft: largest factor of the soft tissue.
        no_soft: share of the samples without soft tissue.
        labelled: share of the samples whose moving volume has the bones of the labels; half of the others
            has what is as dense as bone, half has that without specks and with the marrow.
    """

    off_centre: float = 0.7
    size: float = 0.1
    stretch: float = 0.05
    deformation_mm: float = 5.0
    control_points: int = 6
    mirrored: float = 0.5
    view_deg: float = 45.0
    tilt_deg: float = 7.0
    bone: float = 0.15
    soft: float = 1.3
    no_soft: float = 0.3
    labelled: float = 0.5


def random_anatomy(
    cube: XrayCube, size: int, settings: AnatomySettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A patient around a point that is looked at.

    Args:
        cube: of a real patient.
        size: voxels n along each edge, as large as those of `cube`.
        settings: how far the new one differs.
        generator: source of randomness, on the device of the cube.

    Returns:
        everything (n, n, n), what the target shows; bone (n, n, n), 0 elsewhere, what the moving image shows;
        both in units of water's attenuation.
    """
    device = generator.device

    def uniform() -> torch.Tensor:
        return torch.rand((), generator=generator, device=device)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=device)

    offsets = (index_grid((size,) * 3, device) - (size - 1) / 2).reshape(-1, 3)  # (n^3, 3) [voxels]
    moved = random_field(1, 3, size, settings.control_points, 3, generator)[0].reshape(3, -1).T
    offsets = offsets + settings.deformation_mm / cube.voxel_mm * moved
    view = torch.zeros(3, device=device)
    view[2] = torch.deg2rad(settings.view_deg * (2 * uniform() - 1))
    tilt = torch.deg2rad(settings.tilt_deg * normal(3))
    lengths = (settings.size * normal(1) + settings.stretch * normal(3)).exp()
    if uniform() < settings.mirrored:
        lengths[0] = -lengths[0]  # x runs from left to right
    turned = matrix_from_rotation_vector(tilt) @ matrix_from_rotation_vector(view)
    # p = diag(1 / lengths) R^T x; row vectors, so the factor on the right is R diag(1 / lengths)
    offsets = offsets @ (turned / lengths)
    picked = int(torch.randint(len(cube.bones), (1,), generator=generator, device=device))
    middle = settings.off_centre * uniform() * cube.bones[picked] / cube.voxel_mm
    origin = (torch.tensor(cube.channels.shape[:0:-1], device=device) - 1) / 2  # i, j, k
    shown = _shown(cube, settings, generator)
    values = sample(shown[None], (offsets + middle + origin)[None])[0]
    everything, bone = values.reshape(2, size, size, size)
    return everything, bone


def _shown(cube: XrayCube, settings: AnatomySettings, generator: torch.Generator) -> torch.Tensor:
    """(2, K, J, I); what target and moving image show of the CT, before anything is moved."""
    device = generator.device
    drawn = torch.rand(4, generator=generator, device=device)
    everything, dense, whole, labelled = cube.channels
    others = dense if drawn[0] < 0.5 else whole
    chosen = labelled if drawn[1] < settings.labelled else others
    soft = 0.0 if drawn[2] < settings.no_soft else settings.soft * drawn[3]
    in_bone = (settings.bone * torch.randn((), generator=generator, device=device)).exp()
    is_bone = torch.maximum(whole, labelled)
    return torch.stack([everything * (soft + is_bone * (in_bone - soft)), everything * chosen])
