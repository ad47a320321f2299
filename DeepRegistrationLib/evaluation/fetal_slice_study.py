"""The study of the fetal slice job: slices of brains in known poses, every method; stacks of slices.

Slices lie in half of all orientations and in the middle 66 % of the brain, as in the paper. A brain is nearly
the same left and right: each answer is measured twice, once with the half space known, as the paper does, and
once by the place that the job calls the more probable one.
"""

import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from DeepRegistrationLib.atlases.fetal_atlas import load_atlas_image
from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.fetal_slice_report import write_slice_report
from DeepRegistrationLib.evaluation.installed_models import check_models
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject, known_subjects
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.slice_answers import SliceErrors, slice_errors
from DeepRegistrationLib.evaluation.slice_cut import SlicePoseDraw, cut_slice, draw_slices
from DeepRegistrationLib.evaluation.slice_trials import SliceTrial, StackTrial
from DeepRegistrationLib.evaluation.stack_study import measure_stacks
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain

SLICES_FILE, STACKS_FILE = "slice_trials.csv", "stack_trials.csv"


@dataclass(frozen=True)
class SliceStudySettings:
    """Size of the study.

    Attributes:
        groups: which brains, and whether stacks.
        methods: which methods, each on the same slices; of the stacks, those that follow motion.
        slices: per brain.
        device: where torch computes.
        seed: of the slices; a study is continued only with the same seed.
    """

    groups: tuple[SliceGroup, ...] = tuple(SliceGroup)
    methods: tuple[FetalSliceMethod, ...] = tuple(FetalSliceMethod)
    slices: int = 20
    device: Device = Device.AUTO
    seed: int = 0


def run_slice_study(
    data: Path, output: Path, settings: SliceStudySettings, report: Report = keep_going
) -> Path:
    """Runs the study, or what is left of it, and writes its tables and figures.

    Args:
        data: folder with the public images: `sta`, `mial-sub01`, `infant`, `svrtk-sim`, as far as needed.
        output: folder for `slice_trials.csv`, `stack_trials.csv`, `slice_study.md` and figures; trials in it
            are not repeated.
        settings: size of the study.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `slice_study.md`.

    Raises:
        InputError: an image or a model is missing, or `output` holds something else's trials.
        Cancelled: `report` returned False.
    """
    check_models(settings.methods)
    output.mkdir(parents=True, exist_ok=True)
    study = _Study(settings, TrialFile(output / SLICES_FILE, SliceTrial), report)
    stacks = TrialFile(output / STACKS_FILE, StackTrial)
    study.run(data)
    if SliceGroup.STACKS in settings.groups:
        measure_stacks(data, stacks, settings.methods, settings.device, report)
    return write_slice_report(study.file.trials, stacks.trials, output)


@dataclass(eq=False)
class _Study:
    settings: SliceStudySettings
    file: TrialFile[SliceTrial]
    report: Report
    done: int = 0
    done_here: int = 0
    total: int = 1
    started: float = field(default_factory=time.perf_counter)

    def run(self, data: Path) -> None:
        """Every brain, every slice, every method."""
        if not self.report(Progress(0.0, "Finding the poses of the brains")):
            raise Cancelled
        # a brain's pose takes seconds, and a second run that has nothing to do should take none
        names = {(trial.group, trial.key) for trial in self.file.trials}
        groups = [group for group in self.settings.groups if not self._is_complete(group, names)]
        subjects = known_subjects(data, tuple(groups), self.settings.device)
        self.total = len(subjects) * self.settings.slices * len(self.settings.methods)
        self.started = time.perf_counter()
        for subject in subjects:
            self._run_subject(subject)

    def _is_complete(self, group: SliceGroup, names: set) -> bool:
        keys = [key for name, key in names if name == group]
        subjects = {key[0] for key in keys}
        return bool(subjects) and all(
            (subject, str(method), number, self.settings.seed) in self.file
            for subject in subjects
            for method in self.settings.methods
            for number in range(self.settings.slices)
        )

    def _run_subject(self, subject: KnownSubject) -> None:
        image = load_atlas_image(subject.atlas.files[0])
        atlas = prepare_brain(image.image, image.mask, torch_device(self.settings.device))
        # a seed of each brain's own: it does not depend on which others are in the study
        seed = zlib.crc32(subject.name.encode()) % 100_000 + self.settings.seed
        for pose in draw_slices(self.settings.slices, seed):
            methods = [m for m in self.settings.methods if self._key(subject, m, pose) not in self.file]
            self.done += len(self.settings.methods) - len(methods)
            if not methods:
                continue
            cut = cut_slice(subject, atlas, pose)
            for method in methods:
                self.file.add(self._trial(subject, atlas, pose, cut, method))
                self.done += 1
                self.done_here += 1
                text = f"{subject.name}: {method}, slice {self.done} of {self.total}"
                if not self._tell(Progress(0.0, text)):
                    raise Cancelled(text)

    def _key(self, subject: KnownSubject, method: FetalSliceMethod, pose: SlicePoseDraw) -> tuple:
        return subject.name, str(method), pose.number, self.settings.seed

    def _trial(
        self,
        subject: KnownSubject,
        atlas: PreparedBrain,
        pose: SlicePoseDraw,
        cut: object,
        method: FetalSliceMethod,
    ) -> SliceTrial:
        settings = FetalSliceSettings(
            method=method,
            gestational_age_weeks=subject.gestational_age_weeks,
            device=self.settings.device,
        )
        started = time.perf_counter()
        errors = SliceErrors(np.nan, np.nan, np.nan, np.nan)
        probability, confidence, trust, error = np.nan, 0.0, "", ""
        try:
            inputs = FetalSliceInputs(cut.image, cut.mask, subject.atlas)
            result = register(inputs, settings, self._tell)
            errors = slice_errors([h.matrix for h in result.hypotheses], cut, atlas.centre_ras)
            probability = result.hypotheses[0].probability
            confidence, trust = result.confidence.value, str(result.confidence.trust)
        except RegistrationError as err:
            error = str(err)
        return SliceTrial(
            subject=subject.name,
            group=str(subject.group),
            method=str(method),
            number=pose.number,
            seed=self.settings.seed,
            turned_deg=pose.turned_deg,
            offset_radii=pose.offset,
            normal_z=float(pose.rotation[2, 2]),
            known_deg=errors.known_deg,
            known_mm=errors.known_mm,
            unknown_deg=errors.unknown_deg,
            unknown_mm=errors.unknown_mm,
            probability=probability,
            confidence=confidence,
            trust=trust,
            seconds=time.perf_counter() - started,
            error=error,
        )

    def _tell(self, progress: Progress) -> bool:
        left = None
        if self.done_here:
            left = (time.perf_counter() - self.started) / self.done_here * (self.total - self.done)
        return self.report(Progress(self.done / max(self.total, 1), progress.text, left))
