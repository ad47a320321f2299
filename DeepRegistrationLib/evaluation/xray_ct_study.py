"""The study of CT and radiographs: the paper's simulation on public CTs, realistic radiographs, two views.

Poses are the paper's: true pose and start pose are drawn independently, N(0, 20 degrees) about and
N(0, 37.5 mm) along each axis. Only CTs that nothing was trained or tuned on are measured.
"""

import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.xray_split import XrayCt, XraySplit, cts_of
from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.evaluation.installed_models import (
    check_models,
    check_same_models,
    methods_at_hand,
    models_of,
)
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.evaluation.xray_ct_report import write_xray_report
from DeepRegistrationLib.evaluation.xray_errors import XrayErrors, xray_errors
from DeepRegistrationLib.evaluation.xray_study_cts import (
    StudyCt,
    bones_alone,
    draw_poses,
    load_study_ct,
)
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.evaluation.xray_targets import radiographs_of
from DeepRegistrationLib.evaluation.xray_trials import XrayTrial
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod, XrayCtSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.xray_ct import register
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs

TRIALS_FILE = "xray_trials.csv"
_MISSING = XrayErrors(np.full(3, np.nan), np.full(3, np.nan), np.nan)


@dataclass(frozen=True)
class XrayStudySettings:
    """Size of the study.

    Attributes:
        targets: what is registered to.
        methods: which methods, each on the same radiographs; None takes those whose models are installed.
        trials: pairs of poses per CT.
        cts: names of the CTs; None takes all that are reported.
        device: where torch computes.
        seed: of the poses; a study is continued only with the same seed.
        join: folders of the same study, whose trials are taken over before anything is measured.
    """

    targets: tuple[XrayTarget, ...] = tuple(XrayTarget)
    methods: tuple[XrayCtMethod, ...] | None = None
    trials: int = 150
    cts: tuple[str, ...] | None = None
    device: Device = Device.AUTO
    seed: int = 0
    join: tuple[Path, ...] = ()


def run_xray_study(
    data: Path, output: Path, settings: XrayStudySettings, report: Report = keep_going
) -> Path:
    """Runs the study, or what is left of it, and writes its tables and figures.

    Args:
        data: folder with the public CTs (`ct-bone`).
        output: folder for `xray_trials.csv`, `xray_ct.md` and figures; trials in it are not repeated.
        settings: size of the study.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `xray_ct.md`.

    Raises:
        InputError: a CT or a model is missing, or a folder holds something else's trials, or trials that were
            made with other models.
        Cancelled: `report` returned False.
    """
    methods = methods_at_hand(XrayCtMethod) if settings.methods is None else settings.methods
    check_models(methods)
    entries = chosen_cts(settings.cts)
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / TRIALS_FILE, XrayTrial)
    for folder in settings.join:
        file.take_over(folder / TRIALS_FILE)
    models = {method: models_of(method) for method in methods}
    for trial in file.trials:
        if trial.method in models:
            check_same_models(trial.method, trial.models, models[trial.method])
    _Study(settings, models, file, report).run(entries, data)
    left_out = [] if settings.methods else [str(m) for m in XrayCtMethod if m not in methods]
    return write_xray_report(file.trials, output, left_out)


def chosen_cts(names: tuple[str, ...] | None) -> tuple[XrayCt, ...]:
    """The reported CTs with these names; all of them for None.

    Raises:
        InputError: a name that is not reported.
    """
    reported = {entry.name: entry for entry in cts_of(XraySplit.REPORT)}
    wrong = [name for name in names or () if name not in reported]
    if wrong:
        raise InputError(
            f"The CT '{wrong[0]}' is not measured in this study; there are: {', '.join(reported)}."
        )
    return tuple(reported.values()) if names is None else tuple(reported[name] for name in names)


@dataclass(eq=False)
class _Study:
    settings: XrayStudySettings
    models: Mapping[XrayCtMethod, str]
    file: TrialFile[XrayTrial]
    report: Report
    done: int = 0
    done_here: int = 0
    total: int = 1
    started: float = field(default_factory=time.perf_counter)

    def run(self, entries: tuple[XrayCt, ...], data: Path) -> None:
        """Every CT, every target, every pair of poses, every method."""
        planned = [(entry, target) for entry in entries for target in self._targets(entry)]
        self.total = len(planned) * self.settings.trials * len(self.models)
        for entry in entries:
            open_ = [target for target in self._targets(entry) if not self._is_done(entry.name, target)]
            self.done += (len(self._targets(entry)) - len(open_)) * self.settings.trials * len(self.models)
            if not open_:
                continue
            self._check(self._tell(Progress(0.0, f"{entry.name}: reading")), entry.name)
            study = load_study_ct(entry, data)
            # a seed of each CT's own: it does not depend on which others are in the study
            seed = zlib.crc32(entry.name.encode()) % 100_000 + self.settings.seed
            poses = draw_poses(study, self.settings.trials, seed)
            for target in open_:
                for number, (true, start) in enumerate(poses):
                    self._run_pair(study, target, number, true, start)

    def _targets(self, entry: XrayCt) -> list[XrayTarget]:
        # bone in air shows no soft tissue: what is simulated of it is no radiograph of a patient, and
        # its DRR is registered with bones alone anyway
        needs_soft_tissue = (XrayTarget.REALISTIC, XrayTarget.DRR)
        return [t for t in self.settings.targets if not (entry.bone_only and t in needs_soft_tissue)]

    def _is_done(self, name: str, target: XrayTarget) -> bool:
        return all(
            self._key(name, target, method, number) in self.file
            for method in self.models
            for number in range(self.settings.trials)
        )

    def _key(self, name: str, target: XrayTarget, method: XrayCtMethod, number: int) -> tuple:
        return name, str(target), str(method), number, self.settings.seed

    def _run_pair(
        self, study: StudyCt, target: XrayTarget, number: int, true: np.ndarray, start: np.ndarray
    ) -> None:
        missing = [m for m in self.models if self._key(study.name, target, m, number) not in self.file]
        self.done += len(self.models) - len(missing)
        if not missing:
            return
        ct = bones_alone(study) if target == XrayTarget.BONES else study.ct
        radiographs = radiographs_of(study, target, true, self.settings.seed + number)
        inputs = XrayCtInputs(ct, study.labels, radiographs, start)
        for method in missing:
            self.file.add(self._trial(study, target, number, true, inputs, method))
            self.done += 1
            self.done_here += 1
            text = f"{study.name}, {target}: {method}, {self.done} of {self.total}"
            self._check(self._tell(Progress(0.0, text)), text)

    def _trial(
        self,
        study: StudyCt,
        target: XrayTarget,
        number: int,
        true: np.ndarray,
        inputs: XrayCtInputs,
        method: XrayCtMethod,
    ) -> XrayTrial:
        camera = inputs.radiographs[0].camera
        before = xray_errors(inputs.start, true, camera, study.points_ras)
        errors, residual, evidence, error = _MISSING, np.nan, "", ""
        started = time.perf_counter()
        try:
            result = register(inputs, XrayCtSettings(method=method, device=self.settings.device), self._tell)
            errors = xray_errors(result.world_from_ct, true, camera, study.points_ras)
            residual = float(np.mean([view.residual_mm for view in result.views]))
            evidence = json.dumps(result.confidence.evidence)
        except RegistrationError as err:
            error = str(err)
        turns, shifts = errors.turns_deg.tolist(), errors.shifts_mm.tolist()
        return XrayTrial(
            ct=study.name,
            target=str(target),
            method=str(method),
            number=number,
            seed=self.settings.seed,
            start_deg=before.rotation_deg,
            start_mm=before.distance_mm,
            start_paper_deg=before.paper_deg,
            start_paper_mm=before.paper_mm,
            error_deg=errors.rotation_deg,
            error_mm=errors.distance_mm,
            turn_columns_deg=turns[0],
            turn_rows_deg=turns[1],
            turn_depth_deg=turns[2],
            shift_columns_mm=shifts[0],
            shift_rows_mm=shifts[1],
            shift_depth_mm=shifts[2],
            tre_mm=errors.tre_mm,
            residual_mm=residual,
            evidence=evidence,
            seconds=time.perf_counter() - started,
            models=self.models[method],
            error=error,
        )

    def _tell(self, progress: Progress) -> bool:
        left = None
        if self.done_here:
            left = (time.perf_counter() - self.started) / self.done_here * (self.total - self.done)
        return self.report(Progress(self.done / max(self.total, 1), progress.text, left))

    def _check(self, goes_on: bool, text: str) -> None:
        if not goes_on:
            raise Cancelled(text)
