"""The paper's network as a method: when it may be asked, and its answer in the numbers of a fit."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import spline_filter

from DeepRegistrationLib.data.biplanar_atlas import BendableAtlas
from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.geometry.grid import affine_grid, index_grid, sample
from DeepRegistrationLib.geometry.rotations import rotation_vector_from_matrix
from DeepRegistrationLib.geometry.spline_grid import on_grid, spline_matrices
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.models.catalog import ModelStamp, find_model, model_catalog
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.biplanar_views import indices_after
from DeepRegistrationLib.optimize.deformation_model import (
    AtlasMap,
    DeformationModel,
    DeformationNumbers,
    Spread,
    free_model,
)
from DeepRegistrationLib.workflows.biplanar_network_input import network_input, view_angles
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs

BIPLANAR_NET = "biplanar-net"
_TRAINED_DEG = (0.0, 90.0)
_BEYOND_DEG = 12.0
"""Patients of the training were turned by about as much: so far a view may be from what was trained."""
_DISTANCE_MM = (600.0, 1500.0)
_CONTROL_MM = 4.0
"""Control points for the answer; about a voxel of the network."""


class NetworkUnsuitedError(InputError):
    """The network was not trained for such radiographs."""


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """What the network answers: an atlas's point is phi(T x), as in `AtlasMap`.

    Attributes:
        atlas_from_start: (4, 4) float64; similarity map T from the frame in which the atlas stood [mm].
        velocity: (K, J, I, 3); of phi, in the frame of the atlas [mm per unit time, RAS].
        grid: of `velocity`.
        stamp: which weights.
    """

    atlas_from_start: np.ndarray
    velocity: torch.Tensor
    grid: VolumeGeometry
    stamp: ModelStamp

    @property
    def size(self) -> float:
        """Of the atlas, where the patient's is 1."""
        return float(np.cbrt(np.linalg.det(self.atlas_from_start[:3, :3])))

    def velocity_on(self, grid: VolumeGeometry) -> torch.Tensor:
        """(K, J, I, 3) float32; the velocity at the voxels of another grid."""
        ijk = affine_grid(self.grid.ijk_from_ras @ grid.ras_from_ijk, grid.shape_kji)
        values = sample(self.velocity.movedim(-1, 0)[None], ijk[None].float(), padding="border")[0]
        return values.movedim(0, -1)

    def world_from_atlas(self, start: np.ndarray, centre_ras: np.ndarray) -> np.ndarray:
        """(4, 4) float64; the rigid part of the answer, which brings the middle of the bone to its place.

        Args:
            start: (4, 4); world from atlas at which the network was asked.
            centre_ras: (3,); middle of the bone [mm, atlas RAS].
        """
        start_from_atlas = np.linalg.inv(self.atlas_from_start)
        rigid = np.eye(4)
        rigid[:3, :3] = start_from_atlas[:3, :3] * self.size
        middle = start_from_atlas[:3, :3] @ centre_ras + start_from_atlas[:3, 3]
        rigid[:3, 3] = middle - rigid[:3, :3] @ centre_ras
        return start @ rigid


def is_network_installed() -> bool:
    """The catalogue has the network."""
    return BIPLANAR_NET in model_catalog()


def ask_network(inputs: BiplanarInputs, device: torch.device) -> NetworkMap:
    """The answer of the network of the catalogue.

    Raises:
        NetworkUnsuitedError: it was not trained for such radiographs or another atlas.
        RegistrationError: its weights are missing or damaged.
    """
    if not is_network_installed():
        raise RegistrationError(f"The network {BIPLANAR_NET} is not installed.")
    network: BiplanarNet = load_model(BIPLANAR_NET, device)
    order = suited_order(inputs, network.view_deg)
    radiographs = tuple(inputs.radiographs[view] for view in order)
    shadows = tuple(inputs.shadows[view] for view in order)
    size = network.affine.size
    question = network_input(inputs.ct, inputs.labels, radiographs, shadows, size, device, inputs.start)
    with torch.no_grad():
        estimate = network(question.radiographs, question.atlas, question.views)
    grid = question.views.geometry
    pose = estimate.affine.atlas_from_patient.double().cpu()
    velocity = carried(estimate.velocity.float().cpu(), grid, pose)[0]
    return NetworkMap(pose[0].numpy(), velocity, grid, find_model(BIPLANAR_NET).stamp)


def suited_order(inputs: BiplanarInputs, view_deg: float) -> tuple[int, int]:
    """Which radiograph the network gets first.

    Args:
        inputs: of the workflow.
        view_deg: by how much views of the training were turned from front and side, either way [degrees].

    Raises:
        NetworkUnsuitedError: it was not trained for these.
    """
    if not inputs.atlas_of_networks:
        raise NetworkUnsuitedError(
            "it was trained to bend the femur that comes with the program, and another atlas was given"
        )
    if len(inputs.radiographs) != 2:
        raise NetworkUnsuitedError(f"it takes two radiographs, and {len(inputs.radiographs)} were given")
    if any(shadow is None for shadow in inputs.shadows):
        raise NetworkUnsuitedError("it needs the mask of the bone on both radiographs")
    centre = inputs.ct.geometry.centre_ras
    back = np.linalg.inv(inputs.start)
    seen = [view_angles(radiograph.camera.moved(back), centre) for radiograph in inputs.radiographs]
    allowed = view_deg + _BEYOND_DEG
    for order in ((0, 1), (1, 0)):
        off = [
            max(abs(seen[view].primary_deg - trained), abs(seen[view].secondary_deg))
            for view, trained in zip(order, _TRAINED_DEG, strict=True)
        ]
        distances = [seen[view].distance_mm for view in order]
        if max(off) <= allowed and min(distances) > _DISTANCE_MM[0] and max(distances) < _DISTANCE_MM[1]:
            return order
    words = " and ".join(
        f"{view.primary_deg:.0f} (tilted by {view.secondary_deg:.0f}) degrees from {view.distance_mm:.0f} mm"
        for view in seen
    )
    raise NetworkUnsuitedError(
        f"it was trained for views from the front (0 degrees) and the left side (90 degrees), up to "
        f"{allowed:.0f} degrees off, from about a metre; these are from {words}"
    )


def carried(velocity: torch.Tensor, grid: VolumeGeometry, moving_from_fixed: torch.Tensor) -> torch.Tensor:
    """A velocity behind an affine map instead of before it: T(flow(x)) = carried flow(T x).

    Args:
        velocity: (B, K, J, I, 3) [mm per unit time, RAS].
        grid: of the velocity and of the result.
        moving_from_fixed: (B, 4, 4) float64; T.

    Returns:
        (B, K, J, I, 3).
    """
    back = torch.linalg.inv(moving_from_fixed)
    ijk = indices_after(index_grid(grid.shape_kji)[None], grid, back)
    there = sample(velocity.movedim(-1, 1), ijk, padding="border")
    return torch.einsum("bdc,bckji->bkjid", moving_from_fixed[:, :3, :3].to(there), there)


def as_numbers(
    answer: NetworkMap,
    atlas: BendableAtlas,
    model: DeformationModel | None,
    start: np.ndarray,
    spread: Spread,
) -> tuple[AtlasMap, DeformationNumbers]:
    """The answer as a fit would have it: pose and proportions, and the velocity beyond all modes.

    Args:
        answer: of the network.
        atlas: prepared.
        model: of shapes; its modes stay at zero, and tell how uncertain the shape is; None knows none.
        start: (4, 4); world from atlas at which the network was asked.
        spread: units of pose.
    """
    control = atlas.grid(_CONTROL_MM, border=2)
    fine = free_model(control, 1.0) if model is None else _on_control_points(model, control)
    centre = atlas.centre_ras
    bent = AtlasMap(fine, np.linalg.inv(start), centre, replace(spread, local=1.0))
    linear = answer.atlas_from_start[:3, :3]
    turn = rotation_vector_from_matrix(torch.from_numpy(linear / answer.size)[None])[0]
    shift = torch.from_numpy(answer.atlas_from_start[:3, 3] + linear @ centre - centre)
    pose = torch.cat([turn / np.radians(spread.turn_deg), shift / spread.shift_mm])
    stretch = torch.linalg.solve(fine.stretch_root.double(), _stretch(answer) - fine.stretch_mean.double())
    local = (_coefficients(answer.velocity_on(control)) - fine.mean) / fine.local_mm
    numbers = replace(DeformationNumbers.zeros(fine, 2), pose=pose, stretch=stretch, local=local.double())
    return bent, numbers


def _stretch(answer: NetworkMap) -> torch.Tensor:
    """(6,) float64; logarithmic stretch of the answer, equal along all axes."""
    return torch.tensor([1.0, 1, 1, 0, 0, 0], dtype=torch.float64) * np.log(answer.size)


def _on_control_points(model: DeformationModel, control: VolumeGeometry) -> DeformationModel:
    """The same model with other control points; what goes beyond its modes has the unit of one mm."""
    matrices = spline_matrices(model.control, control)
    return replace(
        model,
        control=control,
        mean=_coefficients(on_grid(model.mean, matrices)),
        modes=torch.stack([_coefficients(on_grid(mode, matrices)) for mode in model.modes])
        if model.count
        else torch.zeros(0, *control.shape_kji, 3),
        local_mm=1.0,
        broad_mm=0.0,
    )


def _coefficients(values: torch.Tensor) -> torch.Tensor:
    """(k, j, i, 3); coefficients of the cubic splines that go through values at the control points."""
    parts = [spline_filter(part.numpy(), order=3, mode="mirror") for part in values.double().unbind(-1)]
    return torch.from_numpy(np.stack(parts, -1)).float()
