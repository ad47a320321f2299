"""DeepNet: a similarity of radiographs whose gradient in the pose leads to the right one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.xray_cubes import XrayCube, load_xray_cubes
from DeepRegistrationLib.data.xray_split import XraySplit, cts_of
from DeepRegistrationLib.data.xray_synthesis import XrayPairs, XraySynthesis, draw_pairs
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.losses.direction_loss import angle_between, balance_loss, direction_loss
from DeepRegistrationLib.losses.distance_loss import distance_loss
from DeepRegistrationLib.losses.geodesic_se3 import LENGTH_MM, geodesic_gradient, squared_geodesic_distance
from DeepRegistrationLib.networks.xray_deep_net import PoseLoss, XrayDeepNet
from DeepRegistrationLib.networks.xray_input import XrayInput
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_with_tangents
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings

_VALIDATION_VOLUMES = 12
WITHIN_DEG = 60.0
"""A gradient that is not further off still leads to the target."""


@dataclass(frozen=True, eq=False)
class XrayData:
    """CTs to train on and CTs to choose by."""

    train: tuple[XrayCube, ...]
    validation: tuple[XrayCube, ...]


@dataclass(frozen=True)
class XrayDeepNetRecipe:
    """Training of DeepNet.

    Attributes:
        training: how it is trained; one sample is one patient with all of its pairs of poses.
        grid_size: of `XrayDeepNet`, as the following.
        voxel_mm: size of the voxels [mm].
        image_size: pixels along each edge.
        pixel_mm: size of the pixels at the middle of the volume [mm].
        volume_channels: of the volume network.
        image_channels: of the encoders.
        embedding: numbers that describe a radiograph.
        plain_epochs: epochs before the volume network is trained; until then the bones are projected as they
            are, in a third of the time.
        balance: weight of the ratio of turn to shift; 0 in the paper.
        distance: weight of the unit of the similarity; 0 in the paper.
        held_out: names of CTs that are not trained on, to choose settings by. With none, the validation shows
            new poses and shapes of the CTs that are trained on.
        synthesis: how samples vary.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=12000,
            steps_per_epoch=250,
            batch_size=2,
            draw_size=2,
            learning_rate=2e-3,
            warm_up_steps=50,
            gradient_clip=1.0,
            average_decay=0.998,
        )
    )
    grid_size: int = 40
    voxel_mm: float = 6.0
    image_size: int = 32
    pixel_mm: float = 5.66
    volume_channels: tuple[int, ...] = (4, 8, 16, 8, 3)
    image_channels: tuple[int, ...] = (16, 48, 96, 96)
    embedding: int = 64
    plain_epochs: int = 32
    balance: float = 0.5
    distance: float = 2.0
    held_out: tuple[str, ...] = ()
    synthesis: XraySynthesis = field(default_factory=XraySynthesis)

    def network(self) -> XrayDeepNet:
        """A new DeepNet."""
        return XrayDeepNet(**self.network_settings())

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `XrayDeepNet`."""
        return {
            "grid_size": self.grid_size,
            "voxel_mm": self.voxel_mm,
            "image_size": self.image_size,
            "pixel_mm": self.pixel_mm,
            "volume_channels": list(self.volume_channels),
            "image_channels": list(self.image_channels),
            "embedding": self.embedding,
        }

    def load(self, data: Path, device: torch.device) -> XrayData:
        """The tuning CTs in the folder `data`.

        Raises:
            InputError: a CT is missing, or `held_out` names none or all of them.
        """
        entries = cts_of(XraySplit.TUNING)
        names = [entry.name for entry in entries]
        unknown = sorted(set(self.held_out) - set(names))
        if unknown or set(names) == set(self.held_out):
            raise InputError(
                f"The CTs that are held out ({', '.join(self.held_out)}) must be some, but not all, of "
                f"{', '.join(names)}. Correct 'held_out'."
            )
        cubes = load_xray_cubes(data, entries, self.synthesis.target_voxel_mm, device)
        train = tuple(cube for cube in cubes if cube.name not in self.held_out)
        held_out = tuple(cube for cube in cubes if cube.name in self.held_out)
        return XrayData(train, held_out or train)

    def draw(self, data: XrayData, count: int, generator: torch.Generator) -> XrayPairs:
        """Patients with pairs of poses."""
        return draw_pairs(data.train, count, self.network_input(), self.synthesis, generator)

    def loss(self, network: Callable, batch: XrayPairs, epoch: int) -> Loss:
        """M_dist of the paper, the balance of turn and shift, and the unit of the similarity."""
        found = self._answer(network, batch, epoch < self.plain_epochs)
        wanted = _wanted(batch)
        value = direction_loss(found.gradient, wanted).mean()
        if self.balance:
            value = value + self.balance * balance_loss(found.gradient, wanted, LENGTH_MM).mean()
        if self.distance:
            squared = squared_geodesic_distance(*_poses(batch)).to(found.value.dtype)
            value = value + self.distance * distance_loss(found.value, squared, LENGTH_MM).mean()
        return Loss(value, direction_figures(found.gradient.detach(), wanted))

    def validate(self, network: Callable, data: XrayData, generator: torch.Generator) -> dict[str, float]:
        """How many gradients point the right way."""
        batch = draw_pairs(
            data.validation, _VALIDATION_VOLUMES, self.network_input(), self.synthesis, generator
        )
        return direction_figures(self._answer(network, batch).gradient, _wanted(batch))

    def network_input(self) -> XrayInput:
        """What the network sees."""
        return XrayInput(self.grid_size, self.voxel_mm, self.image_size, self.pixel_mm)

    def _answer(self, network: Callable, batch: XrayPairs, plain: bool = False) -> PoseLoss:
        """Network similarity of V P poses, and its gradient."""
        geometry = self.network_input().cube(np.zeros(3))
        settings = ProjectionSettings(step_mm=self.voxel_mm)

        def project(channels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            parts = [
                project_with_tangents(
                    channels[v : v + 1], geometry, batch.rays_of(v), batch.moving[v], settings
                )
                for v in range(len(channels))
            ]
            images, tangents = (torch.cat(part) for part in zip(*parts, strict=True))
            return images, tangents

        return network(batch.volumes, batch.targets.flatten(0, 1), project, plain)


def _poses(batch: XrayPairs) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Moving (V P, 4, 4), target (V P, 4, 4), and the middle of the volumes (3,) [mm]."""
    moving, target = batch.moving.flatten(0, 1), batch.target.flatten(0, 1)
    return moving, target, moving.new_zeros(3)


def _wanted(batch: XrayPairs) -> torch.Tensor:
    """(V P, 6); gradient of the squared geodesic distance."""
    return geodesic_gradient(*_poses(batch)).to(batch.volumes.dtype)


def direction_figures(found: torch.Tensor, wanted: torch.Tensor) -> dict[str, torch.Tensor]:
    """How many gradients (B, 6) lead to the target, by name with unit."""
    turn = torch.rad2deg(angle_between(found[:, :3], wanted[:, :3])) < WITHIN_DEG
    shift = torch.rad2deg(angle_between(found[:, 3:], wanted[:, 3:])) < WITHIN_DEG
    return {
        "both within 60 deg [%]": 100 * (turn & shift).float().mean(),
        "turn within 60 deg [%]": 100 * turn.float().mean(),
        "shift within 60 deg [%]": 100 * shift.float().mean(),
    }
