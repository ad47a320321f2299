"""Triplets of frames with known motion, made from single real frames.

    frame of a subject --turned, shifted, magnified--> what three frames share
                       --angle and shift of each frame--> content of before, middle, after
                       --sector, speckle, gain--> the frames

The content moves and the sector stays, as in a machine: tissue enters at one side and leaves at the other.
In the paper the whole picture is turned, black corners included; a share of the samples is made so too.
"""

import math
from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.us_speckle import decorrelated, regained
from DeepRegistrationLib.data.us_subjects import FrameSet
from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.in_plane import in_plane_matrix


@dataclass(frozen=True)
class TripletSynthesis:
    """How triplets vary; each sample draws its own up to these.

    Attributes:
        angle_deg: largest angle between the middle frame and its neighbours [degrees].
        small_share: share of the samples with angles and shifts of a tenth of that: what consecutive frames
            and a second look have.
        shift: largest shift along each axis [edge of the image].
        base_turn_deg: deviation of the turn that all three share [degrees].
        magnification: smallest and largest size of the part that is seen [edge of the source].
        whole_picture: share of the samples in which the whole picture is turned, as in the paper.
        fan: share of the samples that are seen in a fan.
        speckle: largest decorrelation: deviation of the speckle of each frame relative to its grey values.
        noise: largest deviation of the noise; grey values go from 0 to 1.
        gain: largest change of the gain between frames.
        depth_gain: deviation of the change of the gain with depth.
        gamma: largest logarithm of the exponent of the grey values.
    """

    angle_deg: float = 10.5
    small_share: float = 0.3
    shift: float = 0.06
    base_turn_deg: float = 8.0
    magnification: tuple[float, float] = (0.55, 0.85)
    whole_picture: float = 0.2
    fan: float = 0.3
    speckle: float = 0.35
    noise: float = 0.03
    gain: float = 0.2
    depth_gain: float = 0.1
    gamma: float = 0.2


@dataclass(frozen=True, eq=False)
class Triplets:
    """B triplets.

    Attributes:
        frames: (B, 3, n, n) float32; before, middle, after; 0 to 1, 0 outside the mask.
        mask: (B, 1, n, n) float32; the sector, equal for the three.
        angle: (B, 2) [rad]; of before and after against the middle; see `geometry/in_plane.py` for the sign.
        shift: (B, 2, 2); of before and after along u and v [edge of the image], about its centre.
    """

    frames: torch.Tensor
    mask: torch.Tensor
    angle: torch.Tensor
    shift: torch.Tensor


def synthesize_triplets(
    source: FrameSet, chosen: torch.Tensor, size: int, settings: TripletSynthesis, generator: torch.Generator
) -> Triplets:
    """Makes triplets.

    Args:
        source: real frames.
        chosen: (B,) int64; one frame for each triplet.
        size: pixels n along each edge of the result.
        settings: how they vary.
        generator: source of randomness, on the device of the frames.

    Returns:
        B triplets.
    """
    count, device = len(chosen), generator.device
    angle, shift = _motions(count, settings, generator)
    uniform = torch.rand(count, 6, generator=generator, device=device)
    whole = uniform[:, 0] < settings.whole_picture
    low, high = settings.magnification
    part = torch.where(whole, torch.full_like(uniform[:, 1], 1.0), low + (high - low) * uniform[:, 1])
    turn = math.radians(settings.base_turn_deg) * torch.randn(count, generator=generator, device=device)
    # the part that is seen stays inside the source, as far as it can
    offset = (uniform[:, 2:4] - 0.5) * (1 - part)[:, None] * 0.7
    turn, offset = torch.where(whole, 0, turn), torch.where(whole[:, None], 0, offset)
    mirror = torch.where(uniform[:, 4] < 0.5, -1.0, 1.0)
    values, inside = _seen(source, chosen, size, angle, shift, part, turn, offset, mirror)
    mask = _sectors(size, whole, uniform[:, 5] < settings.fan, generator)
    # where the source ends the sector shows nothing; the middle frame says where that is
    mask = mask * torch.where(whole[:, None, None, None], 1.0, (inside[:, 1:2] > 0.5).float())
    frames = values * mask
    strength = torch.rand(count, 1, 1, 1, generator=generator, device=device) * settings.speckle
    frames = decorrelated(frames, strength, generator)
    level = torch.rand(count, 1, 1, 1, generator=generator, device=device) * settings.noise
    frames = frames + level * torch.randn(frames.shape, generator=generator, device=device)
    frames = regained(frames, settings.gain, settings.depth_gain, settings.gamma, generator)
    return Triplets(frames * mask, mask, angle, shift)


def _motions(
    count: int, settings: TripletSynthesis, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    device = generator.device
    uniform = 2 * torch.rand(count, 2, 3, generator=generator, device=device) - 1
    small = torch.rand(count, 1, generator=generator, device=device) < settings.small_share
    factor = torch.where(small, 0.1, 1.0)
    angle = math.radians(settings.angle_deg) * uniform[..., 0] * factor
    return angle, settings.shift * uniform[..., 1:] * factor[..., None]


def _seen(
    source: FrameSet,
    chosen: torch.Tensor,
    size: int,
    angle: torch.Tensor,
    shift: torch.Tensor,
    part: torch.Tensor,
    turn: torch.Tensor,
    offset: torch.Tensor,
    mirror: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Content of the three frames and how much of it the source has: two (B, 3, n, n)."""
    zero = torch.zeros_like(angle[:, :1])
    angles = torch.cat([angle[:, :1], zero, angle[:, 1:]], 1)  # (B, 3)
    shifts = torch.cat([shift[:, :1], torch.zeros_like(shift[:, :1]), shift[:, 1:]], 1)
    frame_from_middle = in_plane_matrix(angles, shifts)  # (B, 3, 3, 3)
    source_from_middle = in_plane_matrix(turn, offset)
    source_from_middle[..., :2, :2] = source_from_middle[..., :2, :2] * part[:, None, None]
    source_from_middle[..., 0, :] = source_from_middle[..., 0, :] * mirror[:, None]
    source_from_frame = source_from_middle[:, None] @ torch.linalg.inv(frame_from_middle)
    along = (torch.arange(size, device=angle.device) - (size - 1) / 2) / size
    v, u = torch.meshgrid(along, along, indexing="ij")
    points = torch.stack([u, v, torch.ones_like(u)], -1).reshape(-1, 3)  # (n n, 3)
    found = (points @ source_from_frame.mT)[..., :2]  # (B, 3, n n, 2)
    pixels = source.values.shape[-1]
    index = found * pixels + (pixels - 1) / 2
    content = torch.cat([source.values[chosen], source.mask[chosen]], 1)  # (B, 2, m, m)
    sampled = sample_plane(content, index.flatten(1, 2)).reshape(len(chosen), 2, 3, size, size)
    return sampled[:, 0], sampled[:, 1]


def _sectors(size: int, whole: torch.Tensor, fan: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, 1, n, n); rectangles narrower or lower than the square, fans, or the whole square."""
    count, device = len(whole), generator.device
    uniform = torch.rand(count, 3, 1, 1, generator=generator, device=device)
    along = (torch.arange(size, device=device) + 0.5) / size - 0.5
    v, u = along[:, None], along[None, :]
    narrow = 0.3 + 0.2 * uniform[:, 0]
    lower = 0.3 + 0.2 * uniform[:, 1]
    upright = uniform[:, 2] < 0.5
    rectangle = torch.where(upright, u.abs() < narrow, v.abs() < lower)
    # apex above the image by up to half its edge, as of a curved array
    depth = v + 0.5 + 0.5 * uniform[:, 0]
    radius = (u.square() + depth.square()).sqrt()
    opening = torch.atan2(u.abs().expand_as(depth * u), depth) < math.radians(22) + 0.4 * uniform[:, 1]
    fans = opening & (radius < 1 + 0.5 * uniform[:, 0]) & (radius > 0.5 * uniform[:, 0])
    chosen = torch.where(fan[:, None, None], fans, rectangle) | whole[:, None, None]
    return chosen[:, None].float()
