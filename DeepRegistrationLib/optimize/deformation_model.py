"""Maps of an atlas with few numbers: pose, stretch, modes of shape, and what is left, all with a prior.

    world --turn, shift, stretch--> atlas RAS --flow of a smooth velocity--> atlas RAS
                 T (4, 4)                          phi

Every number is in units of its own standard deviation: what a fit pays for a deformation is the sum of their
squares, and steps along all of them have about one size.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from DeepRegistrationLib.geometry.rigid import rigid_matrix
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.spline_grid import AxisMatrices, on_grid
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

_SHARED_MM = 50.0
"""Over which bones differ from all shapes of a model: a person's shaft is thicker, a neck longer [mm]."""
_ABOUT_BEAM = 0.1
"""Factor on the uncertainty of a turn of a view about its beam: it is the bone's own as far as the other view
can tell, and two free turns would be taken for one another."""
_SYMMETRIC = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, eq=False)
class DeformationModel:
    """How anatomies differ from an atlas: what is known before radiographs are seen.

    Attributes:
        control: control points of the velocity, along the axes of the atlas.
        mean: (k, j, i, 3); spline coefficients of the mean velocity [mm per unit time, RAS].
        modes: (M, k, j, i, 3); the same at one standard deviation of each mode, less the mean.
        stretch_mean: (6,); logarithmic stretch xx, yy, zz, xy, xz, yz of atlas from patient.
        stretch_root: (6, 6); its columns at one standard deviation; root of the covariance.
        local_mm: standard deviation of each coefficient beyond the modes [mm].
        broad_mm: standard deviation of the part beyond the modes that neighbours within some cm share [mm].
    """

    control: VolumeGeometry
    mean: torch.Tensor
    modes: torch.Tensor
    stretch_mean: torch.Tensor
    stretch_root: torch.Tensor
    local_mm: float
    broad_mm: float = 0.0

    @property
    def count(self) -> int:
        """Number of modes."""
        return len(self.modes)


def free_model(control: VolumeGeometry, local_mm: float = 4.0) -> DeformationModel:
    """A model that knows no anatomy: sizes differ by 6 %, proportions by 3 %, shapes smoothly.

    Args:
        control: control points.
        local_mm: how far shapes differ.
    """
    shape = control.shape_kji
    size = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]) * 0.05
    root = torch.eye(6) * 0.03
    root[:, 5] += size  # one direction of the six also changes the size
    return DeformationModel(
        control, torch.zeros(*shape, 3), torch.zeros(0, *shape, 3), torch.zeros(6), root, local_mm
    )


def shared_matrices(control: VolumeGeometry) -> AxisMatrices:
    """What control points share with their neighbours, axis by axis: white noise becomes smooth, and keeps 1.

    Args:
        control: control points; the Gaussian's standard deviation is 50 mm / sqrt(2), so that two points
            this far apart share exp(-1/2).
    """
    found = []
    for count, spacing in zip(control.shape_kji, control.spacing_mm[::-1], strict=True):
        place = spacing * torch.arange(count, dtype=torch.float64)
        weight = torch.exp(-((place[:, None] - place) / _SHARED_MM).square())
        found.append((weight / weight.norm(dim=1, keepdim=True)).float())
    return tuple(found)


@dataclass(frozen=True)
class Spread:
    """What a fit may change, by its standard deviation; 0 keeps it.

    Attributes:
        turn_deg: of the start about each axis [degrees].
        shift_mm: of the start along each axis [mm].
        stretch: factor on the model's stretch.
        modes: factor on the model's modes.
        local: factor on what goes beyond the modes.
        view_deg: of the direction of each view after the first [degrees].
        view_mm: the same [mm].
    """

    turn_deg: float = 10.0
    shift_mm: float = 10.0
    stretch: float = 1.0
    modes: float = 1.0
    local: float = 1.0
    view_deg: float = 0.0
    view_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class DeformationNumbers:
    """The numbers of one map, each in standard deviations.

    Attributes:
        pose: (6,); turn about the middle of the bone, shift.
        stretch: (6,).
        modes: (M,).
        local: (k, j, i, 3).
        views: (V - 1, 6); turn and shift of the world for each view after the first.
    """

    pose: torch.Tensor
    stretch: torch.Tensor
    modes: torch.Tensor
    local: torch.Tensor
    views: torch.Tensor

    @staticmethod
    def zeros(model: DeformationModel, views: int = 1) -> "DeformationNumbers":
        """The start: the mean shape where the atlas stands."""
        return DeformationNumbers(
            torch.zeros(6, dtype=torch.float64),
            torch.zeros(6, dtype=torch.float64),
            torch.zeros(model.count, dtype=torch.float64),
            torch.zeros(*model.mean.shape, dtype=torch.float64),
            torch.zeros(max(views - 1, 0), 6, dtype=torch.float64),
        )

    def blocks(self) -> dict[str, torch.Tensor]:
        """Name -> numbers, in their order."""
        return {name: getattr(self, name) for name in ("pose", "stretch", "modes", "local", "views")}


@dataclass(frozen=True, eq=False)
class AtlasMap:
    """Turns numbers into maps.

    Attributes:
        model: what is known of the anatomy.
        start: (4, 4) float64; atlas RAS from world RAS before the fit, rigid [mm].
        centre_ras: (3,); about which the atlas turns and stretches [mm, atlas RAS].
        spread: what may change.
        beams: (V, 3); direction of each view's beam in the world. None: it is not known, and views turn about
            it as about other axes.
    """

    model: DeformationModel
    start: np.ndarray
    centre_ras: np.ndarray
    spread: Spread = field(default_factory=Spread)
    beams: np.ndarray | None = None

    def atlas_from_world(self, numbers: DeformationNumbers) -> torch.Tensor:
        """(4, 4) float64; T, differentiable [mm]."""
        centre = torch.from_numpy(np.asarray(self.centre_ras, dtype=np.float64))
        pose, stretch = numbers.pose.double().cpu(), numbers.stretch.double().cpu()
        turn = matrix_from_rotation_vector(np.radians(self.spread.turn_deg) * pose[:3])
        logarithm = self.model.stretch_mean.double() + self.spread.stretch * (
            self.model.stretch_root.double() @ stretch
        )
        symmetric = torch.zeros(3, 3, dtype=torch.float64)
        for number, (row, column) in enumerate(_SYMMETRIC):
            unit = torch.zeros(3, 3, dtype=torch.float64)
            unit[row, column] = unit[column, row] = 1.0
            symmetric = symmetric + logarithm[number] * unit
        linear = torch.linalg.matrix_exp(symmetric) @ turn
        moved = rigid_matrix(linear, centre - linear @ centre + self.spread.shift_mm * pose[3:])
        return moved @ torch.from_numpy(np.array(self.start, dtype=np.float64))

    def coefficients(self, numbers: DeformationNumbers) -> torch.Tensor:
        """(k, j, i, 3); spline coefficients of the velocity [mm per unit time, RAS of the atlas]."""
        model = self.model
        found = model.mean.to(numbers.local)
        if model.count and self.spread.modes:
            modes = model.modes.to(numbers.local)
            found = found + self.spread.modes * torch.tensordot(numbers.modes.to(modes), modes, 1)
        if self.spread.local:
            own = model.local_mm * numbers.local
            if model.broad_mm:
                own = own + model.broad_mm * on_grid(numbers.local, shared_matrices(model.control))
            found = found + self.spread.local * own
        return found

    def velocity(self, numbers: DeformationNumbers, matrices: AxisMatrices) -> torch.Tensor:
        """(K, J, I, 3); velocity on the grid of `matrices` (`spline_matrices`) [mm, RAS of the atlas]."""
        return on_grid(self.coefficients(numbers).float(), matrices)

    def view_from_world(self, numbers: DeformationNumbers, view: int) -> torch.Tensor:
        """(4, 4) float64; by what the world is moved before a view's camera; the identity for view 0.

        Turns are about the middle of the bone at the start [mm]; those about the beam are small: angles of an
        arm are read off wrongly, its detector does not turn on it.
        """
        if view == 0 or not (self.spread.view_deg or self.spread.view_mm):
            return torch.eye(4, dtype=torch.float64)
        own = numbers.views[view - 1].double().cpu()
        world_from_atlas = np.linalg.inv(self.start)
        middle = torch.from_numpy(world_from_atlas[:3, :3] @ self.centre_ras + world_from_atlas[:3, 3])
        axis = own[:3]
        if self.beams is not None:
            beam = torch.from_numpy(np.array(self.beams[view], dtype=np.float64))
            axis = axis + (_ABOUT_BEAM - 1) * (axis @ beam) * beam
        turn = matrix_from_rotation_vector(np.radians(self.spread.view_deg) * axis)
        return rigid_matrix(turn, middle - turn @ middle + self.spread.view_mm * own[3:])
