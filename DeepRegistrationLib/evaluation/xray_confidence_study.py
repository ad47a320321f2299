"""Where the constants of the X-ray job's confidence come from: CTs that nothing is reported on.

Each tuning CT is registered to radiographs of itself (DRRs, realistic ones, two views), with its bones alone,
and to radiographs of another CT, to which no pose is right.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.xray_split import XraySplit, cts_of
from DeepRegistrationLib.evaluation.confidence_tables import caught_table, weights_table
from DeepRegistrationLib.evaluation.logistic_fit import fit_logistic, left_out_sums
from DeepRegistrationLib.evaluation.metrics import caught_share_of
from DeepRegistrationLib.evaluation.study_tables import in_order, table
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.evaluation.xray_errors import SUCCESS_DEG, SUCCESS_MM, is_right, xray_errors
from DeepRegistrationLib.evaluation.xray_study_cts import StudyCt, bones_alone, draw_poses, load_study_ct
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.evaluation.xray_targets import radiographs_of
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.xray_confidence import WEIGHTS, XrayEvidence, judge, pieces
from DeepRegistrationLib.workflows.xray_ct import register
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs

FILE_NAME, PAGE = "xray_confidence_trials.csv", "xray_confidence.md"
# other seeds than those of the study that is reported
_SEED = 7000


class Setup(StrEnum):
    """What is registered to what."""

    DRR = "drr"
    REALISTIC = "realistic"
    TWO_VIEWS = "two-views"
    BONES_ALONE = "bones-alone"
    """The CT holds nothing but its bones, the radiograph is a DRR of all of it."""
    OTHER_CT = "other-ct"
    """The radiograph is of another patient: every answer is wrong."""


@dataclass(frozen=True)
class XrayConfidenceTrial:
    """What one registration found out about its own answer, and how far off it was.

    Attributes:
        ct: name of the CT that was registered.
        setup: to what.
        number: of the pair of poses.
        seed: of the study.
        error_mm: of the bones' middle [mm]; infinite for another CT's radiograph.
        error_deg: rotation [degrees].
        similarity: see `XrayEvidence`, like all that follow.
        fit_score: see there.
        score_ratio: see there.
        residual_ratio: see there.
        edge_distance_mm: see there.
        disagreement_deg: see there.
        disagreement_mm: see there.
        seen_share: see there.
        depth_sigma_mm: see there.
    """

    ct: str
    setup: str
    number: int
    seed: int
    error_mm: float
    error_deg: float
    similarity: float
    fit_score: float
    score_ratio: float
    residual_ratio: float
    edge_distance_mm: float
    disagreement_deg: float
    disagreement_mm: float
    seen_share: float
    depth_sigma_mm: float

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What makes a trial the same one in another run."""
        return self.ct, self.setup, self.number, self.seed

    @property
    def is_right(self) -> bool:
        """Within the limits of the study."""
        return is_right(self.error_deg, self.error_mm)

    @property
    def evidence(self) -> XrayEvidence:
        """As the program had it."""
        names = [name for name in XrayEvidence.__dataclass_fields__ if name != "searched"]
        return XrayEvidence(**{name: getattr(self, name) for name in names})

    @property
    def confidence(self) -> float:
        """As the program says it today."""
        return judge(self.evidence).value


def run_xray_confidence_study(
    data: Path,
    output: Path,
    trials: int = 4,
    device: Device = Device.AUTO,
    seed: int = 0,
    report: Report = keep_going,
) -> Path:
    """Registers the tuning CTs in every setup and fits the confidence.

    Args:
        data: folder with the public CTs (`ct-bone`).
        output: folder for `xray_confidence_trials.csv` and `xray_confidence.md`; continued if it exists.
        trials: of each CT and setup.
        device: where torch computes.
        seed: of the poses.
        report: receives progress; returns False to stop.

    Returns:
        Path of `xray_confidence.md`.

    Raises:
        InputError: a CT is missing.
        Cancelled: `report` returned False.
    """
    entries = cts_of(XraySplit.TUNING)
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / FILE_NAME, XrayConfidenceTrial)
    studies = [load_study_ct(entry, data) for entry in entries]
    # number by number: what has been done when it is stopped is of all kinds
    planned = [(n, which, setup) for n in range(trials) for which in range(len(studies)) for setup in Setup]
    for done, (number, which, setup) in enumerate(planned):
        study, other = studies[which], studies[(which + 1) % len(studies)]
        if not _makes_sense(study, other, setup) or (study.name, str(setup), number, seed) in file:
            continue
        text = f"{study.name}, {setup}: {number + 1} of {trials}"
        share = done / len(planned)
        file.add(
            _trial(
                study, other, setup, number, seed, device, lambda _, s=share, t=text: report(Progress(s, t))
            )
        )
    return write_page(file.trials, output)


def _makes_sense(study: StudyCt, other: StudyCt, setup: Setup) -> bool:
    if setup == Setup.REALISTIC:
        return not study.bone_only
    if setup == Setup.BONES_ALONE:
        return study.labels is not None and not study.bone_only
    return True


def _trial(
    study: StudyCt, other: StudyCt, setup: Setup, number: int, seed: int, device: Device, report: Report
) -> XrayConfidenceTrial:
    of_its_own = zlib.crc32(f"{study.name} {setup}".encode()) % 100_000
    true, start = draw_poses(study, number + 1, of_its_own + _SEED + seed)[number]
    shown = other if setup == Setup.OTHER_CT else study
    target = {Setup.REALISTIC: XrayTarget.REALISTIC, Setup.TWO_VIEWS: XrayTarget.TWO_VIEWS}
    ct, labels = study.ct, study.labels
    if setup == Setup.BONES_ALONE:
        ct = bones_alone(study)
    if setup == Setup.OTHER_CT:
        ct, labels = (_brought_to(image, study.middle_ras, other.middle_ras) for image in (ct, labels))
        true = _about(true, study.middle_ras, other.middle_ras)
        start = _about(start, study.middle_ras, other.middle_ras)
    radiographs = radiographs_of(shown, target.get(setup, XrayTarget.DRR), true, _SEED + seed + number)
    settings = XrayCtSettings(device=device, seed=seed)
    result = register(XrayCtInputs(ct, labels, radiographs, start), settings, report)
    errors = xray_errors(result.world_from_ct, true, radiographs[0].camera, shown.points_ras)
    wrong = setup == Setup.OTHER_CT
    evidence = {k: v for k, v in result.confidence.evidence.items() if k != "searched"}
    return XrayConfidenceTrial(
        ct=study.name,
        setup=str(setup),
        number=number,
        seed=seed,
        error_mm=np.inf if wrong else errors.distance_mm,
        error_deg=180.0 if wrong else errors.rotation_deg,
        **evidence,
    )


def _brought_to(image: Volume | None, from_ras: np.ndarray, to_ras: np.ndarray) -> Volume | None:
    """The image moved so that one point lies where another was."""
    if image is None:
        return None
    matrix = image.geometry.ras_from_ijk.copy()
    matrix[:3, 3] += to_ras - from_ras
    return replace(image, geometry=VolumeGeometry(image.geometry.shape_kji, matrix))


def _about(motion: np.ndarray, from_ras: np.ndarray, to_ras: np.ndarray) -> np.ndarray:
    """The same motion about another point."""
    there = np.eye(4)
    there[:3, 3] = to_ras - from_ras
    return there @ motion @ np.linalg.inv(there)


def write_page(trials: Sequence[XrayConfidenceTrial], output: Path) -> Path:
    """Tables of the fit.

    Args:
        trials: of all setups.
        output: folder.
    """
    right = np.array([trial.is_right for trial in trials])
    sections = [
        "# Confidence of CT to radiographs: how its constants were fitted",
        "CTs that the study does not report on, by the method `auto`. An answer counts as right within "
        f"{SUCCESS_MM:.0f} mm and {SUCCESS_DEG:.0f} degrees.",
        _setups_table(trials),
    ]
    if right.all() or not right.any():
        sections.append("All answers are alike: nothing can be fitted.")
    else:
        sections += [_weights_section(trials, right), _caught_table(trials, right)]
    path = output / PAGE
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def _numbers(trials: Sequence[XrayConfidenceTrial]) -> np.ndarray:
    """(N, D); pieces of evidence in the order of the weights."""
    names = [name for name in WEIGHTS if name != "constant"]
    return np.array([[pieces(trial.evidence)[name] for name in names] for trial in trials])


def _setups_table(trials: Sequence[XrayConfidenceTrial]) -> str:
    rows = []
    for setup in in_order(trial.setup for trial in trials):
        chosen = [trial for trial in trials if trial.setup == setup]
        ratios = [trial.score_ratio for trial in chosen]
        values = [trial.confidence for trial in chosen]
        right = sum(trial.is_right for trial in chosen)
        numbers = [f"{np.median(ratios):.2f}", f"{np.median(values):.2f}"]
        rows.append([setup, str(len(chosen)), str(right), *numbers])
    return table(["setup", "trials", "right", "median score ratio", "median confidence today"], rows)


def _caught_table(trials: Sequence[XrayConfidenceTrial], right: np.ndarray) -> str:
    numbers = _numbers(trials)
    sums = {
        "fitted on these": fit_logistic(numbers, right).sums(numbers),
        "each CT left out in turn": left_out_sums(numbers, right, [trial.ct for trial in trials]),
        "the program today": np.array([trial.confidence for trial in trials]),
    }
    return caught_table({title: caught_share_of(values, right) for title, values in sums.items()}, right)


def _weights_section(trials: Sequence[XrayConfidenceTrial], right: np.ndarray) -> str:
    intro = "Log odds of being right are the sum of a constant and of the evidence times its weight.\n\n"
    return intro + weights_table(fit_logistic(_numbers(trials), right), WEIGHTS)
