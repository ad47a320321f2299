"""A statistical deformation model from CTs with labels: how the atlas bends to become each of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from DeepRegistrationLib.data.biplanar_atlas import BendableAtlas, averaged, prepare_atlas
from DeepRegistrationLib.data.femur_folder import CtPair
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.deformation_model import (
    AtlasMap,
    DeformationModel,
    DeformationNumbers,
    Spread,
    free_model,
)
from DeepRegistrationLib.optimize.label_fit import LabelledGrid, fit_labels
from DeepRegistrationLib.progress import Progress, Report, keep_going

SHAPE_MODEL = "shape_model.safetensors"
CONTROL_MM, FLOW_MM, VOXEL_MM = 12.0, 6.0, 4.0
"""Distance of control points, of voxels with velocities, and of those that are compared [mm]."""
_FREE_MM = 4.0
_SMALLEST_PART = 0.002
"""Modes with a smaller part of the variance are left to what goes beyond the modes."""


def control_grid(atlas: BendableAtlas) -> VolumeGeometry:
    """Control points over an atlas; one more row around, so that splines are whole at the edge."""
    return atlas.grid(CONTROL_MM, border=1)


def build_shape_model(
    atlas: BendableAtlas, pairs: Sequence[CtPair], report: Report = keep_going
) -> DeformationModel:
    """Fits the atlas to each CT by the labels and takes the principal modes of the deformations.

    Args:
        atlas: what is bent.
        pairs: at least 3 patients in about the atlas's place, with the labels of the atlas.
        report: receiver of the progress.

    Raises:
        InputError: too few patients, or none of the atlas's labels.
        Cancelled: the receiver wants to stop.

    Source: Rueckert et al., "Automatic construction of 3-D statistical deformation models of the brain using
        nonrigid registration", IEEE TMI 2003; of stationary velocities, so that no shape folds.
    """
    if len(pairs) < 3:
        raise InputError(
            f"A shape model needs at least 3 CTs with labels beside the atlas; found {len(pairs)}. Make more "
            "with `deepregistration population`, or add your own."
        )
    free = free_model(control_grid(atlas), _FREE_MM)
    wanted = [value for value in torch.unique(atlas.labels.values).tolist() if value != 0]
    flow_grid, grid = atlas.grid(FLOW_MM, border=1), atlas.grid(VOXEL_MM)
    here = LabelledGrid(averaged(_shares(atlas, wanted), atlas.labels.geometry, grid), grid)
    stretches, coefficients = [], []
    for number, pair in enumerate(pairs):
        text = f"bending the atlas to {pair.name} ({number + 1} of {len(pairs)})"

        def watch(iteration: int, cost: float, number: int = number, text: str = text) -> None:
            if not report(Progress((number + min(iteration / 120, 1)) / len(pairs), text)):
                raise Cancelled(text)

        subject = prepare_atlas(*pair.read())
        _check_labels(subject, wanted, pair)
        own = subject.grid(VOXEL_MM)
        there = LabelledGrid(averaged(_shares(subject, wanted), subject.labels.geometry, own), own)
        bent = AtlasMap(free, np.eye(4), atlas.centre_ras, Spread(turn_deg=20.0, shift_mm=20.0))
        found = fit_labels(here, there, bent, flow_grid, watch=watch)
        stretches.append(_stretch(bent, found))
        coefficients.append(bent.coefficients(found).detach().float())
    return principal_modes(free.control, torch.stack(stretches), torch.stack(coefficients))


def write_shape_model(model: DeformationModel, path: Path) -> None:
    """Writes a model; modes in half precision."""
    tensors = {
        "mean": model.mean.float(),
        "modes": model.modes.half(),
        "stretch_mean": model.stretch_mean.float(),
        "stretch_root": model.stretch_root.float(),
        "local_mm": torch.tensor([model.local_mm]),
        "ras_from_ijk": torch.from_numpy(model.control.ras_from_ijk),
    }
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


def read_shape_model(path: Path) -> DeformationModel:
    """Reads what `write_shape_model` wrote.

    Raises:
        InputError: the file is missing or damaged, or something else.
    """
    try:
        found = load_file(path)
        control = VolumeGeometry(tuple(found["mean"].shape[:3]), found["ras_from_ijk"].numpy())
        return DeformationModel(
            control,
            found["mean"],
            found["modes"].float(),
            found["stretch_mean"],
            found["stretch_root"],
            float(found["local_mm"]),
        )
    except (OSError, KeyError, SafetensorError) as err:
        raise InputError(
            f"'{path}' is no shape model that can be read ({err}). Make it again with "
            "`deepregistration shape-model`."
        ) from err


def _shares(subject: BendableAtlas, wanted: Sequence[int]) -> torch.Tensor:
    """(1, 1 + L, K, J, I); all bone together, then each label; smaller parts count less."""
    values = subject.labels.values
    parts = [values != 0] + ([values == label for label in wanted] if len(wanted) > 1 else [])
    weights = [1.0] + [0.5] * (len(parts) - 1)
    return torch.stack([weight * part.float() for weight, part in zip(weights, parts, strict=True)])[None]


def _check_labels(subject: BendableAtlas, wanted: Sequence[int], pair: CtPair) -> None:
    there = torch.unique(subject.labels.values).tolist()
    if not set(wanted) & set(there):
        raise InputError(
            f"'{pair.labels.name}' holds the labels {there[:20]}, the atlas {list(wanted)[:20]}. "
            "Patients and atlas must be labelled alike."
        )


def _stretch(bent: AtlasMap, numbers: DeformationNumbers) -> torch.Tensor:
    """(6,); logarithmic stretch of a fit."""
    root = bent.model.stretch_root.double()
    return (bent.model.stretch_mean.double() + root @ numbers.stretch).detach().float()


def principal_modes(
    control: VolumeGeometry, stretches: torch.Tensor, coefficients: torch.Tensor
) -> DeformationModel:
    """Mean and modes of deformations.

    Args:
        control: control points of the velocities.
        stretches: (S, 6); logarithmic stretch of each patient.
        coefficients: (S, k, j, i, 3); spline coefficients of each patient's velocity [mm, RAS].

    Returns:
        Model; what its modes leave tells how far shapes go beyond them.
    """
    count = len(coefficients)
    mean, stretch_mean = coefficients.mean(0), stretches.mean(0)
    rows = (coefficients - mean).flatten(1).double()
    _, sizes, axes = torch.linalg.svd(rows, full_matrices=False)
    variances = sizes.square() / (count - 1)
    kept = variances > _SMALLEST_PART * variances.sum()
    modes = variances[kept].sqrt()[:, None] * axes[kept]
    covariance = torch.cov((stretches - stretch_mean).double().T)
    values, vectors = torch.linalg.eigh(covariance + 1e-6 * torch.eye(6))
    left = variances[~kept].sum() / rows.shape[1]
    local_mm = float(left.sqrt().clamp(min=0.3))
    return DeformationModel(
        control,
        mean,
        modes.reshape(-1, *mean.shape).float(),
        stretch_mean,
        (vectors * values.sqrt()).float(),
        local_mm,
    )
