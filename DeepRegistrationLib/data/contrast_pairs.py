"""Pairs of slices of one brain, T1 and T2, cut at random; the T1 is synthetic.

No newborn was measured for them: the tissues of the T2 atlas get the signals that they have on T1
(`t1_contrast.py`), drawn anew for every slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F

from DeepRegistrationLib.data.contrast_volume import MASK, OUTSIDE, REST, T2, ContrastVolume
from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.data.t1_contrast import T1Ranges, Tissue, draw_t1_signals
from DeepRegistrationLib.geometry.canonical_grid import cube_index, square_offsets
from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations

_CONTROL_POINTS = 6
"""Of smooth fields along each edge."""
_DARKEST = 0.1
"""Between background and the darkest tissue, of 1: prepared brains have the same step."""


@dataclass(frozen=True)
class PairSettings:
    """How slices are cut and how their T1 varies.

    Attributes:
        size: pixels along each edge.
        offset_radii: largest distance of the plane from the brain's centre [radii].
        shift_radii: largest shift in the plane, along each axis [radii].
        scale: smallest and largest size relative to the brain's.
        warp_radii: standard deviation of the smooth deformation [radii].
        full_mask: share of the slices with all of the fluid around the brain; the others lose what lies
            further outside the tissue than a limit, as skull stripping does.
        limit_radii: smallest and largest such limit [radii].
        rest: smallest and largest share of what tissues do not explain in T2 that is seen, inverted, in T1.
        bias: largest standard deviation of the logarithm of the smooth gain of T1.
        gamma: largest logarithm of the exponent of T1's intensities.
        noise: largest standard deviation of the noise of T1, whose intensities are 0 to 1.
        signals: of the tissues on T1.
    """

    size: int = 64
    offset_radii: float = 1.0
    shift_radii: float = 0.2
    scale: tuple[float, float] = (0.8, 1.2)
    warp_radii: float = 0.05
    full_mask: float = 0.4
    limit_radii: tuple[float, float] = (0.0, 0.2)
    rest: tuple[float, float] = (0.2, 1.2)
    bias: float = 0.15
    gamma: float = 0.3
    noise: float = 0.05
    signals: T1Ranges = field(default_factory=T1Ranges)


@dataclass(frozen=True, eq=False)
class ContrastPairs:
    """A batch of slices; both images are -1 outside the mask and -0.8..1 inside.

    Attributes:
        t1: (B, 1, n, n) float32; synthetic.
        t2: (B, 1, n, n) float32; the same brains and planes.
        mask: (B, 1, n, n) float32; 0 or 1.
    """

    t1: torch.Tensor
    t2: torch.Tensor
    mask: torch.Tensor


def draw_pairs(
    volumes: Sequence[ContrastVolume],
    count: int,
    generator: torch.Generator,
    settings: PairSettings | None = None,
) -> ContrastPairs:
    """Cuts random slices, shared out evenly among the brains.

    Args:
        volumes: brains, on the generator's device.
        count: slices.
        generator: source of the random numbers.
        settings: None takes the defaults.

    Returns:
        `count` pairs; slices of one brain follow each other, the order of the brains is random.

    Raises:
        ValueError: no volume, or no slice asked for.
    """
    if not volumes or count < 1:
        raise ValueError(f"at least one volume and one slice are needed, got {len(volumes)} and {count}")
    settings = settings or PairSettings()
    order = torch.randperm(len(volumes), generator=generator, device=generator.device).tolist()
    parts = [
        _pairs_of(volumes[index], len(range(place, count, len(order))), generator, settings)
        for place, index in enumerate(order[:count])
    ]
    t1, t2, mask = (torch.cat([getattr(part, name) for part in parts]) for name in ("t1", "t2", "mask"))
    return ContrastPairs(t1, t2, mask)


def _pairs_of(
    volume: ContrastVolume, count: int, generator: torch.Generator, settings: PairSettings
) -> ContrastPairs:
    points = _plane_points(count, generator, settings)  # (B, n, n, 3) radii
    ijk = cube_index(points, volume.channels.shape[-1])
    channels = sample(volume.channels[None], ijk).movedim(1, 0)  # (13, B, n, n)
    voxels = volume.calibration[:, None].expand(-1, count, -1)  # (13, B, V)

    limit = _mask_limits(count, generator, settings)
    mask = ((channels[MASK] > 0.5) & (channels[OUTSIDE] <= limit[:, None, None])).float()
    counted = voxels[OUTSIDE] <= limit[:, None]

    signals = draw_t1_signals(count, generator, settings.signals)
    share = _uniform((count,), settings.rest, generator)
    t1, t1_voxels = (_t1(seen, signals, share, volume.fluid_minus_cortex) for seen in (channels, voxels))
    t1 = _disturbed(_normalized(t1, t1_voxels, counted), generator, settings)
    t2 = _normalized(channels[T2], voxels[T2], counted)
    t1, t2 = (2 * (_DARKEST + (1 - _DARKEST) * image.clamp(0, 1)) * mask - 1 for image in (t1, t2))
    return ContrastPairs(t1[:, None], t2[:, None], mask[:, None])


def _plane_points(count: int, generator: torch.Generator, settings: PairSettings) -> torch.Tensor:
    """(B, n, n, 3); points (x, y, z) of bent planes at any orientation, from the brain's centre [radii]."""
    axes = uniform_random_rotations(count, generator, torch.float32)  # rows: the slice's axes in RAS
    scale = _uniform((count, 1, 1, 1), settings.scale, generator)
    shift = _uniform((count, 1, 1, 2), (-settings.shift_radii, settings.shift_radii), generator)
    limits = (-settings.offset_radii, settings.offset_radii)
    offset = _uniform((count, 1, 1, 1), limits, generator).expand(-1, settings.size, settings.size, -1)
    in_plane = square_offsets(settings.size, generator.device) / scale + shift
    bent = settings.warp_radii * random_field(count, 3, settings.size, _CONTROL_POINTS, 2, generator)
    in_slice = torch.cat([in_plane, offset], dim=-1) + bent.movedim(1, -1)  # (B, n, n, 3)
    return torch.einsum("bvuc,bcr->bvur", in_slice, axes)


def _mask_limits(count: int, generator: torch.Generator, settings: PairSettings) -> torch.Tensor:
    limit = _uniform((count,), settings.limit_radii, generator)
    full = _uniform((count,), (0.0, 1.0), generator) < settings.full_mask
    return torch.where(full, torch.full_like(limit, torch.inf), limit)


def _t1(
    channels: torch.Tensor, signals: torch.Tensor, rest_share: torch.Tensor, fluid_minus_cortex: float
) -> torch.Tensor:
    """Mixes the tissues' signals (B, 9); channels (13, B, ...) give an image (B, ...).

    What differs from its tissue's mean in T2 differs in T1 the other way round, in the ratio in which cortex
    and fluid do: the two rates go together (Williams et al. 2005), and a voxel at a border is a mixture in
    both.
    """
    mixed = torch.einsum("bt,tb...->b...", signals, channels[: len(Tissue)])
    slope = (signals[:, Tissue.FLUID] - signals[:, Tissue.CORTEX]) / fluid_minus_cortex  # (B,) < 0
    return mixed + _as(mixed, rest_share * slope) * channels[REST]


def _normalized(image: torch.Tensor, brain: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Maps 1st and 99th percentile of the voxels that count to 0 and 1, as in a prepared one."""
    levels = torch.tensor([0.01, 0.99], device=brain.device)
    low, high = torch.nanquantile(brain.masked_fill(~counted, torch.nan), levels, dim=1)
    return (image - _as(image, low)) / _as(image, (high - low).clamp(min=1e-6))


def _disturbed(image: torch.Tensor, generator: torch.Generator, settings: PairSettings) -> torch.Tensor:
    """Exponent, smooth gain, blur and noise; (B, n, n), about 0..1."""
    count, size = len(image), image.shape[-1]
    exponent = _uniform((count, 1, 1), (-settings.gamma, settings.gamma), generator).exp()
    bias = _uniform((count, 1, 1), (0.0, settings.bias), generator)
    gain = (bias * random_field(count, 1, size, _CONTROL_POINTS, 2, generator)[:, 0]).exp()
    image = image.clamp(min=0) ** exponent * gain
    blurred = F.avg_pool2d(image[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    image = image + _uniform((count, 1, 1), (0.0, 1.0), generator) * (blurred - image)
    noise = torch.randn(image.shape, generator=generator, device=generator.device)
    return image + _uniform((count, 1, 1), (0.0, settings.noise), generator) * noise


def _uniform(shape: tuple[int, ...], limits: tuple[float, float], generator: torch.Generator) -> torch.Tensor:
    uniform = torch.rand(shape, generator=generator, device=generator.device)
    return limits[0] + (limits[1] - limits[0]) * uniform


def _as(image: torch.Tensor, per_slice: torch.Tensor) -> torch.Tensor:
    """(B,) as (B, 1, ...) with the dimensions of `image`."""
    return per_slice.reshape(-1, *[1] * (image.ndim - 1))
