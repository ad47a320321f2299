"""The study of ultrasound angles: the paper's protocol, continuous angles, tracked sweeps, refusal."""

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.data.us_subjects import FrameSet, load_frame_set
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.evaluation.bootstrap import bootstrap_interval
from DeepRegistrationLib.evaluation.metrics import caught_share_of
from DeepRegistrationLib.evaluation.study_figures import draw_boxes
from DeepRegistrationLib.evaluation.study_tables import in_order, table
from DeepRegistrationLib.evaluation.us_confidence_study import kinds_table
from DeepRegistrationLib.evaluation.us_paper import (
    BETWEEN_DEG,
    COLUMNS,
    PAPER_SIZE,
    TABLE_1,
    TABLE_2,
    PaperErrors,
    errors_of_method,
    errors_of_training,
    joined_single,
    paper_table,
    signed,
)
from DeepRegistrationLib.evaluation.us_refusal import judged_pairs
from DeepRegistrationLib.evaluation.us_tracked import (
    STEPS_OUT_OF_PLANE,
    SWEEPS,
    calibrated_sweeps,
    distance_table,
    drift_table,
    tracked_sweeps,
    tracked_table,
)
from DeepRegistrationLib.evaluation.us_tracker_noise import noise_table, tracker_noise
from DeepRegistrationLib.evaluation.us_trials import (
    FAILED_DEG,
    SOURCE_SIZE,
    UsProtocol,
    UsTrial,
    run_trials,
)
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.us_confidence import confidence_values
from DeepRegistrationLib.workflows.us_methods import resolved
from DeepRegistrationLib.workflows.us_result import REFUSED_BELOW

TRIALS, PAGE = "us_trials.csv", "us.md"


@dataclass(frozen=True)
class UsStudySettings:
    """What is compared.

    Attributes:
        methods: to compare.
        triplets: of each test subject and protocol.
        trainings: folders of the paper's network.
        seed: of motions and noise.
    """

    methods: tuple[UsAnglesMethod, ...]
    triplets: int = 25
    trainings: tuple[Path, ...] = ()
    seed: int = 0


def run_us_study(
    data: Path,
    output: Path,
    settings: UsStudySettings,
    report: Report = keep_going,
    network: UsAngleNet | None = None,
) -> Path:
    """Runs the study on the test subjects.

    Args:
        data: folder of the ultrasound.
        output: folder for `us_trials.csv`, `us.md` and the figures.
        settings: what is compared.
        report: receives progress; returns False to stop.
        network: instead of the installed one.

    Returns:
        Path of `us.md`.

    Raises:
        InputError: no frames, or a folder that is no training.
        Cancelled: `report` returned False.
    """
    output.mkdir(parents=True, exist_ok=True)
    _tell(report, 0.0, "Reading the test subjects")
    frames = load_frame_set(data, Split.TEST, SOURCE_SIZE, torch.device("cpu"))
    still = _without(frames, "Nwire")
    trials: list[UsTrial] = []
    for number, protocol in enumerate(UsProtocol):
        _tell(report, 0.05 + 0.15 * number, f"Known motions: {protocol}")
        trials += run_trials(still, protocol, settings.methods, settings.triplets, settings.seed, network)
    _write_trials(trials, output / TRIALS)
    _tell(report, 0.7, "The paper's protocol")
    paper = [errors_of_training(folder, still) for folder in settings.trainings]
    small = [errors_of_method(method, still, network, PAPER_SIZE) for method in settings.methods]
    ours = [errors_of_method(method, still, network) for method in settings.methods] + small
    _tell(report, 0.8, "Tracked sweeps")
    sweeps = tracked_sweeps(data, settings.methods, network)
    _tell(report, 0.9, "Frames that do not belong together")
    page = [
        "# Ultrasound: angles of consecutive frames",
        f"Subjects that nothing was trained on or tuned by: {', '.join(still.subjects)}.",
        "## Paper, table 1: one angle per training",
        "A network that is trained on one angle can answer with that angle whatever it sees: what these "
        "figures say is that it learned a number. Ours are made for all angles.",
        paper_table(TABLE_1, joined_single(paper) + ours),
        "## Paper, table 2: angles mixed",
        paper_table(TABLE_2, [entry for entry in paper if entry.mixed] + ours),
        *_between(still, settings, [entry.mixed for entry in paper], network),
        "## Angles up to 10 degrees, unequal before and after",
        known_motion_table(trials),
        "### By subject, continuous, mean error [degrees]",
        _subjects_table(trials),
        "## Tracked sweeps",
        "In-plane angle between frames. The probe also moves out of the image, which changes what is seen.",
        tracked_table(sweeps),
        *_tracker(data),
        "### Motions of consecutive frames, chained",
        "Error of the summed angle over all parts of a sweep of so many motions: what a drift is made of. "
        "The mean motion is that of the rest of the sweep, from the tracker.",
        drift_table(sweeps),
        "## Refusal",
        *_refusal(data, settings, network),
    ]
    draw_paper(paper, small, output / "us_paper.png")
    _draw_errors(trials, output / "us_errors.png")
    path = output / PAGE
    path.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    _tell(report, 1.0, "Done")
    return path


def _tracker(data: Path) -> list[str]:
    """What the tracker itself can tell."""
    noises = [tracker_noise(name, frames, of_probe) for name, frames, of_probe in calibrated_sweeps(data)]
    if not any(noises):
        return []
    return [
        "How well does the tracker know? If the reference lay still, the turn that the tracker tells of it "
        "is noise, and the probe's own sensor adds as much again.",
        noise_table([noise for noise in noises if noise]),
    ]


def _between(
    frames: FrameSet, settings: UsStudySettings, mixed: list[bool], network: UsAngleNet | None
) -> list[str]:
    """The same for angles that the paper's networks did not see."""
    trainings = [folder for folder, several in zip(settings.trainings, mixed, strict=True) if several]
    if not trainings:
        return []
    its = [errors_of_training(folder, frames, BETWEEN_DEG) for folder in trainings]
    ours = [errors_of_method(method, frames, network, PAPER_SIZE, BETWEEN_DEG) for method in settings.methods]
    return [
        "### Angles between those of the paper",
        "Its networks were trained on 1, 3 and 5 degrees: do they tell an angle, or one of three?",
        paper_table({}, its + ours, signed(BETWEEN_DEG)),
    ]


def known_motion_table(trials: Sequence[UsTrial]) -> str:
    """Mean with its 95 % interval over subjects, median, 95th percentile, worst, failures."""
    rows = []
    for protocol in in_order(trial.protocol for trial in trials):
        for method in in_order(trial.method for trial in trials):
            chosen = [t for t in trials if (t.protocol, t.method) == (protocol, method)]
            errors = np.abs([t.error_deg for t in chosen])
            of_subjects = [
                np.mean([abs(t.error_deg) for t in chosen if t.subject == subject])
                for subject in in_order(t.subject for t in chosen)
            ]
            low, high = bootstrap_interval(np.array(of_subjects))
            failed = in_order(t.subject for t in chosen if abs(t.error_deg) > FAILED_DEG)
            rows.append(
                [
                    protocol,
                    method,
                    f"{errors.mean():.3f} ({low:.3f} to {high:.3f})",
                    f"{np.median(errors):.3f}",
                    f"{np.quantile(errors, 0.95):.3f}",
                    f"{errors.max():.2f}",
                    f"{(errors > FAILED_DEG).sum()} of {len(errors)}"
                    + (f": {', '.join(failed)}" if failed else ""),
                    f"{np.median([t.shift_error_px for t in chosen]):.2f}",
                ]
            )
    head = ("frames", "method", "mean error [deg]", "median", "95th percentile", "largest")
    return table([*head, f"beyond {FAILED_DEG:g} deg", "median shift error [px]"], rows)


def _subjects_table(trials: Sequence[UsTrial]) -> str:
    chosen = [trial for trial in trials if trial.protocol == UsProtocol.CONTINUOUS]
    methods = in_order(trial.method for trial in chosen)
    rows = [
        [
            subject,
            *(
                f"{np.mean([abs(t.error_deg) for t in chosen if (t.subject, t.method) == (subject, m)]):.3f}"
                for m in methods
            ),
        ]
        for subject in in_order(trial.subject for trial in chosen)
    ]
    return table(["subject", *methods], rows)


def _refusal(data: Path, settings: UsStudySettings, network: UsAngleNet | None) -> list[str]:
    method = resolved(UsAnglesMethod.AUTO) if network is None else UsAnglesMethod.NETWORK_REFINE
    pairs = judged_pairs(data, Split.TEST, settings.triplets // 2, method, settings.seed + 7, network)
    values = confidence_values(pairs.evidence)
    caught = caught_share_of(values, pairs.right)
    alarms = float((values[pairs.right] < REFUSED_BELOW).mean())
    missed = float((values[~pairs.right] >= REFUSED_BELOW).mean())
    page = [
        f"Method `{method}`. At 5 % false alarms {100 * caught:.1f} % of the wrong pairs are caught. With "
        f"the limit that the program uses, fixed on other subjects, {100 * (1 - missed):.1f} % are caught at "
        f"{100 * alarms:.1f} % false alarms.",
        kinds_table(pairs, values),
    ]
    apart = tracked_sweeps(data, (method,), network, STEPS_OUT_OF_PLANE, SWEEPS[0][0])
    if apart:
        page += [
            f"How far is out of plane? The sweep of the {SWEEPS[0][0]}, frames up to "
            f"{max(STEPS_OUT_OF_PLANE)} apart:",
            distance_table(apart),
        ]
    return page


def draw_paper(paper: list[PaperErrors], ours: list[PaperErrors], path: Path) -> None:
    """The paper's figures 4 and 5 (one angle per training) and 6 (angles mixed), ours beside.

    Args:
        paper: of its trained networks.
        ours: of our methods on frames of the same size.
        path: PNG file to write.
    """
    single, mixed = "one angle per training: figures 4 and 5", "angles mixed: figure 6"
    boxes = {
        single: joined_single(paper) + ours,
        mixed: [entry for entry in paper if entry.mixed] + ours,
    }
    draw_boxes(
        {
            title: {
                entry.name: [np.abs(entry.percent.get(column, [])) for column in COLUMNS] for entry in entries
            }
            for title, entries in boxes.items()
        },
        COLUMNS,
        path,
        "angle [degrees]",
        "absolute error [% of the angle]",
        marks={
            single: {"mean in the paper, 2e-5": np.abs(TABLE_1["paper, 2e-5, 64 x 32"])},
            mixed: {"mean in the paper, 2e-5": np.abs(TABLE_2["paper, 2e-5, 64 x 32"])},
        },
    )


def _draw_errors(trials: Sequence[UsTrial], path: Path) -> None:
    protocols = [str(protocol) for protocol in UsProtocol]
    draw_boxes(
        {
            "subjects never trained on": {
                method: [
                    [abs(t.error_deg) for t in trials if (t.protocol, t.method) == (protocol, method)]
                    for protocol in protocols
                ]
                for method in in_order(t.method for t in trials)
            }
        },
        protocols,
        path,
        "frames",
        "absolute error of the angle [deg]",
        limits=(0.001, 20.0),
    )


def _without(frames: FrameSet, name: str) -> FrameSet:
    """All subjects but those with a word in their name; wires in water show too little to be cut from."""
    kept = [k for k, subject in enumerate(frames.subjects) if name not in subject]
    index = torch.cat([frames.first[k] + torch.arange(int(frames.count[k])) for k in kept])
    count = frames.count[kept]
    subjects = tuple(frames.subjects[k] for k in kept)
    return FrameSet(frames.values[index], frames.mask[index], count.cumsum(0) - count, count, subjects)


def _write_trials(trials: Sequence[UsTrial], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [entry.name for entry in dataclasses.fields(UsTrial)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(trial) for trial in trials)


def _tell(report: Report, fraction: float, text: str) -> None:
    if not report(Progress(fraction, text)):
        raise Cancelled(text)
