"""The study of the fetal slice job: slices of brains in known poses, every method; stacks of slices.

Slices lie in half of all orientations and in the middle 66 % of the brain, as in the paper. A brain is nearly
the same left and right: each answer is measured with the half space known, as the paper does, by the place
that the job calls the more probable one, and up to its mirror image.
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
from DeepRegistrationLib.evaluation.installed_models import (
    check_models,
    check_same_models,
    is_installed,
    methods_at_hand,
    models_of,
)
from DeepRegistrationLib.evaluation.known_subjects import (
    KnownSubject,
    SubjectFiles,
    find_subjects,
    with_pose,
)
from DeepRegistrationLib.evaluation.pair_group import AS_T2, SliceGroup
from DeepRegistrationLib.evaluation.slice_answers import SliceErrors, slice_errors
from DeepRegistrationLib.evaluation.slice_cut import CutSlice, SlicePoseDraw, cut_slice, draw_slices
from DeepRegistrationLib.evaluation.slice_trials import SliceTrial, StackTrial
from DeepRegistrationLib.evaluation.stack_study import measure_stacks
from DeepRegistrationLib.evaluation.study_stacks import find_stacks
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain

SLICES_FILE, STACKS_FILE = "slice_trials.csv", "stack_trials.csv"
_MISSING = SliceErrors(*[np.nan] * 6)


@dataclass(frozen=True)
class SliceStudySettings:
    """Size of the study.

    Attributes:
        groups: which brains, and whether stacks.
        methods: which methods, each on the same slices and stacks; None takes those whose models are
            installed.
        slices: per brain, uniform over half of all orientations.
        per_bin: more slices per brain in each of the six bins of the size of their rotation.
        device: where torch computes.
        seed: of the slices; a study is continued only with the same seed.
        join: folders of the same study, whose trials are taken over before anything is measured.
    """

    groups: tuple[SliceGroup, ...] = tuple(SliceGroup)
    methods: tuple[FetalSliceMethod, ...] | None = None
    slices: int = 20
    per_bin: int = 1
    device: Device = Device.AUTO
    seed: int = 0
    join: tuple[Path, ...] = ()


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
        InputError: an image or a model is missing, or a folder holds something else's trials, or trials that
            were made with other models.
        RegistrationError: the pose of a brain is not certain.
        Cancelled: `report` returned False.
    """
    methods = methods_at_hand(FetalSliceMethod) if settings.methods is None else settings.methods
    check_models(methods)
    lacking = SliceGroup.NEWBORN_T1_AS_T2 if not is_installed(T1_TO_T2) else None
    subjects = find_subjects(data, tuple(group for group in settings.groups if group != lacking))
    stacks = find_stacks(data) if SliceGroup.STACKS in settings.groups else []
    output.mkdir(parents=True, exist_ok=True)
    slice_file = TrialFile(output / SLICES_FILE, SliceTrial)
    stack_file = TrialFile(output / STACKS_FILE, StackTrial)
    for folder in settings.join:
        # a folder may hold slices only, or stacks only
        wanted = [file for file in (slice_file, stack_file) if (folder / file.name).is_file()]
        for file in wanted or [slice_file]:
            file.take_over(folder / file.name)
    models = {method: models_of(method) for method in methods}
    study = _Study(settings, methods, slice_file, report)
    for trial in stack_file.trials:
        if trial.method in models:
            check_same_models(trial.method, trial.models, models[trial.method])
    study.check_same_models()
    study.run(subjects)
    measure_stacks(stacks, stack_file, models, settings.device, report)
    left_out = [] if settings.methods else [str(m) for m in FetalSliceMethod if m not in methods]
    return write_slice_report(slice_file.trials, stack_file.trials, output, left_out)


@dataclass(eq=False)
class _Study:
    settings: SliceStudySettings
    methods: tuple[FetalSliceMethod, ...]
    file: TrialFile[SliceTrial]
    report: Report
    done: int = 0
    done_here: int = 0
    total: int = 1
    started: float = field(default_factory=time.perf_counter)

    def check_same_models(self) -> None:
        """Refuses to go on with slices that were found with other models than the ones that are installed.

        Raises:
            InputError: there are some.
        """
        for trial in self.file.trials:
            if trial.method in self.methods:
                now = _models(FetalSliceMethod(trial.method), SliceGroup(trial.group))
                check_same_models(trial.method, trial.models, now)

    def run(self, subjects: list[SubjectFiles]) -> None:
        """Every brain, every slice, every method."""
        self.total = len(subjects) * (self.settings.slices + 6 * self.settings.per_bin) * len(self.methods)
        for files in subjects:
            poses = self._poses(files)
            if all(
                self._key(files.name, method, pose) in self.file for pose in poses for method in self.methods
            ):
                self.done += len(poses) * len(self.methods)
                continue
            if not self._tell(Progress(0.0, f"{files.name}: its place in the atlas")):
                raise Cancelled(files.name)
            self._run_subject(with_pose(files, self.settings.device, self._tell), poses)

    def _poses(self, files: SubjectFiles) -> list[SlicePoseDraw]:
        # a seed of each brain's own: it does not depend on which others are in the study
        name = files.name.removesuffix(AS_T2)  # the same slices in both contrasts
        seed = zlib.crc32(name.encode()) % 100_000 + self.settings.seed
        return draw_slices(self.settings.slices, self.settings.per_bin, seed)

    def _run_subject(self, subject: KnownSubject, poses: list[SlicePoseDraw]) -> None:
        image = load_atlas_image(subject.atlas.files[0])
        atlas = prepare_brain(image.image, image.mask, torch_device(self.settings.device))
        for pose in poses:
            methods = [m for m in self.methods if self._key(subject.name, m, pose) not in self.file]
            self.done += len(self.methods) - len(methods)
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

    def _key(self, name: str, method: FetalSliceMethod, pose: SlicePoseDraw) -> tuple:
        return name, str(method), str(pose.draw), pose.number, self.settings.seed

    def _trial(
        self,
        subject: KnownSubject,
        atlas: PreparedBrain,
        pose: SlicePoseDraw,
        cut: CutSlice,
        method: FetalSliceMethod,
    ) -> SliceTrial:
        settings = FetalSliceSettings(
            method=method,
            gestational_age_weeks=subject.gestational_age_weeks,
            contrast=subject.contrast,
            device=self.settings.device,
        )
        started = time.perf_counter()
        errors = _MISSING
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
            draw=str(pose.draw),
            number=pose.number,
            seed=self.settings.seed,
            turned_deg=pose.turned_deg,
            offset_radii=pose.offset,
            normal_z=float(pose.rotation[2, 2]),
            known_deg=errors.known_deg,
            known_mm=errors.known_mm,
            unknown_deg=errors.unknown_deg,
            unknown_mm=errors.unknown_mm,
            either_deg=errors.either_deg,
            either_mm=errors.either_mm,
            probability=probability,
            confidence=confidence,
            trust=trust,
            seconds=time.perf_counter() - started,
            models=_models(method, subject.group),
            error=error,
        )

    def _tell(self, progress: Progress) -> bool:
        left = None
        if self.done_here:
            left = (time.perf_counter() - self.started) / self.done_here * (self.total - self.done)
        return self.report(Progress(self.done / max(self.total, 1), progress.text, left))


def _models(method: FetalSliceMethod, group: SliceGroup) -> str:
    """The installed models that take part, as tables tell them."""
    return models_of(method, [T1_TO_T2] if group == SliceGroup.NEWBORN_T1_AS_T2 else [])
