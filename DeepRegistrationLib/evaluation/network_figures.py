"""The study of the networks alone: which brains, which weights, one JSON file."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from DeepRegistrationLib.atlases.fetal_atlas import load_atlas_image
from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject, known_subjects
from DeepRegistrationLib.evaluation.network_inputs import PosedBrain
from DeepRegistrationLib.evaluation.network_study import (
    NetworkErrors,
    chain_errors,
    correction_net_errors,
    joined,
    pose_net_errors,
    slice_net_errors,
)
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.t1_like import t1_like
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.models.catalog import Network, find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.models.registry import build_network
from DeepRegistrationLib.models.state_dict import misfit, read_state_dict
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.fetal_networks import CORRECTION_NET, POSE_NET
from DeepRegistrationLib.workflows.fetal_slice_proposals import SLICE_NET
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain

FILE_NAME = "networks.json"
CHAIN = "pose-net, then correction-net"
_MODELS = {Network.POSE_NET: POSE_NET, Network.CORRECTION_NET: CORRECTION_NET, Network.SLICE_NET: SLICE_NET}
_CORRECTION_EDGES_DEG = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
_SLICE_PIXELS = 64


@dataclass(frozen=True)
class NetworkStudySettings:
    """Size of the study.

    Attributes:
        weights: weights of a training instead of those installed: network -> its file; its `recipe.json` lies
            beside it.
        per_bin: poses per brain in each of the six bins; six times as many slices and corrections.
        subjects: which brains.
        device: where torch computes.
        seed: of the poses.
    """

    weights: Mapping[Network, Path]
    per_bin: int = 24
    subjects: tuple[SliceGroup, ...] = (
        SliceGroup.ATLAS,
        SliceGroup.FETUS,
        SliceGroup.NEWBORN_T2,
        SliceGroup.NEWBORN_T1,
    )
    device: Device = Device.AUTO
    seed: int = 0


def run_network_study(
    data: Path, output: Path, settings: NetworkStudySettings, report: Report = keep_going
) -> Path:
    """Measures every network that is installed or given.

    Args:
        data: folder with the public images: `sta`, `mial-sub01`, `infant`, as far as needed.
        output: folder for `networks.json`: network -> group and contrast of the brains -> figures.
        settings: size of the study.
        report: receives progress; returns False to stop.

    Returns:
        Path of `networks.json`.

    Raises:
        InputError: an image is missing, weights do not fit, or there is no network at all.
        Cancelled: `report` returned False.
    """
    device = torch_device(settings.device)
    networks = {kind: network for kind in _MODELS if (network := _network(kind, settings, device))}
    if not networks:
        raise InputError(
            "No trained network is installed. Name the weights of a training (--pose-net, --correction-net, "
            "--slice-net), or see which there are: deepregistration models list"
        )
    _tell(report, 0.0, "Finding the poses of the subjects")
    subjects = known_subjects(data, settings.subjects, settings.device)
    chain = {Network.POSE_NET, Network.CORRECTION_NET} <= set(networks)
    names = [*map(str, networks), *([CHAIN] if chain else [])]
    errors: dict[str, dict[str, list[NetworkErrors]]] = {name: {} for name in names}
    cases = [
        (label, posed) for subject in subjects for label, posed in _contrasts(subject, settings.seed, device)
    ]
    for number, (label, posed) in enumerate(cases):
        for name in names:
            _tell(report, (number + 0.5) / (len(cases) + 1), f"{name}: {posed.name}, {posed.contrast}")
            errors[name].setdefault(label, []).append(_measure(name, networks, posed, settings))
    output.mkdir(parents=True, exist_ok=True)
    path = output / FILE_NAME
    content = {
        name: {
            label: joined(parts).as_dict(_CORRECTION_EDGES_DEG if name == Network.CORRECTION_NET else None)
            for label, parts in groups.items()
        }
        for name, groups in errors.items()
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path


def _measure(
    name: str, networks: Mapping[Network, nn.Module], posed: PosedBrain, settings: NetworkStudySettings
) -> NetworkErrors:
    per_bin, seed = settings.per_bin, settings.seed
    if name == CHAIN:
        pose_net, correction_net = networks[Network.POSE_NET], networks[Network.CORRECTION_NET]
        return chain_errors(pose_net, correction_net, posed, per_bin, seed)
    kind = Network(name)
    if kind == Network.POSE_NET:
        return pose_net_errors(networks[kind], posed, per_bin, seed)
    if kind == Network.CORRECTION_NET:
        return correction_net_errors(networks[kind], posed, 6 * per_bin, seed)
    size = _SLICE_PIXELS if kind in settings.weights else find_model(SLICE_NET).input_grid.size
    return slice_net_errors(networks[kind], posed, 6 * per_bin, size, seed)


def _network(kind: Network, settings: NetworkStudySettings, device: torch.device) -> nn.Module | None:
    path = settings.weights.get(kind)
    if path is None:
        # weights of a training are not mixed with those installed
        if settings.weights:
            return None
        try:
            return load_model(_MODELS[kind], device)
        except (InputError, RegistrationError):
            return None
    network = build_network(kind, _settings_beside(path))
    state = read_state_dict(path)
    mistake = misfit(network, state)
    if mistake:
        raise InputError(f"'{path}' does not fit the network '{kind}': {mistake}. Choose its own weights.")
    network.load_state_dict(state)
    return network.to(device).eval().requires_grad_(False)


def _settings_beside(weights: Path) -> dict[str, object]:
    """What the network of a training was built with, from its recipe."""
    recipe = weights.parent / "recipe.json"
    try:
        content = json.loads(recipe.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as err:
        raise InputError(
            f"'{recipe}' cannot be read. Name the weights in the folder of their training, which holds it."
        ) from err
    return {name: content[name] for name in ("grid_size", "head", "encoder", "width") if name in content}


def _contrasts(subject: KnownSubject, seed: int, device: torch.device) -> Iterator[tuple[str, PosedBrain]]:
    """The subject as it is; of a week of the atlas also as T1 would show it."""
    atlas = load_atlas_image(subject.atlas.files[0])
    fixed = prepare_brain(atlas.image, atlas.mask, device)
    contrast = "T1" if subject.group == SliceGroup.NEWBORN_T1 else "T2"
    yield f"{subject.group}, {contrast}", _posed(subject, subject.image, contrast, fixed, device)
    if subject.group == SliceGroup.ATLAS:
        week = load_atlas_image(subject.source)
        yield f"{subject.group}, T1-like", _posed(subject, t1_like(week, seed), "T1-like", fixed, device)


def _posed(
    subject: KnownSubject, image: Volume, contrast: str, atlas: PreparedBrain, device: torch.device
) -> PosedBrain:
    subject_from_atlas = np.linalg.inv(subject.atlas_from_subject)
    linear = subject_from_atlas[:3, :3]
    return PosedBrain(
        name=subject.name,
        contrast=contrast,
        brain=prepare_brain(image, subject.mask, device),
        rotation=linear / np.cbrt(np.linalg.det(linear)),
        centre_ras=linear @ atlas.centre_ras + subject_from_atlas[:3, 3],
        atlas=atlas,
    )


def _tell(report: Report, fraction: float, text: str) -> None:
    if not report(Progress(fraction, text)):
        raise Cancelled(text)
