"""The study of the biplanar networks: the paper's tables, on patients that nothing was trained on."""

import csv
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.data.femur_folder import TABLE, CtPair, find_atlas, find_pairs
from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.biplanar_best_similarity import best_similarity
from DeepRegistrationLib.evaluation.biplanar_cases import BiplanarCase, make_biplanar_case
from DeepRegistrationLib.evaluation.biplanar_measures import bone_figures, within_ct
from DeepRegistrationLib.evaluation.biplanar_network_answers import (
    NetworkAnswer,
    TrainedNetwork,
    ask,
    read_trained,
)
from DeepRegistrationLib.evaluation.biplanar_network_report import write_biplanar_network_report
from DeepRegistrationLib.evaluation.biplanar_network_trials import BiplanarNetworkTrial
from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup, BiplanarTrial
from DeepRegistrationLib.evaluation.overlap_metrics import overlap, structural_similarity
from DeepRegistrationLib.evaluation.trials import TrialFile, read_trials
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.biplanar import installed_atlas_folder
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.biplanar_network_input import network_input

TRIALS_FILE = "biplanar_network_trials.csv"
NETWORK_SETUPS = (
    BiplanarSetup.ORTHOGONAL,
    BiplanarSetup.ANY_ANGLES,
    BiplanarSetup.WRONG_ANGLE,
    BiplanarSetup.DRAWN_ERROR,
)
"""Networks do not correct cameras, and need masks."""
_RANGE_HU = 2000.0
"""Of bone, for the structural similarity; around it both images are 0 HU."""
_TURN = ("flexion_deg", "abduction_deg", "rotation_deg")


@dataclass(frozen=True)
class BiplanarNetworkSettings:
    """Size of the study.

    Attributes:
        setups: what networks get.
        cases: at most so many patients of each folder; None takes all.
        device: where torch computes.
        seed: of angles and noise.
    """

    setups: tuple[BiplanarSetup, ...] = NETWORK_SETUPS
    cases: int | None = None
    device: Device = Device.AUTO
    seed: int = 0


def run_biplanar_network_study(
    data: tuple[Path, ...],
    weights: Mapping[str, Path],
    output: Path,
    settings: BiplanarNetworkSettings,
    atlas_folder: Path | None = None,
    fits: Path | None = None,
    report: Report = keep_going,
) -> Path:
    """Asks every network about every patient, or what is left of it, and writes the tables.

    Args:
        data: folders with CTs and labels of patients that nothing was trained on.
        weights: name in the tables -> weights of a training.
        output: folder for `biplanar_network_trials.csv` and `biplanar_networks.md`; trials in it are not
            repeated.
        settings: size of the study.
        atlas_folder: folder of the atlas that the networks were trained with; None takes the program's.
        fits: `biplanar_trials.csv` of `evaluate biplanar`, to be shown beside; None shows none.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `biplanar_networks.md`.

    Raises:
        InputError: a folder or weights cannot be used, a setup is none for networks, or `output` holds
            something else's trials.
        Cancelled: `report` returned False.
    """
    for setup in settings.setups:
        if setup not in NETWORK_SETUPS:
            raise InputError(f"Networks are not measured on '{setup}'; use {', '.join(NETWORK_SETUPS)}.")
    device = torch_device(settings.device)
    networks = [read_trained(name, path, device) for name, path in weights.items()]
    pairs = [(folder, pair) for folder in data for pair in find_pairs(folder)[: settings.cases]]
    atlas = find_atlas(atlas_folder or installed_atlas_folder()).read()
    compared = [] if fits is None else read_trials(fits, BiplanarTrial)
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / TRIALS_FILE, BiplanarNetworkTrial)
    known = {folder: known_turns(folder) for folder in data}
    best: dict[str, np.ndarray] = {}
    planned = [(setup, folder, pair) for setup in settings.setups for folder, pair in pairs]
    for number, (setup, folder, pair) in enumerate(planned):
        missing = [n for n in networks if (pair.name, str(setup), n.name, settings.seed) not in file]
        if not missing:
            continue
        text = f"{pair.name}, {setup}: {number + 1} of {len(planned)}"
        if not report(Progress(number / len(planned), text)):
            raise Cancelled(text)
        case = make_biplanar_case(pair, setup, settings.seed)
        if pair.name not in best:
            best[pair.name] = best_similarity(atlas, (case.ct, case.labels))
        for trained in missing:
            file.add(
                _trial(
                    trained,
                    (pair, folder.name, setup, settings.seed),
                    case,
                    atlas,
                    (best[pair.name], known[folder].get(pair.name)),
                    device,
                )
            )
    return write_biplanar_network_report(file.trials, compared, output)


def known_turns(folder: Path) -> dict[str, np.ndarray]:
    """Name of a patient -> (3, 3); how it was turned when it was made; empty without a table of turns."""
    path = folder / TABLE
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if all(row.get(name) for name in _TURN)]
    return {
        row["name"]: Rotation.from_euler(
            "xyz", [float(row[name]) for name in _TURN], degrees=True
        ).as_matrix()
        for row in rows
    }


def turn_between_deg(first: np.ndarray, second: np.ndarray) -> float:
    """Angle between the rotations of two similarity maps (3, 3) or (4, 4) [degrees]."""
    turns = []
    for matrix in (first, second):
        linear = np.asarray(matrix)[:3, :3]
        turns.append(linear / np.cbrt(np.linalg.det(linear)))
    return float(np.degrees(Rotation.from_matrix(turns[0] @ turns[1].T).magnitude()))


def _trial(
    trained: TrainedNetwork,
    about: tuple[CtPair, str, BiplanarSetup, int],
    case: BiplanarCase,
    atlas: tuple[Volume, Volume],
    truth: tuple[np.ndarray, np.ndarray | None],
    device: torch.device,
) -> BiplanarNetworkTrial:
    pair, group, setup, seed = about
    started = time.perf_counter()
    question = network_input(*atlas, case.radiographs, case.shadows, trained.size, device)
    answer = ask(trained, question, atlas, case.labels.geometry)
    seconds = time.perf_counter() - started
    missing = float("nan")
    pose, (best, known) = answer.atlas_from_patient, truth
    affine = answer.affine_bone
    return BiplanarNetworkTrial(
        case=pair.name,
        group=group,
        setup=str(setup),
        method=trained.name,
        variant=str(trained.variant),
        seed=seed,
        first_deg=case.angles_deg[0],
        second_deg=case.angles_deg[1],
        **bone_figures(answer.bone, case),
        affine_dice=missing if affine is None else overlap(within_ct(affine, case), case.labels.values).dice,
        ssim=_similarity(answer, case),
        folded=answer.folded,
        rotation_deg=missing if pose is None else turn_between_deg(pose, best),
        # a patient that was turned is turned back
        turn_deg=missing if pose is None or known is None else turn_between_deg(pose, known.T),
        seconds=seconds,
    )


def _similarity(answer: NetworkAnswer, case: BiplanarCase) -> float:
    if answer.image is None:
        return float("nan")
    found = answer.image.values * answer.bone
    true = case.ct.values * (case.labels.values != 0)
    return structural_similarity(found, true, _RANGE_HU)
