"""How much like T2 the contrast transfer makes a T1-weighted brain, beside its real T2.

The paper shows it by examples (figure 7); here it is a correlation. Source: Mohseni Salehi et al.,
arXiv:1803.05982, section 3.4.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure

from DeepRegistrationLib.atlases.fetal_atlas import load_atlas_image
from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.fetal_pairs import StudyPair
from DeepRegistrationLib.evaluation.installed_models import is_installed
from DeepRegistrationLib.evaluation.known_subjects import find_subjects, read_subject
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.evaluation.t1_like import t1_like
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2, t1_to_t2
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain

PAGE, NUMBERS, FIGURE = "contrast_transfer.md", "contrast_transfer.json", "contrast_transfer.png"


_CONTRASTS = 5
"""Made of each label map: the signals of tissues differ between sequences and ages."""


@dataclass(frozen=True, eq=False)
class ContrastTrial:
    """One brain in both contrasts.

    Attributes:
        name: for tables.
        measured: the T1 was measured, and not made from labels.
        before: correlation of T1 and T2 inside the brain, -1 to 1; of made T1 the mean of several.
        after: the same of what the network makes of the T1.
        seconds: of the transfer.
        slices: (3, J, I); axial slice in the middle of the brain: T1, as T2, T2.
    """

    name: str
    measured: bool
    before: float
    after: float
    seconds: float
    slices: torch.Tensor


def run_contrast_study(
    data: Path, output: Path, device: Device = Device.AUTO, seed: int = 0, report: Report = keep_going
) -> Path:
    """Translates weeks 26, 31 and 35 of the atlas as T1 would show them, and the newborn T1 template.

    Args:
        data: folder with the public images: `sta`, `infant`.
        output: folder for `contrast_transfer.md`, its figure and its figures as JSON.
        device: where torch computes.
        seed: of the signals of the tissues.
        report: receives progress; returns False to stop.

    Returns:
        Path of `contrast_transfer.md`.

    Raises:
        InputError: an image or the network is missing.
        Cancelled: `report` returned False.
    """
    if not is_installed(T1_TO_T2):
        raise InputError(
            f"The network '{T1_TO_T2}' is not installed or damaged; see 'deepregistration models list', or "
            "name a folder with the networks in the variable DEEPREGISTRATION_MODELS."
        )
    subjects = find_subjects(data, (SliceGroup.ATLAS, SliceGroup.NEWBORN_T1))
    trials = []
    for number, subject in enumerate(subjects):
        if not report(Progress(number / len(subjects), f"{subject.name}: T1 made to look like T2")):
            raise Cancelled(subject.name)
        trials.append(_trial(subject.name, subject.pair, device, seed))
    output.mkdir(parents=True, exist_ok=True)
    return _write_page(trials, output)


def _trial(name: str, pair: StudyPair, device: Device, seed: int) -> ContrastTrial:
    if pair.twin is None:
        source = load_atlas_image(pair.source)
        t2, mask = source.image, source.mask
        every_t1 = [t1_like(source, seed + number) for number in range(_CONTRASTS)]
    else:
        t1, mask = read_subject(pair)
        t2, every_t1 = read_volume(pair.twin), [t1]
    found = [_compared(t1, t2, mask, torch_device(device)) for t1 in every_t1]
    return ContrastTrial(
        name=name,
        measured=pair.twin is not None,
        before=sum(one.before for one in found) / len(found),
        after=sum(one.after for one in found) / len(found),
        seconds=min(one.seconds for one in found),
        slices=found[0].slices,
    )


@dataclass(frozen=True, eq=False)
class _Compared:
    """One T1-weighted image; as in `ContrastTrial`."""

    before: float
    after: float
    seconds: float
    slices: torch.Tensor


def _compared(t1: Volume, t2: Volume, mask: Volume | None, device: torch.device) -> _Compared:
    brain, real = prepare_brain(t1, mask, device), prepare_brain(t2, mask, device)
    started = time.perf_counter()
    made = t1_to_t2(brain)
    seconds = time.perf_counter() - started
    inside = made.mask.values > 0.5
    pixel_mm = float(made.image.geometry.spacing_mm[0])

    def on_cube(level: tuple[Volume, Volume]) -> torch.Tensor:
        """Of the brain alone, as the network sees it."""
        image, share = (resample(entry, made.image.geometry).values for entry in level)
        return image / share.clamp(min=0.5) * inside

    images = torch.stack([on_cube(brain.level(pixel_mm)), made.image.values, on_cube(real.level(pixel_mm))])
    correlation = torch.corrcoef(images[:, inside])
    middle = images[:, images.shape[1] // 2].cpu()
    return _Compared(float(correlation[0, 2]), float(correlation[1, 2]), seconds, middle)


def _write_page(trials: Sequence[ContrastTrial], output: Path) -> Path:
    stamp = find_model(T1_TO_T2).stamp
    _draw(trials, output / FIGURE)
    figures = {}
    for trial in trials:
        figures[f"{trial.name}: correlation with the T2, before"] = round(trial.before, 3)
        figures[f"{trial.name}: correlation with the T2, after"] = round(trial.after, 3)
    figures["time per volume [s]"] = round(min(trial.seconds for trial in trials), 2)
    content = {"model": f"{stamp.name} {stamp.version} {stamp.sha256[:8]}", "figures for the card": figures}
    (output / NUMBERS).write_text(json.dumps(content, indent=1), encoding="utf-8")
    rows = [
        [
            trial.name,
            "measured" if trial.measured else "made from the label map",
            f"{trial.before:.2f}",
            f"{trial.after:.2f}",
        ]
        for trial in trials
    ]
    sections = [
        "# T1 made to look like T2",
        "Correlation of intensities inside the brain with the T2 of the same brain, on the cube that the "
        f"network sees; of T1 made from labels the mean of {_CONTRASTS} contrasts. No brain was trained on.",
        f"Network (name, version, checksum): {content['model']}.",
        table(["brain", "T1", "T1 and T2", "T1 as T2 and T2"], rows),
        f"![T1, T1 as T2, and T2]({FIGURE})",
        "The paper's figure 7 shows slices of three newborns the same way.",
    ]
    path = output / PAGE
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def _draw(trials: Sequence[ContrastTrial], path: Path) -> None:
    """One row for each brain: T1, T1 as T2, T2; anterior up, the patient's left on the right."""
    figure = Figure(figsize=(6.6, 2.1 * len(trials)), layout="constrained")
    for row, trial in zip(figure.subplots(len(trials), 3, squeeze=False), trials, strict=True):
        for axes, title, image in zip(row, ("T1", "T1 as T2", "T2"), trial.slices, strict=True):
            # axes are RAS: columns grow to the patient's right, rows to anterior; shown as radiologists look
            axes.imshow(image.flip(0, 1).numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_title(f"{trial.name}: {title}", fontsize=8)
            axes.set_axis_off()
    figure.savefig(path, dpi=110)
