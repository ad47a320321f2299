"""What the registration of a CT to radiographs takes and returns, in memory."""

from dataclasses import dataclass, field

import numpy as np
import torch

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.result import Result

WORLD = "world RAS (of the cameras)"
CT = "CT RAS"


@dataclass(frozen=True, eq=False)
class XrayCtInputs:
    """What the workflow needs in memory.

    Attributes:
        ct: CT [HU].
        labels: labels on the grid of `ct`; None registers whatever of the CT is bone.
        radiographs: one per view, as attenuation, each with its camera in the world.
        start: (4, 4) float64; start pose, world RAS from CT RAS, rigid [mm].
    """

    ct: Volume
    labels: Volume | None
    radiographs: tuple[Radiograph, ...]
    start: np.ndarray = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        if not self.radiographs:
            raise ValueError("at least one radiograph is needed")
        if self.start.shape != (4, 4):
            raise ValueError(f"start must be (4, 4), got {self.start.shape}")


@dataclass(frozen=True, eq=False)
class XrayView:
    """One view of the result.

    Attributes:
        radiograph: as it was registered: attenuation, mask and camera (in the world).
        camera_from_ct: (4, 4) float64; camera frame from CT RAS at the answer; holds a reflection where the
            radiograph is shown as seen from the detector [mm].
        drr: (rows, columns) float32; radiograph of the CT at the answer, on the pixels of `radiograph`.
        drr_start: the same at the start pose.
        similarity: of radiograph and DRR at the answer.
        residual_mm: mean distance on the detector of an edge of the DRR's bones from the nearest edge of the
            radiograph at the answer [mm].
        residual_start_mm: the same at the start pose [mm].
        bones: (rows, columns) float32; radiograph of the bones alone at the answer, to be laid over
            `radiograph`; None where it was not computed.
    """

    radiograph: Radiograph
    camera_from_ct: np.ndarray
    drr: torch.Tensor
    drr_start: torch.Tensor
    similarity: float
    residual_mm: float
    residual_start_mm: float
    bones: torch.Tensor | None = None


@dataclass(frozen=True)
class PoseUncertainty:
    """Standard deviation of the pose, along and about the axes of the first view's camera.

    The turns are about the middle of the registered bones.

    Attributes:
        along_columns_mm: shift along the detector's columns axis (to the right in the image).
        along_rows_mm: shift along its rows axis (down in the image).
        in_depth_mm: shift along the beam, from source to detector: the weak direction of a single view.
        about_columns_deg: turn about the columns axis.
        about_rows_deg: turn about the rows axis.
        in_plane_deg: turn about the beam, in the plane of the image.
    """

    along_columns_mm: float
    along_rows_mm: float
    in_depth_mm: float
    about_columns_deg: float
    about_rows_deg: float
    in_plane_deg: float


@dataclass(frozen=True, eq=False, kw_only=True)
class XrayCtResult(Result):
    """Result of a registration of a CT to radiographs.

    `transforms` begins with `world_from_ct`, the answer; then `camera_from_ct`, `camera2_from_ct`... for the
    views. `history` holds the similarity for each iteration, `poses` the pose that belongs to it.

    Attributes:
        ct: the CT as given [HU].
        labels: labels of the bones that were registered, on the grid of `ct`; None if none were given.
        views: one per radiograph, in their order.
        start: (4, 4) float64; world from CT at the start [mm].
        uncertainty: how sure each direction is; None where the method does not tell.
        poses: stage -> world_from_ct (4, 4) for each entry of `history[stage]`.
    """

    ct: Volume
    labels: Volume | None
    views: tuple[XrayView, ...]
    start: np.ndarray
    uncertainty: PoseUncertainty | None = None
    poses: dict[str, list[np.ndarray]] = field(default_factory=dict)

    @property
    def world_from_ct(self) -> np.ndarray:
        """(4, 4) float64; the answer: world RAS from CT RAS [mm]."""
        return self.answer.matrix
