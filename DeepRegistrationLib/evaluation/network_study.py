"""The study of the networks alone: which brains, which weights, every answer in one table."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from DeepRegistrationLib.atlases.fetal_atlas import load_atlas_image
from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.installed_models import check_same_models, is_installed
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject, find_subjects, with_pose
from DeepRegistrationLib.evaluation.network_errors import (
    NetworkErrors,
    chain_errors,
    correction_net_errors,
    pose_net_errors,
    slice_net_errors,
)
from DeepRegistrationLib.evaluation.network_inputs import PosedBrain
from DeepRegistrationLib.evaluation.network_report import CHAIN, write_network_report
from DeepRegistrationLib.evaluation.network_trials import NetworkTrial
from DeepRegistrationLib.evaluation.pair_group import AS_T2, SliceGroup
from DeepRegistrationLib.evaluation.t1_like import t1_like
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.models.catalog import Network, find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.models.registry import build_network
from DeepRegistrationLib.models.state_dict import misfit, read_state_dict
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2, t1_to_t2
from DeepRegistrationLib.workflows.fetal_networks import CORRECTION_NET, POSE_NET
from DeepRegistrationLib.workflows.fetal_slice_proposals import SLICE_NET
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain

FILE_NAME = "network_trials.csv"
T2, T1, T1_LIKE = "T2", "T1", "T1-like"
_MODELS = {Network.POSE_NET: POSE_NET, Network.CORRECTION_NET: CORRECTION_NET, Network.SLICE_NET: SLICE_NET}
_SLICE_PIXELS = 64
"""Pixels along each edge of a slice, where neither catalogue nor recipe tells."""
BRAINS = (SliceGroup.ATLAS, SliceGroup.FETUS, SliceGroup.NEWBORN_T2, SliceGroup.NEWBORN_T1)


@dataclass(frozen=True)
class NetworkStudySettings:
    """Size of the study.

    Attributes:
        weights: weights of a training instead of those installed: network -> file, safetensors or a
            checkpoint, with the `recipe.json` of the training beside it.
        per_bin: poses per brain in each of the six bins; six times as many slices and corrections.
        groups: which brains; stacks are none.
        device: where torch computes.
        seed: of the poses.
    """

    weights: Mapping[Network, Path] = field(default_factory=dict)
    per_bin: int = 24
    groups: tuple[SliceGroup, ...] = BRAINS
    device: Device = Device.AUTO
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Trained:
    """A network, the weights it has in words, and what it sees."""

    network: nn.Module
    models: str
    size: int


def run_network_study(
    data: Path, output: Path, settings: NetworkStudySettings, report: Report = keep_going
) -> Path:
    """Measures every network that is installed or given, or what is left to be measured.

    Args:
        data: folder with the public images: `sta`, `mial-sub01`, `infant`, as far as needed.
        output: folder for `network_trials.csv`, `networks.md`, `networks.json` and a figure; trials in it
            are not repeated.
        settings: size of the study.
        report: receives progress; returns False to stop. Finished brains are kept.

    Returns:
        Path of `networks.md`.

    Raises:
        InputError: an image is missing, weights do not fit, the folder holds trials with other weights, or
            there is no network at all.
        RegistrationError: the pose of a brain is not certain, or the device is not there.
        Cancelled: `report` returned False.
    """
    device = torch_device(settings.device)
    trained = {kind: found for kind in _MODELS if (found := _trained(kind, settings.weights, device))}
    if not trained:
        raise InputError(
            "No trained network is installed. Name the weights of a training (--pose-net, --correction-net, "
            "--slice-net), or a folder with networks in the variable DEEPREGISTRATION_MODELS."
        )
    subjects = find_subjects(data, settings.groups)
    if not subjects:
        raise InputError(
            "There is no brain to ask the networks about: stacks are none. Choose from "
            f"{', '.join(BRAINS)} (--brains)."
        )
    measures = _measures(trained, settings)
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / FILE_NAME, NetworkTrial)
    for trial in file.trials:
        if trial.network in measures:
            check_same_models(trial.network, trial.models, measures[trial.network].models)
    for number, subject in enumerate(subjects):
        wanted = [
            (name, contrast)
            for contrast in _contrasts(subject.group)
            for name in measures
            if not all(
                (name, subject.name, contrast, index, settings.seed) in file
                for index in range(6 * settings.per_bin)
            )
        ]
        if not wanted:
            continue
        known: KnownSubject | None = None
        for done, (name, contrast) in enumerate(wanted):
            fraction = (number + done / len(wanted)) / len(subjects)
            if not report(Progress(fraction, f"{name}: {subject.name}, {contrast}")):
                raise Cancelled(subject.name)
            known = known or with_pose(subject, settings.device, _still(report, fraction))
            posed = _posed(known, contrast, settings.seed, device)
            errors = measures[name].errors(posed)
            _keep(file, name, measures[name].models, known, contrast, settings.seed, errors)
    return write_network_report(file.trials, output)


@dataclass(frozen=True, eq=False)
class _Measure:
    models: str
    errors: Callable[[PosedBrain], NetworkErrors]


def _measures(trained: Mapping[Network, _Trained], settings: NetworkStudySettings) -> dict[str, _Measure]:
    """Name of a network or of several after each other -> how it is measured."""
    per_bin, seed = settings.per_bin, settings.seed
    found = {}
    if pose := trained.get(Network.POSE_NET):
        found[str(Network.POSE_NET)] = _Measure(
            pose.models, lambda posed: pose_net_errors(pose.network, posed, per_bin, seed)
        )
    if correction := trained.get(Network.CORRECTION_NET):
        found[str(Network.CORRECTION_NET)] = _Measure(
            correction.models,
            lambda posed: correction_net_errors(correction.network, posed, 6 * per_bin, seed),
        )
    if pose and correction:
        found[CHAIN] = _Measure(
            f"{pose.models}; {correction.models}",
            lambda posed: chain_errors(pose.network, correction.network, posed, per_bin, seed),
        )
    if single := trained.get(Network.SLICE_NET):
        found[str(Network.SLICE_NET)] = _Measure(
            single.models,
            lambda posed: slice_net_errors(single.network, posed, 6 * per_bin, single.size, seed),
        )
    return found


def _keep(
    file: TrialFile[NetworkTrial],
    network: str,
    models: str,
    subject: KnownSubject,
    contrast: str,
    seed: int,
    errors: NetworkErrors,
) -> None:
    for number in range(len(errors.size_deg)):
        trial = NetworkTrial(
            network,
            models,
            subject.name,
            str(subject.group),
            contrast,
            number,
            seed,
            float(errors.size_deg[number]),
            float(errors.rotation_deg[number]),
            float(errors.either_deg[number]),
            float(errors.initial_mm[number]),
            float(errors.translation_mm[number]),
        )
        if trial.key not in file:  # of a brain that was cut short
            file.add(trial)


def _trained(kind: Network, weights: Mapping[Network, Path], device: torch.device) -> _Trained | None:
    # weights of a training are not mixed with those installed
    if weights:
        return _from_training(kind, weights[kind], device) if kind in weights else None
    name = _MODELS[kind]
    if not is_installed(name):
        return None
    entry = find_model(name)
    models = f"{name} {entry.version} {entry.sha256[:8]}"
    return _Trained(load_model(name, device), models, entry.input_grid.size)


def _from_training(kind: Network, path: Path, device: torch.device) -> _Trained:
    state = read_state_dict(path)
    recipe = _recipe_beside(path)
    names = ("grid_size", "head", "encoder", "width")
    settings = _settings_inside(path) or {name: recipe[name] for name in names if name in recipe}
    network = build_network(kind, settings)
    mistake = misfit(network, state)
    if mistake:
        raise InputError(f"'{path}' does not fit the network '{kind}': {mistake}. Choose its own weights.")
    network.load_state_dict(state)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    size = int(recipe.get("slice_size", _SLICE_PIXELS))
    return _Trained(network.to(device).eval().requires_grad_(False), f"{path.name} {checksum}", size)


def _settings_inside(path: Path) -> dict[str, object] | None:
    """What the network was built with, from the header of the weights that a training wrote."""
    if path.suffix != ".safetensors":
        return None
    with safe_open(path, "pt") as content:
        text = (content.metadata() or {}).get("settings")
    return None if text is None else json.loads(text)


def _recipe_beside(weights: Path) -> dict[str, object]:
    """The recipe of a training; empty if only its weights are there."""
    try:
        return json.loads((weights.parent / "recipe.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, json.JSONDecodeError) as err:
        raise InputError(
            f"'{weights.parent / 'recipe.json'}' cannot be read ({err}). Name weights in the folder of their "
            "training."
        ) from err


def _contrasts(group: SliceGroup) -> list[str]:
    """The subject as it is; of a week of the atlas also as T1 would show it; T1 also made to look like T2."""
    if group == SliceGroup.NEWBORN_T1_AS_T2:
        return [f"{T1}{AS_T2}"]
    of_t1 = {SliceGroup.ATLAS: T1_LIKE, SliceGroup.NEWBORN_T1: T1}.get(group)
    found = [] if group == SliceGroup.NEWBORN_T1 else [T2]
    if of_t1 is not None:
        found += [of_t1, f"{of_t1}{AS_T2}"] if is_installed(T1_TO_T2) else [of_t1]
    return found


def _posed(subject: KnownSubject, contrast: str, seed: int, device: torch.device) -> PosedBrain:
    source = load_atlas_image(subject.atlas.files[0])
    atlas = prepare_brain(source.image, source.mask, device)
    image = subject.image
    if contrast.startswith(T1_LIKE):
        image = t1_like(load_atlas_image(subject.source), seed)
    brain: PreparedBrain = prepare_brain(image, subject.mask, device)
    if contrast.endswith(AS_T2):
        brain = t1_to_t2(brain)
    subject_from_atlas = np.linalg.inv(subject.atlas_from_subject)
    linear = subject_from_atlas[:3, :3]
    scale = float(np.cbrt(np.linalg.det(linear)))
    return PosedBrain(
        name=subject.name,
        contrast=contrast,
        brain=brain,
        rotation=linear / scale,
        centre_ras=linear @ atlas.centre_ras + subject_from_atlas[:3, 3],
        atlas=atlas,
        size_mm=scale * atlas.radius_mm,
    )


def _still(report: Report, fraction: float) -> Report:
    return lambda progress: report(Progress(fraction, progress.text))
