"""How well a bent atlas matches radiographs: its shadow, the edges within it, and what the deformation costs.

    atlas --phi--> bent atlas --T^-1, view correction--> camera --> thickness of bone, its attenuation

The atlas is bent on its own grid and projected where it stands; the projector differentiates in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.grid import index_grid, sample
from DeepRegistrationLib.geometry.spline_grid import linear_matrices, on_grid, spline_matrices
from DeepRegistrationLib.geometry.velocity_field import flow
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.deformation_model import AtlasMap, DeformationNumbers
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from DeepRegistrationLib.similarity.radiograph_filters import derivative_images, eroded

_SQUARINGS = 4
_EDGE_MM = 2.0
_ALWAYS_LEFT = 0.02
"""Part of the edges that nothing explains: beyond it no fit is better than another."""
_LEAST_SHARE = 0.33
"""Voxels blur the surface of the bone; rays that touch the blur only would make its shadow too large. Shares
below the least one are none, and a pixel is about two thirds of a shadow where the rest is 2 mm thick. Set so
that the atlas's own shadow has the right size at voxels of 2 to 4 mm."""
PRICES = {"pose": 0.01, "stretch": 1.0, "modes": 1.0, "local": 1.0, "views": 1.0}
"""Factors on the squared numbers of each block. Where the bone lies costs next to nothing: else a camera that
may be corrected would take over a part of what is the bone's own turn and shift."""


@dataclass(frozen=True)
class BiplanarWeights:
    """What counts how much, against half the sum of the squared numbers of the map.

    What is left of a radiograph is structured: many neighbouring pixels count as one.

    Attributes:
        shadow: of a shadow that is wrong by one square mm of the patient.
        edges: of the logarithm of the edges that are not explained, as if the edges of a radiograph were
            twice as many independent samples with noise of unknown size: where much remains unexplained
            anyway, a little more counts less.
    """

    shadow: float = 0.15
    edges: float = 42.0


@dataclass(frozen=True, eq=False)
class BiplanarTarget:
    """One radiograph at one level.

    Attributes:
        camera: of its pixels.
        values: (rows, columns) float32; attenuation.
        shadow: (rows, columns) float32; part of the pixel in the shadow of the bone; None if not known.
        region: (rows, columns) bool; where edges are compared.
        used: (rows, columns) bool; pixels that X-rays reached.
    """

    camera: Camera
    values: torch.Tensor
    shadow: torch.Tensor | None
    region: torch.Tensor
    used: torch.Tensor


class BiplanarObjective:
    """Cost of maps of one atlas at one level.

    Args:
        channels: (1, 2, K, J, I); attenuation beyond water and share of bone (`BendableAtlas.channels`).
        geometry: their grid, along the axes of the atlas.
        flow_grid: where velocities are integrated.
        bent: the maps.
        targets: radiographs.
        weights: what counts how much.
    """

    def __init__(
        self,
        channels: torch.Tensor,
        geometry: VolumeGeometry,
        flow_grid: VolumeGeometry,
        bent: AtlasMap,
        targets: Sequence[BiplanarTarget],
        weights: BiplanarWeights,
    ) -> None:
        self.bent, self.targets = bent, tuple(targets)
        self._channels, self._geometry, self._flow_grid, self._weights = (
            channels,
            geometry,
            flow_grid,
            weights,
        )
        self._matrices = spline_matrices(bent.model.control, flow_grid)
        self._upwards = linear_matrices(flow_grid, geometry)
        self._index = index_grid(geometry.shape_kji, channels.device)
        index_from_mm = torch.from_numpy(geometry.ijk_from_ras[:3, :3].T.copy())
        self._index_from_mm = index_from_mm.to(channels)
        self._projection = ProjectionSettings(step_mm=float(geometry.spacing_mm.min()))
        self._pixel_mm2 = [_pixel_area(target.camera, bent) for target in self.targets]

    def displacement(self, numbers: DeformationNumbers) -> torch.Tensor:
        """(K, J, I, 3); phi less the identity, on the flow grid [mm, RAS of the atlas]."""
        velocity = self.bent.velocity(numbers, self._matrices).to(self._channels.device)
        return flow(velocity[None], self._flow_grid, _SQUARINGS)[0]

    def images(
        self, numbers: DeformationNumbers, displacement: torch.Tensor | None
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Attenuation beyond water and thickness [mm] of bone before each camera, (rows, columns) each.

        Args:
            numbers: of the map.
            displacement: of `displacement`; None bends nothing.
        """
        here = self._channels
        if displacement is not None:
            moved = on_grid(displacement, self._upwards) @ self._index_from_mm
            here = sample(here, (self._index + moved)[None])
        sharp = ((here[:, 1:] - _LEAST_SHARE) / (1 - _LEAST_SHARE)).clamp(min=0)
        here = torch.cat([here[:, :1], sharp], 1)
        world_from_atlas = torch.linalg.inv(self.bent.atlas_from_world(numbers))
        found = []
        for number, target in enumerate(self.targets):
            pose = self.bent.view_from_world(numbers, number) @ world_from_atlas
            both = project(here, self._geometry, target.camera, pose[None], self._projection)[0]
            found.append((both[0], both[1]))
        return found

    def cost(self, numbers: DeformationNumbers, free: Sequence[str]) -> torch.Tensor:
        """What is minimized; a number without unit.

        Args:
            numbers: of the map.
            free: names of the blocks that change; they alone are paid for.
        """
        total = 0.5 * sum(PRICES[name] * numbers.blocks()[name].square().sum() for name in free)
        images = self.images(numbers, self._displacement_if_bent(numbers, free))
        for (bone, thickness), target, area in zip(images, self.targets, self._pixel_mm2, strict=True):
            total = total + self._weights.edges * _surprise(edge_correlation(bone, target)).double().cpu()
            if target.shadow is not None:
                wrong = (shadow_of(thickness) - target.shadow)[target.used].square().sum()
                total = total + self._weights.shadow * area * wrong.double().cpu()
        return total

    def residuals(self, numbers: DeformationNumbers, free: Sequence[str] = ()) -> torch.Tensor:
        """(R,) float64 on the CPU; half their sum of squares is the radiographs' part of `cost`.

        Args:
            numbers: of the map.
            free: names of the blocks that change.
        """
        parts = []
        images = self.images(numbers, self._displacement_if_bent(numbers, free))
        for (bone, thickness), target, area in zip(images, self.targets, self._pixel_mm2, strict=True):
            found, seen = _edges(bone, target)
            left = (found - seen).norm().clamp(min=1e-6)
            paid = self._weights.edges * _surprise((found * seen).sum())
            parts.append((found - seen) / left * (2 * paid) ** 0.5)  # half their squares are what is paid
            if target.shadow is not None:
                wrong = (shadow_of(thickness) - target.shadow)[target.used]
                parts.append(wrong * (2 * self._weights.shadow * area) ** 0.5)
        return torch.cat(parts).double().cpu()

    def _displacement_if_bent(self, numbers: DeformationNumbers, free: Sequence[str]) -> torch.Tensor | None:
        bends = bool({"modes", "local"} & set(free)) or bool(numbers.modes.any() or numbers.local.any())
        return self.displacement(numbers) if bends or self.bent.model.mean.any() else None


def shadow_of(thickness: torch.Tensor) -> torch.Tensor:
    """Soft shadow, 0 to 1, of bone of some thickness [mm]."""
    return 1 - torch.exp(-thickness / _EDGE_MM)


def edge_correlation(bone: torch.Tensor, target: BiplanarTarget) -> torch.Tensor:
    """Correlation of the derivatives of projected bone and radiograph, within the region.

    Source: Penney et al., IEEE TMI 17(4), 1998, section II-C, of both derivatives together.
    """
    found, seen = _edges(bone, target)
    return (found * seen).sum()


def _surprise(correlation: torch.Tensor) -> torch.Tensor:
    """What edges with some correlation cost, 0 for a perfect one: the logarithm of the variance that is left.

    Source: the likelihood of samples with normal noise of unknown size, at its best size.
    """
    return (1 + (1 - correlation) / _ALWAYS_LEFT).log()


def _edges(bone: torch.Tensor, target: BiplanarTarget) -> tuple[torch.Tensor, torch.Tensor]:
    """(P,); derivatives of projected bone and of the radiograph within the region, each of length 1."""
    usable = eroded(target.region)
    both = [
        torch.stack(derivative_images(image[None]))[:, 0, usable].flatten() for image in (bone, target.values)
    ]
    found, seen = (part / part.norm().clamp(min=1e-9) for part in both)
    return found, seen


def _pixel_area(camera: Camera, bent: AtlasMap) -> float:
    """Area of a pixel where the bone is [mm^2]."""
    world_from_atlas = np.linalg.inv(bent.start)
    middle = world_from_atlas[:3, :3] @ bent.centre_ras + world_from_atlas[:3, 3]
    depth = float(camera.project(middle)[1])
    return float(np.prod(camera.pixel_spacing_mm)) * (depth / camera.source_to_detector_mm) ** 2
