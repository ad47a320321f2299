import dataclasses

import pytest
import torch

from DeepRegistrationLib.data.random_poses import SlicePoses, half_space_slices
from DeepRegistrationLib.data.slice_synthesis import SliceSynthesis, synthesize_slices
from DeepRegistrationLib.geometry.canonical_grid import square_offsets
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.slice_mirror import in_half_space, mirrored
from Testing.Lib.data.synthetic_subjects import (
    NOTHING_FOREIGN,
    PLAIN_CONTRAST,
    PLAIN_SCANNER,
    PLAIN_SHAPE,
    brightest,
    subjects_with,
)

PLAIN = SliceSynthesis(
    PLAIN_CONTRAST,
    PLAIN_SHAPE,
    NOTHING_FOREIGN,
    PLAIN_SCANNER,
    shift=0.0,
    thickness=0.0,
    slices_per_brain=1,
)
POINT = torch.tensor([0.3, -0.4, 0.25])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slices_of(poses: SlicePoses, settings: SliceSynthesis = PLAIN, symmetric: bool = False) -> torch.Tensor:
    subjects = subjects_with(tuple(POINT.tolist()), symmetric=symmetric)
    groups = torch.zeros(len(poses.offset) // settings.slices_per_brain, dtype=torch.long)
    return synthesize_slices(subjects, groups, poses, 64, settings, generator(9))


def test_a_slice_through_a_point_shows_it_at_its_coordinates_in_the_plane():
    # a symmetric brain, because half of the brains have their sides exchanged
    rotation = uniform_random_rotations(8, generator(), torch.float32)
    u, v, d = (rotation @ POINT).unbind(-1)
    shown = slices_of(SlicePoses(rotation, d), symmetric=True)
    found = square_offsets(64).reshape(-1, 2)[shown.flatten(1).argmax(1)]
    assert torch.allclose(found, torch.stack([u, v], -1), atol=0.1)


def test_a_slice_beside_the_point_does_not_show_it():
    rotation = uniform_random_rotations(4, generator(1), torch.float32)
    through = slices_of(SlicePoses(rotation, (rotation @ POINT)[:, 2]), symmetric=True)
    beside = slices_of(SlicePoses(rotation, (rotation @ POINT)[:, 2] + 0.45), symmetric=True)
    assert (through.amax((1, 2, 3)) > 3).all()
    assert (beside.amax((1, 2, 3)) < through.amax((1, 2, 3))).all()


def test_the_twin_of_a_slice_shows_the_same_picture_of_a_symmetric_brain():
    rotation = uniform_random_rotations(5, generator(2), torch.float32)
    poses = SlicePoses(rotation, torch.linspace(-0.5, 0.5, 5))
    twins = SlicePoses(*mirrored(poses.rotation, poses.offset))
    assert torch.linalg.det(twins.rotation).allclose(torch.ones(5))
    difference = slices_of(poses, symmetric=True) - slices_of(twins, symmetric=True)
    assert difference.abs().mean() < 0.02


def test_the_twin_of_the_twin_is_the_slice_and_one_of_them_is_in_the_half_space():
    rotation = uniform_random_rotations(50, generator(3), torch.float32)
    offset = torch.linspace(-1, 1, 50)
    twin, twin_offset = mirrored(rotation, offset)
    again, offset_again = mirrored(twin, twin_offset)
    assert torch.equal(again, rotation)
    assert torch.equal(offset_again, offset)
    assert (in_half_space(rotation) ^ in_half_space(twin)).all()


def test_slices_are_centred_on_their_section():
    settings = dataclasses.replace(PLAIN, slices_per_brain=4)
    rotation = uniform_random_rotations(4, generator(4), torch.float32)
    subjects = subjects_with((0.0, 0.0, 0.0))
    # a brain that lies beside the centre of its cube
    moved = dataclasses.replace(
        subjects, mask=subjects.mask.roll(4, -1), intensity=torch.full_like(subjects.intensity, 0.5)
    )
    images = synthesize_slices(
        moved,
        torch.zeros(1, dtype=torch.long),
        SlicePoses(rotation, torch.zeros(4)),
        64,
        settings,
        generator(),
    )
    assert brightest(images, square_offsets(64)).abs().max() < 0.05


@pytest.mark.parametrize("middle", [0.3, 0.66])
def test_half_space_slices_point_upwards_and_lie_in_the_middle(middle):
    semi_axes = torch.tensor([0.9, 1.2, 1.0])
    poses = half_space_slices(2000, semi_axes, middle, generator())
    reach = (poses.rotation[:, 2] * semi_axes).norm(dim=1)
    assert in_half_space(poses.rotation).all()
    assert (poses.offset.abs() <= middle * reach + 1e-6).all()
    assert poses.offset.abs().max() > 0.9 * middle
    # uniform over the half: the mean height of a half sphere is 1/2
    assert poses.rotation[:, 2, 2].mean() == pytest.approx(0.5, abs=0.03)
