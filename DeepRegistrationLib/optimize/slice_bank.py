"""All slices at once: an image cut along many planes, compared with one slice by a matrix product.

Planes are evenly spread over half of the sphere of normals. Turns of the slice within its plane, and the view
from behind, are made of the slice that is searched and not stored: the bank stays small, and one product
scores every plane, every turn and both sides. Sections are centred at the centroid of what they show of the
object, as the slice is, so that no shift within the plane is left to find.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume

_REACH = 1.4
"""Half width of a section in radii of the object."""
_MIDDLE_SHARE = 0.86
"""Share of the object's extent along each normal that is cut; beyond, sections are too small to tell."""

_WINDOW_RADIUS = 2
"""Windows of 5 pixels, half a radius of the object, within which intensities are standardized."""
_FLAT = 0.05
"""Standard deviation below which a window counts as flat."""
_WITHIN = 0.3
"""Share of a pixel that must belong to the object for its intensity to count."""


@dataclass(frozen=True, eq=False)
class SliceProposals:
    """Poses that fit a slice.

    Attributes:
        slice_from_atlas: (N, 3, 3); rotation, the slice's axes x, y, z as rows in the atlas's RAS.
        centre: (N, 3); where the slice's centroid lies, relative to the atlas's centre [mm, RAS].
        score: (N,); correlation, best first.
    """

    slice_from_atlas: torch.Tensor
    centre: torch.Tensor
    score: torch.Tensor


class SliceBank:
    """Sections of a brain along all planes.

    Memory: 2 bytes for each of channels x normals x offsets x pixels; 33 MB with the defaults.

    Args:
        image: the brain, 0 outside, at about the resolution of the sections.
        mask: on the same grid.
        centre_ras: (3,); its centre [mm, RAS].
        radius_mm: radius of the ball with its volume [mm].
        normals: planes' directions, over half a sphere; 600 lie 6 degrees apart.
        offsets: planes along each normal.
        turns: directions within the plane at which a slice is compared.
        pixels_across: pixels of a section along each axis.
    """

    def __init__(
        self,
        image: Volume,
        mask: Volume,
        centre_ras: np.ndarray,
        radius_mm: float,
        normals: int = 600,
        offsets: int = 20,
        turns: int = 60,
        pixels_across: int = 30,
    ) -> None:
        device = image.values.device
        self.radius_mm, self.turns = radius_mm, turns
        self.frames = frames_of_normals(half_sphere(normals)).to(image.values)  # (N, 3, 3), rows x, y, n
        half_mm = _REACH * radius_mm
        self.line = torch.linspace(-half_mm, half_mm, pixels_across, device=device)
        v, u = torch.meshgrid(self.line, self.line, indexing="ij")
        self.disk = (u.square() + v.square()).flatten() <= half_mm**2
        self._plane = torch.stack([u.flatten(), v.flatten(), torch.zeros_like(u).flatten()], -1)  # (P, 3)
        self.depths = self._depths(mask, centre_ras, offsets)  # (N, D)
        both = torch.stack([image.values, mask.values])
        parts, centres = [], []
        for frames, depths in zip(self.frames.split(64), self.depths.split(64), strict=True):
            sections, shift = self._sections(both, image.geometry, centre_ras, frames, depths)
            parts.append(sections.half())
            centres.append(shift)
        self.sections = parts  # each (C, 64 D, P)
        self.centres = torch.cat(centres)  # (N D, 3)

    def proposals(
        self, slice_image: torch.Tensor, slice_mask: torch.Tensor, slice_from_pixel: np.ndarray, count: int
    ) -> SliceProposals:
        """The planes that fit a slice best, by each channel.

        Args:
            slice_image: (J, I); the slice, 0 outside the object, at about the resolution of the sections.
            slice_mask: (J, I); 1 where the slice shows the object, else 0.
            slice_from_pixel: (3, 3); position [mm, scaled to the atlas] from (column, row, 1), relative to
                the centroid of what it shows.
            count: how many for each channel.

        Returns:
            Up to twice as many, those of the first channel first; they may lie close together.
        """
        queries, turned = self._queries(slice_image, slice_mask, slice_from_pixel)  # (C, Q, P), (Q, 3, 3)
        found = []
        for channel in range(len(queries)):
            scores = torch.cat([part[channel].to(queries) @ queries[channel].T for part in self.sections])
            best = torch.topk(scores.flatten(), min(count, scores.numel()))
            plane, query = best.indices // len(turned), best.indices % len(turned)
            frames = self.frames[plane // self.depths.shape[1]]
            found.append((turned[query] @ frames, self.centres[plane], best.values))
        rotations, centres, scores = (torch.cat(part) for part in zip(*found, strict=True))
        return SliceProposals(rotations, centres, scores)

    def _depths(self, mask: Volume, centre_ras: np.ndarray, offsets: int) -> torch.Tensor:
        """(N, D); distances of the planes from the centre [mm], over the middle of the object."""
        ijk = torch.nonzero(mask.values[::2, ::2, ::2] > 0.5).flip(1) * 2
        matrix = torch.as_tensor(mask.geometry.ras_from_ijk.copy())
        points = ijk.cpu().double() @ matrix[:3, :3].T + matrix[:3, 3] - torch.as_tensor(np.array(centre_ras))
        along = points.to(self.frames) @ self.frames[:, 2].T  # (V, N)
        low, high = along.amin(0), along.amax(0)
        middle, half = (low + high) / 2, _MIDDLE_SHARE * (high - low) / 2
        steps = (2 * torch.arange(offsets).to(middle) + 1) / offsets - 1  # middles of equal parts
        return middle[:, None] + half[:, None] * steps

    def _sections(
        self,
        image_and_mask: torch.Tensor,
        geometry: VolumeGeometry,
        centre_ras: np.ndarray,
        frames: torch.Tensor,
        depths: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(C, n D, P) sections about their centroids, and (n D, 3) where these lie from the centre [mm]."""
        origin = torch.einsum("nd,na->nda", depths, frames[:, 2])  # (n, D, 3)
        frames = frames[:, None].expand(-1, depths.shape[1], 3, 3)
        weight = sections(image_and_mask[1], geometry, centre_ras, frames, origin, self._plane)
        total = weight.sum(-1, keepdim=True).clamp(min=1e-6)
        shift = (weight @ self._plane) / total  # (n, D, 3) in the plane
        origin = origin + torch.einsum("nda,ndab->ndb", shift, frames)
        size = len(self.line)
        images, masks = (
            sections(values, geometry, centre_ras, frames, origin, self._plane).reshape(-1, size, size)
            for values in image_and_mask
        )
        features = section_features(images, masks).flatten(2)[..., self.disk]
        return _normalized(features), origin.reshape(-1, 3)

    def _queries(
        self, slice_image: torch.Tensor, slice_mask: torch.Tensor, slice_from_pixel: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(C, Q, P) views of the slice turned within its plane, seen from both sides, and the (Q, 3, 3)."""
        turned = turns_and_sides(self.turns).to(slice_image)
        points = torch.einsum("qab,pb->qpa", turned, self._plane)[..., :2]  # (Q, P, 2) [mm]
        matrix = np.linalg.inv(slice_from_pixel)
        linear = torch.as_tensor(matrix[:2, :2].copy()).to(points)
        ij = points @ linear.T + torch.as_tensor(matrix[:2, 2].copy()).to(points)
        ijk = torch.cat([ij, torch.zeros_like(ij[..., :1])], -1)
        size = len(self.line)
        both = torch.stack([slice_image, slice_mask])[None, :, None]
        images, masks = sample(both, ijk.reshape(1, 1, 1, -1, 3), padding="zeros").reshape(2, -1, size, size)
        features = section_features(images, masks).flatten(2)[..., self.disk]
        return _normalized(features), turned


def sections(
    values: torch.Tensor,
    geometry: VolumeGeometry,
    centre_ras: np.ndarray,
    frames: torch.Tensor,
    origin: torch.Tensor,
    plane: torch.Tensor,
) -> torch.Tensor:
    """A volume on planes.

    Args:
        values: (K, J, I).
        geometry: where its voxels lie.
        centre_ras: (3,); point that the planes are relative to [mm, RAS].
        frames: (..., 3, 3); axes of the planes as rows, in RAS.
        origin: (..., 3); where the planes' own origins lie, relative to the centre [mm].
        plane: (P, 3); points (x, y, 0) in each plane [mm].

    Returns:
        (..., P).
    """
    points = torch.einsum("pa,...ab->...pb", plane, frames) + origin[..., None, :]
    matrix = geometry.ijk_from_ras
    linear = torch.as_tensor(matrix[:3, :3].copy()).to(points)
    start = torch.as_tensor(matrix[:3, :3] @ centre_ras + matrix[:3, 3]).to(points)
    found = sample(values[None, None], (points @ linear.T + start).reshape(1, 1, 1, -1, 3), padding="zeros")
    return found.reshape(points.shape[:-1])


def half_sphere(count: int) -> torch.Tensor:
    """Evenly spread directions with z > 0.

    Args:
        count: how many.

    Returns:
        (count, 3) float64.

    Source: Fibonacci spiral; Swinbank and Purser, Q. J. R. Meteorol. Soc. 132, 2006.
    """
    number = torch.arange(count, dtype=torch.float64)
    z = (number + 0.5) / count
    azimuth = number * math.pi * (3 - math.sqrt(5))
    ring = (1 - z.square()).sqrt()
    return torch.stack([ring * azimuth.cos(), ring * azimuth.sin(), z], -1)


def frames_of_normals(normals: torch.Tensor) -> torch.Tensor:
    """Right-handed axes with given third ones.

    Args:
        normals: (N, 3), unit length.

    Returns:
        (N, 3, 3); rows x, y and the normal; the turn about the normal is arbitrary.
    """
    # the axis to which the normal is most perpendicular never vanishes in the cross product
    helper = F.one_hot(normals.abs().argmin(-1), 3).to(normals)
    x = F.normalize(torch.linalg.cross(helper, normals), dim=-1)
    return torch.stack([x, torch.linalg.cross(normals, x), normals], -2)


def turns_and_sides(turns: int) -> torch.Tensor:
    """Rotations of a plane onto itself.

    Args:
        turns: evenly spread angles about the normal.

    Returns:
        (2 turns, 3, 3) float64; first those that keep the side, then those that turn the back to the front.
    """
    angle = 2 * math.pi * torch.arange(turns, dtype=torch.float64) / turns
    cosine, sine, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    front = torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], -1).unflatten(-1, (3, 3))
    back = front @ torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    return torch.cat([front, back])


def section_features(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """What is compared: intensity relative to its surroundings, and the strength of edges.

    The first is free of bias fields and of slow differences between two brains: among the best scores of a
    foreign brain's slice the right place is found more often than by plain intensity. The second does not
    depend on the contrast's sign. For the edges the surroundings take the object's mean, so that the outline
    counts alike whether the tissue at the surface is dark or bright.

    Args:
        images: (N, n, n); 0 outside the object, scaled to about 0..1 inside.
        masks: (N, n, n); 1 inside.

    Returns:
        (2, N, n, n).
    """
    mean = images.sum((1, 2)) / masks.sum((1, 2)).clamp(min=1e-6)
    rows, columns = torch.gradient(images - mean[:, None, None] * masks, dim=(1, 2))
    return torch.stack([_standardized(images, masks), (rows.square() + columns.square()).sqrt()])


def _standardized(images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """(N, n, n); deviation from the mean of a window within the object, in its standard deviations."""
    count = _window_mean(masks).clamp(min=1e-3)
    mean = _window_mean(masks * images) / count
    variance = (_window_mean(masks * images.square()) / count - mean.square()).clamp(min=0)
    return (masks > _WITHIN) * (images - mean) / (variance + _FLAT**2).sqrt()


def _window_mean(images: torch.Tensor) -> torch.Tensor:
    """(N, n, n); zeros outside count."""
    size = 2 * _WINDOW_RADIUS + 1
    return F.avg_pool2d(images[:, None], size, stride=1, padding=_WINDOW_RADIUS)[:, 0]


def _normalized(features: torch.Tensor) -> torch.Tensor:
    """Zero mean and unit length over the last dimension."""
    centred = features - features.mean(-1, keepdim=True)
    return centred / centred.norm(dim=-1, keepdim=True).clamp(min=1e-9)
