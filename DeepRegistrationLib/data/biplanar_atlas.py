"""The CT that is bent: with labels, and continued where its bone is cut by the edge of the image."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.spline_grid import grid_over
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.checks import check_same_grid
from DeepRegistrationLib.images.crop import box_around
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM, attenuation_from_hu

_CONTINUED_MM = 24.0
"""By how much a bone that is cut is continued: a shorter atlas than patient would end in the image."""
_AXIS_FROM_MM = 20.0
"""The direction in which a cut bone goes on is that of its last 20 mm."""
_END_MM = 12.0
"""Within this distance of a cut the shadows of atlas and patient may end at different places."""
_MARGIN_MM = 14.0


@dataclass(frozen=True, eq=False)
class BendableAtlas:
    """An atlas as every method takes it.

    Attributes:
        ct: [HU].
        labels: integers on the same grid; all but 0 is the bone that is fitted.
        continued_mm: by how much the bone was continued beyond the image that was read [mm]; 0 if it was not.
        ends: labels of the bone near such a cut and beyond it, where nobody knows which of atlas and patient
            was cut first; None where nothing was cut.
    """

    ct: Volume
    labels: Volume
    continued_mm: float = 0.0
    ends: Volume | None = None

    @property
    def centre_ras(self) -> np.ndarray:
        """(3,); middle of the bone [mm, RAS]."""
        ijk = torch.nonzero(self.labels.values).double().mean(0).flip(0).numpy()
        matrix = self.labels.geometry.ras_from_ijk
        return matrix[:3, :3] @ ijk + matrix[:3, 3]

    def grid(self, spacing_mm: float, margin_mm: float = _MARGIN_MM, border: int = 0) -> VolumeGeometry:
        """A grid of equal voxels around the bone, along the axes of the atlas.

        Args:
            spacing_mm: of its voxels.
            margin_mm: around the bone.
            border: more voxels at each side.
        """
        geometry = self.labels.geometry
        box = box_around(self.labels.values != 0, geometry, 0.0)
        low = np.array([part.start for part in box[::-1]]) - margin_mm / geometry.spacing_mm
        high = np.array([part.stop - 1 for part in box[::-1]]) + margin_mm / geometry.spacing_mm
        return grid_over(geometry, low, high, spacing_mm, border)

    def channels(self, grid: VolumeGeometry, device: torch.device) -> torch.Tensor:
        """Bone on a coarser grid, for projections.

        A bone stands where soft tissue would: X-rays tell how much more it takes than water. Marrow, which
        takes less, is negative.

        Args:
            grid: along the axes of the atlas.
            device: of the result.

        Returns:
            (1, 2, K, J, I) float32; attenuation of the bone beyond that of water [1/mm] and share of the
            voxel that is bone.
        """
        bone = (self.labels.values != 0).float()
        beyond_water = attenuation_from_hu(self.ct.values.float()) - WATER_PER_MM
        fine = torch.stack([beyond_water * bone, bone])[None]
        return averaged(fine, self.labels.geometry, grid).to(device)


def prepare_atlas(ct: Volume, labels: Volume) -> BendableAtlas:
    """Checks an atlas and continues a bone that its image cuts.

    Args:
        ct: [HU].
        labels: integers on the same grid.

    Raises:
        InputError: another grid, or no bone is labelled.
    """
    check_same_grid(labels, ct)
    bone = labels.values != 0
    if not bool(bone.any()):
        raise InputError(
            f"The labels '{labels.name}' of the atlas mark no bone: every voxel is 0. Choose the labels that "
            "belong to the atlas."
        )
    sides = _cut_sides(bone)
    if not sides:
        return BendableAtlas(ct, labels)
    geometry = labels.geometry
    added = np.ceil(_CONTINUED_MM / geometry.spacing_mm).astype(int)
    before = np.array([added[axis] if (axis, 0) in sides else 0 for axis in range(3)])
    after = np.array([added[axis] if (axis, 1) in sides else 0 for axis in range(3)])
    matrix = geometry.ras_from_ijk.copy()
    matrix[:3, 3] -= matrix[:3, :3] @ before
    larger = VolumeGeometry(tuple((geometry.size_ijk + before + after)[::-1].tolist()), matrix)
    ijk = affine_grid(np.eye(4), larger.shape_kji) - torch.from_numpy(before.astype(np.float64))
    last = torch.from_numpy((geometry.size_ijk - 1).astype(np.float64))
    inside = torch.minimum(ijk.clamp(min=0), last)
    beyond = ijk - inside  # voxels beyond the edge, with sign
    for axis, side in sides:
        slope = _slope(bone, geometry, axis, side)
        steps = beyond[..., axis].clamp(max=0) if side == 0 else beyond[..., axis].clamp(min=0)
        inside = inside - steps[..., None] * slope
    at_end = torch.zeros(larger.shape_kji, dtype=torch.bool)
    for axis, side in sides:
        near = _END_MM / geometry.spacing_mm[axis]
        at_end |= ijk[..., axis] < near if side == 0 else ijk[..., axis] > float(last[axis]) - near
    values = sample(ct.values.float()[None, None], inside[None], padding="border")[0, 0]
    numbers = sample(labels.values[None, None], inside[None], "nearest", "border")[0, 0]
    return BendableAtlas(
        Volume(values, larger, ct.name),
        Volume(numbers, larger, labels.name),
        _CONTINUED_MM,
        Volume(numbers * at_end, larger, "ends of the bone"),
    )


def averaged(values: torch.Tensor, geometry: VolumeGeometry, grid: VolumeGeometry) -> torch.Tensor:
    """Volumes on a coarser grid, each voxel the mean of what it covers.

    Args:
        values: (B, C, K, J, I) floating.
        geometry: of `values`.
        grid: of the result; outside of `geometry` it is 0.
    """
    factors = np.maximum(np.round(grid.spacing_mm.min() / geometry.spacing_mm), 1).astype(int)
    smooth = torch.nn.functional.avg_pool3d(
        values,
        tuple(int(2 * (f // 2) + 1) for f in factors[::-1]),
        stride=1,
        padding=tuple(int(f // 2) for f in factors[::-1]),
        count_include_pad=False,
    )
    ijk = affine_grid(geometry.ijk_from_ras @ grid.ras_from_ijk, grid.shape_kji)
    return sample(smooth, ijk[None].to(values.dtype))


def _cut_sides(bone: torch.Tensor) -> list[tuple[int, int]]:
    """Axis (0 is i) and side (0 first, 1 last) of the image's faces that cut the bone."""
    found = []
    for axis in range(3):
        for side, index in ((0, 0), (1, -1)):
            if bool(bone.select(2 - axis, index % bone.shape[2 - axis]).any()):
                found.append((axis, side))
    return found


def _slope(bone: torch.Tensor, geometry: VolumeGeometry, axis: int, side: int) -> torch.Tensor:
    """(3,); voxels by which the middle of a cut bone moves per voxel along an axis; 0 along the axis."""
    count = bone.shape[2 - axis]
    near = max(2, int(_AXIS_FROM_MM / geometry.spacing_mm[axis]))
    chosen = range(near) if side == 0 else range(count - near, count)
    places, middles = [], []
    for index in chosen:
        ijk = torch.nonzero(bone.select(2 - axis, index)).double()
        if len(ijk):
            places.append(float(index))
            middles.append(ijk.mean(0).flip(0).numpy())
    if len(places) < 2:
        return torch.zeros(3, dtype=torch.float64)
    slopes = np.polyfit(places, np.stack(middles), 1)[0]
    # a bone that leaves the image at a flat angle is not continued along it
    return torch.from_numpy(np.insert(np.clip(slopes, -1, 1), axis, 0.0))
