"""What the bending of an atlas to radiographs takes and returns, in memory."""

from dataclasses import dataclass, field

import numpy as np
import torch

from DeepRegistrationLib.atlases.label_names import Segment
from DeepRegistrationLib.geometry.displacement import DisplacementField
from DeepRegistrationLib.geometry.jacobian_range import JacobianRange
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.deformation_model import DeformationModel
from DeepRegistrationLib.workflows.result import Result

WORLD = "world RAS (of the cameras)"
ATLAS = "atlas RAS"


@dataclass(frozen=True, eq=False)
class BiplanarInputs:
    """What the workflow needs in memory.

    Attributes:
        ct: of the atlas [HU].
        labels: on its grid; all but 0 is the bone.
        radiographs: two or more views as attenuation, each with its camera in the world.
        shadows: for each view (rows, columns) bool; the shadow of the bone; None where it is not known.
        model: how shapes differ from this atlas; None if that is not known.
        start: (4, 4) float64; start pose, world RAS from atlas RAS, rigid [mm].
        segments: names and colours of the labels.
        atlas_of_networks: the atlas is the one that the networks were trained to bend.
    """

    ct: Volume
    labels: Volume
    radiographs: tuple[Radiograph, ...]
    shadows: tuple[torch.Tensor | None, ...]
    model: DeformationModel | None = None
    start: np.ndarray = field(default_factory=lambda: np.eye(4))
    segments: tuple[Segment, ...] = ()
    atlas_of_networks: bool = False

    def __post_init__(self) -> None:
        if len(self.radiographs) < 2 or len(self.shadows) != len(self.radiographs):
            raise ValueError(f"{len(self.radiographs)} radiographs and {len(self.shadows)} shadows")
        for radiograph, shadow in zip(self.radiographs, self.shadows, strict=True):
            if shadow is not None and (shadow.shape, shadow.dtype) != (radiograph.values.shape, torch.bool):
                raise ValueError(f"a shadow must be bool and of the size of '{radiograph.name}'")


@dataclass(frozen=True, eq=False)
class BiplanarView:
    """One view of the result.

    Attributes:
        radiograph: as it was used: attenuation, mask and camera (where it was thought to stand).
        shadow: (rows, columns) bool; the shadow of the bone as given, or as proposed from the atlas.
        shadow_given: it was given.
        camera_correction: (4, 4) float64; by what the world is moved before this camera; the identity if the
            camera was trusted [mm].
        drr: (rows, columns) float32; radiograph of the bent atlas's bone.
        drr_start: the same at the start.
        outline, outline_start: (rows, columns) bool; the bone's shadow at the answer and at the start.
        edges: correlation of the edges within the shadow, -1 to 1.
        distance_mm: mean distance of the outline from that of the given shadow, at the bone [mm]; NaN where
            none was given.
    """

    radiograph: Radiograph
    shadow: torch.Tensor
    shadow_given: bool
    camera_correction: np.ndarray
    drr: torch.Tensor
    drr_start: torch.Tensor
    outline: torch.Tensor
    outline_start: torch.Tensor
    edges: float
    distance_mm: float


@dataclass(frozen=True, eq=False, kw_only=True)
class BiplanarResult(Result):
    """Result of the bending of an atlas.

    `transforms` begins with `world_from_atlas`, the affine part. A point x of the world shows the point
    `deformation(x)` of the atlas.

    Attributes:
        deformation: world -> atlas, affine part and flow together, on a grid of the world.
        inverse: atlas -> world, on a grid of the atlas.
        warped: the atlas in the world [HU].
        segmentation: its labels in the world.
        segments: names and colours of the labels that occur.
        uncertainty: standard deviation of the place of the bone in the world [mm].
        jacobian: local changes of volume of `inverse`.
        views: one per radiograph.
        start: (4, 4) float64; world from atlas before the fit.
    """

    deformation: DisplacementField
    inverse: DisplacementField
    warped: Volume
    segmentation: Volume
    segments: tuple[Segment, ...]
    uncertainty: Volume
    jacobian: JacobianRange
    views: tuple[BiplanarView, ...]
    start: np.ndarray

    @property
    def world_from_atlas(self) -> np.ndarray:
        """(4, 4) float64; the affine part of the answer: world RAS from atlas RAS [mm]."""
        return self.answer.matrix
