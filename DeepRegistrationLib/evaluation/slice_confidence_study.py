"""Where the constants of the slice job's confidence come from: brains that nothing is reported on."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.atlases.fetal_atlas import load_atlas_image
from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.evaluation.confidence_tables import caught_table, weights_table
from DeepRegistrationLib.evaluation.installed_models import check_same_models, models_of
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject
from DeepRegistrationLib.evaluation.logistic_fit import fit_logistic, left_out_sums
from DeepRegistrationLib.evaluation.metrics import FAILURE_DEG, caught_share
from DeepRegistrationLib.evaluation.slice_answers import slice_errors
from DeepRegistrationLib.evaluation.slice_cut import CutSlice, cut_slice, draw_slices
from DeepRegistrationLib.evaluation.study_tables import in_order, models_text, table
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.evaluation.tuning_brains import find_tuning_brains
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain
from DeepRegistrationLib.workflows.slice_confidence import (
    FARTHEST_NET_DEG,
    WEIGHTS,
    SliceEvidence,
    judge_slice,
)

FILE_NAME, PAGE = "slice_confidence_trials.csv", "slice_confidence.md"


@dataclass(frozen=True)
class ConfidenceTrial:
    """What one registration found out about its own answer, and how far off it was.

    Attributes:
        subject: name.
        number: of the slice.
        seed: of the study.
        models: networks that took part.
        either_deg: rotation error up to the mirror image [degrees].
        similarity: see `SliceEvidence`.
        rival: see `SliceEvidence`.
        agreement: see `SliceEvidence`; NaN if it is not known.
        size_change: see `SliceEvidence`.
        net_deg: see `SliceEvidence`; NaN if the net was not asked.
    """

    subject: str
    number: int
    seed: int
    models: str
    either_deg: float
    similarity: float
    rival: float
    agreement: float
    size_change: float
    net_deg: float

    @property
    def key(self) -> tuple[str, int, int]:
        """What makes a trial the same one in another run."""
        return self.subject, self.number, self.seed


def run_slice_confidence_study(
    data: Path,
    output: Path,
    slices: int = 16,
    device: Device = Device.AUTO,
    seed: int = 0,
    report: Report = keep_going,
) -> Path:
    """Registers slices of the tuning brains by the method `auto` and fits the confidence.

    Args:
        data: folder with the public images: `sta`, `spina-bifida-atlas`, `infant`.
        output: folder for `slice_confidence_trials.csv` and `slice_confidence.md`; continued if it exists.
        slices: per brain.
        device: where torch computes.
        seed: of the slices.
        report: receives progress; returns False to stop.

    Returns:
        Path of `slice_confidence.md`.

    Raises:
        InputError: an image is missing, or the folder holds trials with other networks.
        RegistrationError: the pose of a brain is not certain.
        Cancelled: `report` returned False.
    """
    brains = find_tuning_brains(data)
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / FILE_NAME, ConfidenceTrial)
    models = models_of(FetalSliceMethod.AUTO)
    for trial in file.trials:
        check_same_models(FetalSliceMethod.AUTO, trial.models, models)
    for number, brain in enumerate(brains):
        # brains of one week differ in what is shown of them: each has slices of its own
        poses = draw_slices(slices, 0, zlib.crc32(brain.name.encode()) % 100_000 + seed)
        wanted = [pose for pose in poses if (brain.name, pose.number, seed) not in file]
        if not wanted:
            continue

        def still(text: str, share: float = 0.0, number: int = number) -> Report:
            """Tells one text, whatever a registration does meanwhile."""
            return lambda _: report(Progress((number + share) / len(brains), text))

        subject = brain.read(device, still(f"{brain.name}: its place in the atlas"))
        source = load_atlas_image(subject.atlas.files[0])
        atlas = prepare_brain(source.image, source.mask, torch_device(device))
        for count, pose in enumerate(wanted):
            tell = still(f"{brain.name}: slice {count + 1} of {len(wanted)}", count / len(wanted))
            cut = cut_slice(subject, atlas, pose)
            file.add(_trial(subject, atlas, cut, pose.number, seed, models, device, tell))
    return _write_page(file.trials, output)


def _trial(
    subject: KnownSubject,
    atlas: PreparedBrain,
    cut: CutSlice,
    number: int,
    seed: int,
    models: str,
    device: Device,
    report: Report,
) -> ConfidenceTrial:
    settings = FetalSliceSettings(gestational_age_weeks=subject.gestational_age_weeks, device=device)
    result = register(FetalSliceInputs(cut.image, cut.mask, subject.atlas), settings, report)
    errors = slice_errors([h.matrix for h in result.hypotheses], cut, atlas.centre_ras)
    found = result.confidence.evidence
    return ConfidenceTrial(
        subject=subject.name,
        number=number,
        seed=seed,
        models=models,
        either_deg=errors.either_deg,
        similarity=found["similarity"],
        rival=found["rival"],
        agreement=found.get("agreement", np.nan),
        size_change=found["size_change"],
        net_deg=found.get("net_deg", np.nan),
    )


def _write_page(trials: Sequence[ConfidenceTrial], output: Path) -> Path:
    errors = np.array([trial.either_deg for trial in trials])
    right = errors <= FAILURE_DEG
    sections = [
        "# Confidence of slices: how its constants were fitted",
        "Slices of brains that the studies do not report on, by the method `auto`. An answer counts as "
        f"right within {FAILURE_DEG:.0f} degrees, up to its mirror image.",
        models_text(trials, ()),
        _brains_table(trials),
    ]
    if right.all() or not right.any():
        sections.append("All answers are alike: nothing can be fitted.")
    else:
        sections += [_weights_section(trials, right), _caught_section(trials, right, errors)]
    path = output / PAGE
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def _evidence(trials: Sequence[ConfidenceTrial], names: Sequence[str]) -> np.ndarray:
    """(N, D); pieces of evidence by name."""
    columns = {
        "similarity": [trial.similarity for trial in trials],
        "rival": [trial.rival for trial in trials],
        "size": [abs(trial.size_change) for trial in trials],
        "net": [min(trial.net_deg, FARTHEST_NET_DEG) for trial in trials],
    }
    return np.array([columns[name] for name in names]).T


def _names(trials: Sequence[ConfidenceTrial]) -> list[str]:
    asked = all(np.isfinite(trial.net_deg) for trial in trials)
    return [name for name in WEIGHTS if name != "constant" and (asked or name != "net")]


def _brains_table(trials: Sequence[ConfidenceTrial]) -> str:
    rows = []
    for name in in_order(trial.subject for trial in trials):
        errors = np.array([trial.either_deg for trial in trials if trial.subject == name])
        rows.append(
            [
                name,
                str(len(errors)),
                f"{errors.mean():.2f}",
                f"{np.median(errors):.2f}",
                str(int((errors > FAILURE_DEG).sum())),
            ]
        )
    return table(["brain", "slices", "mean [deg]", "median [deg]", "failures"], rows)


def _weights_section(trials: Sequence[ConfidenceTrial], right: np.ndarray) -> str:
    names = _names(trials)
    left_out = tuple(name for name in WEIGHTS if name != "constant" and name not in names)
    return (
        "Log odds of being right are the sum of a constant and of the evidence times its weight; beyond hard "
        "limits of similarity, rival and size the program says less than that.\n\n"
        + weights_table(fit_logistic(_evidence(trials, names), right), WEIGHTS, left_out)
    )


def _caught_section(trials: Sequence[ConfidenceTrial], right: np.ndarray, errors: np.ndarray) -> str:
    names = [trial.subject for trial in trials]
    sums = {}
    for title, used in _choices(_names(trials)).items():
        evidence = _evidence(trials, used)
        sums[f"{title}, fitted on these"] = fit_logistic(evidence, right).sums(evidence)
        sums[f"{title}, each brain left out in turn"] = left_out_sums(evidence, right, names)
    sums["the program today, limits included"] = np.array([_confidence(trial) for trial in trials])
    return caught_table({title: caught_share(values, errors) for title, values in sums.items()}, right)


def _confidence(trial: ConfidenceTrial) -> float:
    """What the program says of such a result."""
    agreement, net_deg = (None if np.isnan(v) else v for v in (trial.agreement, trial.net_deg))
    evidence = SliceEvidence(trial.similarity, trial.rival, agreement, trial.size_change, net_deg)
    return judge_slice(evidence).value


def _choices(names: list[str]) -> dict[str, list[str]]:
    chosen = {" + ".join(names): names}
    if "net" in names:
        chosen["without the net"] = [name for name in names if name != "net"]
    chosen["with the size"] = [*names, "size"]
    return chosen
