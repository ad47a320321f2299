"""Any of the trained biplanar networks, and what its answer means on the grid of a patient."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.displacement import (
    DisplacementField,
    compose,
    from_linear,
    jacobian_determinant,
)
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample, warp
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.models.state_dict import misfit
from DeepRegistrationLib.networks.biplanar_affine_net import AffineEstimate, BiplanarAffineNet
from DeepRegistrationLib.networks.biplanar_label_net import BiplanarLabelNet
from DeepRegistrationLib.networks.biplanar_net import BiplanarNet
from DeepRegistrationLib.networks.biplanar_sdm_net import BiplanarSdmNet
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize, biplanar_size
from DeepRegistrationLib.workflows.biplanar_network_input import NetworkInput

_CLASSES = (BiplanarAffineNet, BiplanarLabelNet, BiplanarSdmNet, BiplanarNet)
_OUTSIDE_HU = -1000.0


class NetworkVariant(StrEnum):
    """The networks of the paper's tables; the value is how the tables call them."""

    AFFINE = "affine module alone"
    BOTH = "both modules"
    NOT_TOGETHER = "no intermediate concatenation"
    NO_SKIPS = "no skip connections"
    ONE_DECODER = "one decoder"
    NO_INVERSE_PROJECTION = "no inverse projection"
    SDM = "weights of a shape model"
    LABELS = "label map regressed"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """Weights in the network they belong to.

    Attributes:
        name: in the tables.
        network: ready to be asked.
        variant: which one of the paper's.
        size: of its images and volumes.
    """

    name: str
    network: nn.Module
    variant: NetworkVariant
    size: BiplanarSize


@dataclass(frozen=True, eq=False)
class NetworkAnswer:
    """What a network answers for one patient.

    Attributes:
        bone: (K, J, I) bool; on the patient's grid.
        affine_bone: the same after the affine part alone; None of a network without one.
        image: the atlas on the patient's grid [HU]; None of a label map.
        folded: voxels of the network's grid at which its map folds.
        atlas_from_patient: (4, 4); the affine part [mm]; None of a network without one.
    """

    bone: torch.Tensor
    affine_bone: torch.Tensor | None
    image: Volume | None
    folded: int
    atlas_from_patient: np.ndarray | None


def read_trained(name: str, weights: Path, device: torch.device) -> TrainedNetwork:
    """Weights as a training writes them; their header tells network and size.

    Raises:
        InputError: the file cannot be read, or is not of one of these networks.
    """
    try:
        with safe_open(weights, "pt") as file:
            settings = json.loads((file.metadata() or {})["settings"])
        state = load_file(weights)
    except (OSError, SafetensorError, KeyError, ValueError) as err:
        raise InputError(
            f"The weights '{weights}' cannot be used ({err}). Name the weights.safetensors of a training of "
            "a biplanar network."
        ) from err
    for kind in _CLASSES:
        if set(settings) <= set(inspect.signature(kind).parameters):
            network = kind(**settings)
            if misfit(network, state) is None:
                network.load_state_dict(state)
                size = biplanar_size(settings["size"])
                ready = network.to(device).eval().requires_grad_(False)
                return TrainedNetwork(name, ready, _variant(network, settings), size)
    raise InputError(
        f"The weights '{weights}' are of none of the biplanar networks. Name the weights.safetensors of a "
        "training of one of them."
    )


def ask(
    trained: TrainedNetwork,
    question: NetworkInput,
    atlas: tuple[Volume, Volume],
    patient: VolumeGeometry,
) -> NetworkAnswer:
    """Asks a network and brings its answer onto the patient's grid.

    Args:
        trained: the network.
        question: radiographs, atlas and cameras, in its size.
        atlas: CT and labels as they are; they are warped once, at their own resolution.
        patient: grid of the result.
    """
    grid = question.views.geometry
    with torch.no_grad():
        if isinstance(trained.network, BiplanarLabelNet):
            logits = trained.network(question.radiographs, question.views)[0, 0]
            # soft labels between voxels; beyond the grid there is none
            share = resample(Volume(logits.float().sigmoid().cpu(), grid), patient)
            return NetworkAnswer(share.values > 0.5, None, None, 0, None)
        estimate = trained.network(question.radiographs, question.atlas, question.views)
    is_affine = isinstance(estimate, AffineEstimate)
    pose = (estimate if is_affine else estimate.affine).atlas_from_patient[0].cpu().numpy()
    rigid = from_linear(pose, patient)
    affine_bone = _bone(atlas[1], rigid)
    if is_affine:
        return NetworkAnswer(affine_bone, affine_bone, warp(atlas[0], rigid, outside=_OUTSIDE_HU), 0, pose)
    bend = DisplacementField(estimate.displacement[0].float().cpu(), grid)
    whole = compose(from_linear(pose, grid), bend)  # on the network's grid: x -> T(x + u(x))
    there = compose(whole, from_linear(np.eye(4), patient))
    folded = int((jacobian_determinant(bend) <= 0).sum())
    image = warp(atlas[0], there, outside=_OUTSIDE_HU)
    return NetworkAnswer(_bone(atlas[1], there), affine_bone, image, folded, pose)


def _bone(labels: Volume, field: DisplacementField) -> torch.Tensor:
    """(K, J, I) bool; where a field sends voxels into the bone, at half of a voxel."""
    return warp(labels.with_values((labels.values != 0).float()), field).values > 0.5


def _variant(network: nn.Module, settings: Mapping[str, object]) -> NetworkVariant:
    if isinstance(network, BiplanarLabelNet):
        return NetworkVariant.LABELS
    if isinstance(network, BiplanarSdmNet):
        return NetworkVariant.SDM
    if isinstance(network, BiplanarAffineNet):
        return NetworkVariant.AFFINE
    if not settings["together"]:
        return NetworkVariant.NOT_TOGETHER
    if not settings["skips"]:
        return NetworkVariant.NO_SKIPS
    if settings["one_decoder"]:
        return NetworkVariant.ONE_DECODER
    return NetworkVariant.BOTH if settings["inverse_projection"] else NetworkVariant.NO_INVERSE_PROJECTION
