import torch

from DeepRegistrationLib.data.random_poses import small_rotations
from DeepRegistrationLib.data.volume_synthesis import VolumeSynthesis, pose_volumes, synthesize_volumes
from DeepRegistrationLib.geometry.canonical_grid import cube_offsets
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from Testing.Lib.data.synthetic_subjects import (
    NOTHING_FOREIGN,
    PLAIN_CONTRAST,
    PLAIN_SCANNER,
    PLAIN_SHAPE,
    brightest,
    subjects_with,
)

PLAIN = VolumeSynthesis(PLAIN_CONTRAST, PLAIN_SHAPE, NOTHING_FOREIGN, PLAIN_SCANNER, samples_per_brain=2)
POINTS = ((0.5, -0.3, 0.2), (-0.2, 0.6, -0.4), (0.1, 0.2, 0.7))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_point_of_the_atlas_goes_where_rotation_and_translation_carry_it():
    rotation = uniform_random_rotations(6, generator(), torch.float32)
    translation = 0.1 * torch.randn(6, 3, generator=generator(1))
    volumes = synthesize_volumes(
        subjects_with(*POINTS), torch.arange(3), rotation, translation, 32, PLAIN, generator(2)
    )
    points = torch.tensor(POINTS).repeat_interleave(2, 0)
    # half of the brains have their sides exchanged
    mirrored = points * torch.tensor([-1.0, 1.0, 1.0])
    found = brightest(volumes, cube_offsets(32))
    either = torch.stack([(rotation @ p[..., None])[..., 0] + translation for p in (points, mirrored)])
    error = (either - found).norm(dim=-1).amin(0)
    assert error.max() < 0.03
    assert (either[0] - either[1]).norm(dim=-1).min() > 0.1


def test_posing_without_exchanged_sides_is_exact():
    rotation = small_rotations(3, 3.0, generator())
    translation = torch.tensor([[0.2, 0.0, -0.1]]).expand(3, 3)
    brains = subjects_with(*POINTS).intensity
    volumes = pose_volumes(brains, rotation, translation, 40)
    expected = (rotation @ torch.tensor(POINTS)[..., None])[..., 0] + translation
    assert torch.allclose(brightest(volumes, cube_offsets(40)), expected, atol=0.02)


def test_lengths_stretch_the_brain_along_its_own_axes():
    rotation = uniform_random_rotations(1, generator(3), torch.float32)
    lengths = torch.tensor([[1.2, 0.8, 1.1]])
    volumes = pose_volumes(subjects_with(POINTS[0]).intensity, rotation, torch.zeros(1, 3), 40, lengths)
    expected = rotation[0] @ (lengths[0] * torch.tensor(POINTS[0]))
    assert torch.allclose(brightest(volumes, cube_offsets(40))[0], expected, atol=0.02)


def test_volumes_have_zero_mean_and_unit_variance():
    rotation = uniform_random_rotations(4, generator(), torch.float32)
    volumes = synthesize_volumes(
        subjects_with(*POINTS),
        torch.tensor([0, 2]),
        rotation,
        torch.zeros(4, 3),
        24,
        VolumeSynthesis(),
        generator(),
    )
    assert volumes.shape == (4, 1, 24, 24, 24)
    assert torch.allclose(volumes.mean((1, 2, 3, 4)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(volumes.std((1, 2, 3, 4)), torch.ones(4), atol=1e-3)


def test_equal_generators_make_equal_volumes_and_others_do_not():
    rotation = uniform_random_rotations(2, generator(), torch.float32)

    def made(seed: int) -> torch.Tensor:
        return synthesize_volumes(
            subjects_with(*POINTS),
            torch.tensor([1]),
            rotation,
            torch.zeros(2, 3),
            16,
            VolumeSynthesis(),
            generator(seed),
        )

    assert torch.equal(made(5), made(5))
    assert not torch.allclose(made(5), made(6), atol=0.1)
