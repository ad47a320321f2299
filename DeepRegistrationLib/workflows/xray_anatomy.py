"""A CT as what X-rays meet: bone and everything else, as attenuation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import check_image, check_same_grid
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM, attenuation_from_hu
from DeepRegistrationLib.projection.labels import masked_volume

# softer than most trabecular bone, harder than organs with contrast agent mostly are
BONE_FROM_HU = 200.0
# attenuation below which a voxel is air: a tenth of water's
_AIR = 0.1 * WATER_PER_MM
_POINTS = 300
# a CT cut down to its bones keeps some soft voxels at their surface
_LEAST_REST = 0.1
# the rim of a bone, relative to the mean of the neighbours: half the bone beside a flat face; with it depths
# are right on the CTs for tuning
_RIM = 2.0


@dataclass(frozen=True, eq=False)
class XrayAnatomy:
    """What is registered.

    A radiograph shows bones by what they absorb beyond the tissue that they displace. Of a CT cut down to its
    bones that tissue is unknown; in any CT, hard and soft parts of it fade differently with scatter and beam
    hardening. So both have weights of their own: taken as one, the rim of a bone would be an edge as high as
    one against air.

    Attributes:
        bone: attenuation of the bones, 0 elsewhere [1/mm].
        components: what the bones absorb beyond water [1/mm]; then everything else, with at most water in
            the bones, on the same grid. Their sum is the attenuation of the CT.
        bone_alone: nothing but bone is in the CT.
        centre_ras: (3,) float64; middle of the bones in the CT's frame [mm].
        points_ras: (P, 3) float64; points of the bones, evenly drawn, in the CT's frame [mm].
    """

    bone: Volume
    components: tuple[Volume, Volume]
    bone_alone: bool
    centre_ras: np.ndarray
    points_ras: torch.Tensor

    @property
    def searched(self) -> tuple[Volume, ...]:
        """The components that tell poses apart from afar; water in the shape of bones alone does not."""
        return self.components[:1] if self.bone_alone else self.components

    @property
    def whole(self) -> Volume:
        """Attenuation of the CT [1/mm]."""
        return _sum(self.components)

    @property
    def with_rim(self) -> "XrayAnatomy":
        """With the partly filled voxels at the surface of the bones that a segmentation has cut off.

        Without them bones are smaller than in the radiograph, and found nearer to the source.
        """
        values = self.components[0].values
        is_bone = self.bone.values > 0
        # never denser than the bone around it
        factor = (1 / _mean_around(is_bone.float()).clamp(min=1e-6)).clamp(max=_RIM)
        rim = self.components[0].with_values(torch.where(is_bone, values, factor * _mean_around(values)))
        return replace(self, components=(rim, self.components[1]))

    @property
    def template(self) -> Volume:
        """All that is searched for, in one [1/mm]."""
        return _sum(self.searched)


def prepare_anatomy(
    ct: Volume, labels: Volume | None, bone_labels: Collection[int], device: torch.device
) -> XrayAnatomy:
    """Attenuation of the bones and of the rest.

    Args:
        ct: in HU.
        labels: bones on the grid of the CT; None takes what is as dense as bone.
        bone_labels: labels to be registered; empty takes all but background.
        device: where the components lie.

    Raises:
        InputError: the CT is no image, nothing in it is bone, or the labels lie on another grid.
    """
    check_image(ct)
    attenuation = ct.with_values(attenuation_from_hu(ct.values.float()))
    if labels is None:
        dense = ct.values >= BONE_FROM_HU
        if not bool(dense.any()):
            raise InputError(
                f"Nothing in the CT '{ct.name}' is as dense as bone: its largest value is "
                f"{float(ct.values.max()):.0f}, bone begins at {BONE_FROM_HU:.0f} HU. "
                "Choose a CT in Hounsfield units, or give a segmentation of the bones."
            )
        bone = attenuation.with_values(attenuation.values * dense)
    else:
        check_same_grid(labels, ct)
        bone = masked_volume(attenuation, labels, bone_labels or None)
    is_bone = bone.values > 0
    total, rest = float(attenuation.values.sum()), float((attenuation.values - bone.values).sum())
    bone_alone = rest <= _LEAST_REST * total
    # what is thinner than water, fat marrow and rims, stays with the rest: bone never lets more rays through
    beyond_water = bone.with_values((bone.values - WATER_PER_MM).clamp(min=0.0))
    content = is_bone if bone_alone else attenuation.values > _AIR
    others = attenuation.with_values((attenuation.values - beyond_water.values) * content)
    box = box_around(content, ct.geometry, margin_mm=float(ct.geometry.spacing_mm.max()))
    framed = cropped(bone, box_around(is_bone, ct.geometry, margin_mm=0.0)).geometry
    parts = [cropped(volume, box).to(device) for volume in (bone, beyond_water, others)]
    return XrayAnatomy(
        bone=parts[0],
        components=(parts[1], parts[2]),
        bone_alone=bone_alone,
        centre_ras=framed.centre_ras,
        points_ras=_drawn_points(bone),
    )


def _mean_around(values: torch.Tensor) -> torch.Tensor:
    """(K, J, I); mean of each voxel and its 26 neighbours, weighted 1, 2, 1 along each axis; 0 outside."""
    for axis in range(3):
        inner = values.shape[axis] - 1
        total = 2 * values
        total.narrow(axis, 1, inner).add_(values.narrow(axis, 0, inner))
        total.narrow(axis, 0, inner).add_(values.narrow(axis, 1, inner))
        values = total / 4
    return values


def _sum(volumes: Sequence[Volume]) -> Volume:
    return volumes[0].with_values(sum(volume.values for volume in volumes))


def _drawn_points(bone: Volume) -> torch.Tensor:
    """(P, 3) float64; every so many-th voxel of the bones [mm]."""
    kji = torch.nonzero(bone.values > 0).cpu()
    kji = kji[:: max(1, len(kji) // _POINTS)].double()
    matrix = torch.from_numpy(bone.geometry.ras_from_ijk)
    return kji.flip(-1) @ matrix[:3, :3].T + matrix[:3, 3]
