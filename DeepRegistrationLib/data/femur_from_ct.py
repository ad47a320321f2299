"""Femora cut out of a CT with labels, as the population shows them: right ones, in their own frame."""

from collections.abc import Mapping

import numpy as np
import torch

from DeepRegistrationLib.data.femur_ct import FemurLabel
from DeepRegistrationLib.data.femur_frame import find_femur_frame
from DeepRegistrationLib.data.femur_meshes import MIRROR, Side
from DeepRegistrationLib.data.femur_population import ABOVE_MM, PopulationSettings, SyntheticFemur
from DeepRegistrationLib.data.mask_surface import mask_surface
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.checks import check_same_grid
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume

_AIR_HU = -1000.0


def femora_from_ct(
    ct: Volume, labels: Volume, femora: Mapping[Side, int], settings: PopulationSettings | None = None
) -> dict[Side, SyntheticFemur]:
    """Cuts out femora.

    Head and upwards of the patient (superior) give the frame; where enough of the shaft is seen, its axis
    does. Only the whole femur is labelled: `FemurLabel.HEAD` is what lies within the sphere of the head,
    `FemurLabel.CANCELLOUS` all the rest.

    Args:
        ct: [HU].
        labels: integers on the same grid.
        femora: side -> label of this femur.
        settings: grid of the results.

    Returns:
        Side -> femur as a right one; the middle of the grid is the origin, as in the population.

    Raises:
        InputError: another grid, a label without voxels, or a femur without a head.
    """
    check_same_grid(labels, ct)
    return {
        side: _cut_out(ct, labels, side, label, settings or PopulationSettings())
        for side, label in femora.items()
    }


def _cut_out(
    ct: Volume, labels: Volume, side: Side, label: int, settings: PopulationSettings
) -> SyntheticFemur:
    mask = (labels.values == label).cpu().numpy()
    if not mask.any():
        there = torch.unique(labels.values).tolist()
        raise InputError(
            f"'{labels.name}' has no voxel with the label {label} ({side} femur); it holds {there[:20]}."
        )
    surface = mask_surface(mask, labels.geometry, f"{side} femur of {labels.name}")
    right_from_ras = MIRROR if side is Side.LEFT else np.eye(4)
    right = surface.moved(right_from_ras)
    frame = find_femur_frame(right, superior=np.array([0.0, 0.0, 1.0]))
    femur_from_ras = frame.femur_from_mesh @ right_from_ras
    femur = right.moved(frame.femur_from_mesh)
    geometry = settings.geometry()
    top = femur.vertices[:, 2].max() + ABOVE_MM
    seen = femur.vertices[femur.vertices[:, 2] > top - geometry.extent_mm[2]]
    middle = (seen.min(0) + seen.max(0)) / 2
    femur_from_grid = np.eye(4)
    femur_from_grid[:3, 3] = [middle[0], middle[1], top - geometry.extent_mm[2] / 2]
    ras_from_grid = np.linalg.inv(femur_from_ras) @ femur_from_grid
    values = resample(ct, geometry, ras_from_grid, outside=_AIR_HU)
    whole = Volume(torch.from_numpy(mask.astype(np.float32)), labels.geometry)
    # linear and then one half: a nearest label would keep the steps of a coarse CT
    inside = resample(whole, geometry, ras_from_grid).values > 0.5
    from_head = _distance_from(geometry, -femur_from_grid[:3, 3])
    head = inside & (from_head < 1.05 * frame.head_radius_mm)
    numbers = torch.where(inside, int(FemurLabel.CANCELLOUS), 0)
    numbers[head] = int(FemurLabel.HEAD)
    return SyntheticFemur(
        values,
        values.with_values(numbers.to(torch.uint8), "femur labels"),
        {"head_centre": -femur_from_grid[:3, 3]},
        {"source": f"{ct.name} {side}", "head_radius_mm": frame.head_radius_mm},
    )


def _distance_from(geometry: VolumeGeometry, point: np.ndarray) -> torch.Tensor:
    """(K, J, I); distance of each voxel from a point [mm]."""
    return (ras_grid(geometry, dtype=torch.float64) - torch.from_numpy(point)).norm(dim=-1)
