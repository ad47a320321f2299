import dataclasses

import pytest
import torch

from DeepRegistrationLib.data.correction_synthesis import CorrectionSynthesis, Pairs, synthesize_pairs
from DeepRegistrationLib.data.corruption import CorruptionSettings, corrupt
from DeepRegistrationLib.data.foreign_tissue import ForeignTissueSettings, add_foreign_tissue
from DeepRegistrationLib.data.random_contrast import ContrastSettings, random_contrast
from DeepRegistrationLib.data.random_poses import small_rotations
from DeepRegistrationLib.data.random_shapes import ShapeSettings, random_displacement, random_lengths
from DeepRegistrationLib.data.smooth_fields import random_field, smooth_field
from DeepRegistrationLib.data.tissues import TISSUES, tissue_maps
from DeepRegistrationLib.data.volume_synthesis import VolumeSynthesis
from DeepRegistrationLib.geometry.canonical_grid import cube_offsets
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from Testing.Lib.data.synthetic_subjects import (
    NOTHING_FOREIGN,
    PLAIN_CONTRAST,
    PLAIN_SCANNER,
    PLAIN_SHAPE,
    subjects_with,
)

POINTS = ((0.5, -0.3, 0.2), (-0.2, 0.6, -0.4), (0.1, 0.2, 0.7))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_equal_control_points_make_a_constant_field():
    field = smooth_field(torch.full((1, 2, 5, 5, 5), 3.0), 20)
    assert torch.allclose(field, torch.full((1, 2, 20, 20, 20), 3.0), atol=1e-5)


def test_control_points_on_a_line_make_a_linear_field():
    line = torch.arange(6.0).expand(1, 1, 6, 6)
    field = smooth_field(line.contiguous(), 13)
    steps = field[0, 0].diff(dim=1)
    assert torch.allclose(steps, steps[0, 0].expand_as(steps), atol=1e-5)


def test_random_fields_have_unit_strength_and_vary_slowly():
    field = random_field(64, 1, 32, 6, 3, generator())
    assert field.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.05)
    assert field.diff(dim=-1).abs().mean() < 0.2


def test_too_few_control_points_are_refused():
    with pytest.raises(ValueError, match="needs 4 control points"):
        random_field(1, 1, 8, 3, 3, generator())


@pytest.mark.parametrize(
    "settings",
    [
        ContrastSettings(remapped=1.0, from_tissues=0.0),
        ContrastSettings(remapped=0.0, from_tissues=1.0),
        PLAIN_CONTRAST,
    ],
)
def test_every_contrast_leaves_the_background_dark_and_the_brain_bright(settings):
    subjects = subjects_with(*POINTS)
    brains = random_contrast(subjects, torch.tensor([0, 2, 1]), settings, generator())
    inside = subjects.mask[[0, 2, 1]] > 0
    assert (brains[~inside] == 0).all()
    assert brains[inside].min() >= 0.1 - 1e-5
    assert brains[inside].max() <= 1 + 1e-5


def test_random_curves_change_the_contrast_and_the_plain_setting_does_not():
    subjects = subjects_with(POINTS[0])
    chosen = torch.zeros(8, dtype=torch.long)
    plain = random_contrast(subjects, chosen, PLAIN_CONTRAST, generator())
    changed = random_contrast(subjects, chosen, ContrastSettings(remapped=1.0), generator())
    assert torch.allclose(plain[0], plain[7])
    assert (changed - plain).abs().amax((1, 2, 3, 4)).min() > 0.05


def test_without_strength_the_scanner_changes_nothing():
    images = torch.rand(3, 1, 12, 12, 12)
    assert torch.allclose(corrupt(images, cube_offsets(12), PLAIN_SCANNER, generator()), images, atol=1e-6)


def test_a_cut_removes_what_lies_beyond_a_plane_only():
    images = torch.ones(40, 1, 12, 12, 12)
    settings = CorruptionSettings(bias=0, blur=0, noise=0, cut=0.5, cut_radii=0.6)
    cut = corrupt(images, cube_offsets(12), settings, generator())
    near = cube_offsets(12).norm(dim=-1) < 0.6
    lost = (cut == 0).flatten(1).any(1)
    assert 8 < int(lost.sum()) < 32
    assert (cut[:, 0, near] == 1).all()


def test_noise_stays_within_the_brain():
    images = torch.zeros(2, 1, 10, 10, 10)
    images[..., 3:7, 3:7, 3:7] = 0.5
    noisy = corrupt(images, cube_offsets(10), CorruptionSettings(bias=0, blur=0, cut=0), generator())
    assert (noisy[images == 0] == 0).all()
    assert (noisy[images > 0] != 0.5).all()


def test_half_of_the_brains_exchange_their_sides():
    lengths = random_lengths(400, ShapeSettings(), generator())
    assert 150 < int((lengths[:, 0] < 0).sum()) < 250
    assert (lengths[:, 1:] > 0).all()


def test_displacements_have_the_strength_that_was_asked_for():
    moved = random_displacement(50, 24, 3, ShapeSettings(deformation=0.03), generator())
    assert moved.shape == (50, 24, 24, 24, 3)
    assert moved.square().mean().sqrt().item() == pytest.approx(0.03, rel=0.1)


def test_small_rotations_stay_below_the_largest_angle_and_reach_it():
    angle = geodesic_distance(small_rotations(500, 0.5, generator()), torch.eye(3))
    assert angle.max() <= 0.5 + 1e-4
    assert angle.max() > 0.45


def test_tissues_share_the_mask_among_them():
    labels = torch.randint(0, 126, (9, 9, 9))
    mask = torch.rand(9, 9, 9) > 0.3
    maps = tissue_maps(labels, mask)
    assert torch.equal(maps.sum(0), mask.float())
    cortex = maps[TISSUES.index("cortex")] > 0
    assert torch.equal(cortex, mask & ((labels == 112) | (labels == 113)))


def pairs_of_week_22(rotation: torch.Tensor, shift: torch.Tensor, origin: torch.Tensor) -> Pairs:
    atlases = subjects_with(*POINTS)  # 22, 24 and 26 weeks
    subjects = dataclasses.replace(atlases, origin=origin.expand(3, 3))
    plain = VolumeSynthesis(PLAIN_CONTRAST, PLAIN_SHAPE, NOTHING_FOREIGN, PLAIN_SCANNER, samples_per_brain=1)
    settings = CorrectionSynthesis(moving=plain, age_difference_weeks=2.5)
    chosen = torch.zeros(len(rotation), dtype=torch.long)
    return synthesize_pairs(subjects, atlases, chosen, rotation, shift, 32, settings, generator())


def test_the_atlas_of_a_pair_is_another_brain_of_similar_age_in_its_own_pose():
    rotation = small_rotations(8, 0.5, generator())
    pairs = pairs_of_week_22(rotation, torch.zeros(8, 3), torch.zeros(3))
    # of week 22 only week 24 is close enough: its blob is in channel 0
    where = cube_offsets(32).reshape(-1, 3)[pairs.images[:, 0].flatten(1).argmax(1)]
    assert torch.allclose(where, torch.tensor(POINTS[1]).expand(8, 3), atol=0.08)


def test_what_is_left_of_a_pair_counts_from_the_centre_of_the_whole_brain():
    rotation = small_rotations(8, 0.5, generator())
    shift = 0.1 * torch.randn(8, 3, generator=generator(1))
    origin = torch.tensor([0.05, -0.1, 0.2])
    pairs = pairs_of_week_22(rotation, shift, origin)
    assert torch.allclose(pairs.translation, shift + rotation @ origin, atol=1e-6)


def test_foreign_tissue_lies_beside_the_brain_and_leaves_it_alone():
    offsets = cube_offsets(24)
    brain = (offsets.norm(dim=-1) < 0.9).float().expand(60, 1, 24, 24, 24)
    settings = ForeignTissueSettings(share=0.5)
    shown = add_foreign_tissue(brain, offsets, settings, generator())
    assert torch.equal(shown[brain > 0], brain[brain > 0])
    changed = (shown != brain).flatten(1).any(1)
    assert 15 < int(changed.sum()) < 45
    assert torch.equal(add_foreign_tissue(brain, offsets, NOTHING_FOREIGN, generator()), brain)
