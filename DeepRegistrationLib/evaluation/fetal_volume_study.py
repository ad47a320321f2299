"""The study of the fetal volume job: every pair, many poses, every method.

The subject is turned and resampled; its registration is compared with the known pose. That is the identity
where subject and atlas share a space, else what `auto` finds for the subject as it is: a rigid map between
two different brains is not defined better than that. Beside it stands how much the answer of a method depends
on how the fetus lay in the scanner: the difference to its own answer for the subject as it is.
"""

import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.fetal_pairs import StudyPair, find_pairs
from DeepRegistrationLib.evaluation.fetal_study_report import write_study_report
from DeepRegistrationLib.evaluation.installed_models import (
    check_models,
    check_same_models,
    is_installed,
    methods_at_hand,
    models_of,
)
from DeepRegistrationLib.evaluation.known_subjects import read_subject
from DeepRegistrationLib.evaluation.metrics import PoseError, pose_error
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.trials import (
    AS_IT_IS,
    KNOWN_POSE,
    Trial,
    TrialFile,
    TrialKey,
    matrix_text,
)
from DeepRegistrationLib.evaluation.turned_subject import Turn, content_of, draw_turns, turn_subject
from DeepRegistrationLib.images.moments import centre_of_gravity_ras
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import (
    Device,
    FetalVolumeMethod,
    FetalVolumeSettings,
    MovingContrast,
)
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register

FILE_NAME = "trials.csv"
_NO_ERROR = PoseError(0.0, 0.0)


@dataclass(frozen=True)
class StudySettings:
    """Size of the study.

    Attributes:
        groups: which pairs.
        methods: which methods, each on the same subjects; None takes those whose models are installed.
        rotations: per pair, uniform over SO(3).
        per_bin: more rotations per pair in each of the six bins of their size.
        unseen_only: leave out subjects that networks were trained on or chosen by.
        header_only: turn the header and keep the voxels, instead of resampling onto an oblique grid.
        device: where torch computes.
        seed: of the poses; a study is continued only with the same seed.
        join: folders of the same study, whose trials are taken over before anything is measured.
    """

    groups: tuple[PairGroup, ...] = tuple(PairGroup)
    methods: tuple[FetalVolumeMethod, ...] | None = None
    rotations: int = 20
    per_bin: int = 1
    unseen_only: bool = False
    header_only: bool = False
    device: Device = Device.AUTO
    seed: int = 0
    join: tuple[Path, ...] = ()


def run_study(data: Path, output: Path, settings: StudySettings, report: Report = keep_going) -> Path:
    """Runs the study, or what is left of it, and writes its tables and figure.

    Args:
        data: folder with the public images: `sta`, `spina-bifida-atlas`, `infant`, `mial-sub01`.
        output: folder for `trials.csv`, `study.md` and its figures; trials in it are not repeated.
        settings: size of the study.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `study.md`.

    Raises:
        InputError: an image or a model is missing, or a folder holds something else's trials, or trials that
            were made with other models.
        RegistrationError: the device is not there.
        Cancelled: `report` returned False.
    """
    methods = methods_at_hand(FetalVolumeMethod) if settings.methods is None else settings.methods
    check_models(methods)
    torch_device(settings.device)  # a device that is not there is no failure of a registration
    wanted = [pair for pair in find_pairs(data, settings.groups) if pair.unseen or not settings.unseen_only]
    pairs = [pair for pair in wanted if not pair.as_t2 or is_installed(T1_TO_T2)]
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / FILE_NAME, Trial)
    for folder in settings.join:
        file.take_over(folder / FILE_NAME)
    study = _Study(replace(settings, methods=methods), file, report, pairs)
    study.check_same_models()
    for pair in pairs:
        study.run_pair(pair)
    left_out = [] if settings.methods else [str(m) for m in FetalVolumeMethod if m not in methods]
    return write_study_report(
        file.trials, output, [*left_out, *(pair.name for pair in wanted if pair not in pairs)]
    )


@dataclass(eq=False)
class _Study:
    settings: StudySettings
    file: TrialFile[Trial]
    report: Report
    pairs: list[StudyPair]
    started: float = 0.0
    done: int = 0
    done_here: int = 0

    def __post_init__(self) -> None:
        self.started = time.perf_counter()
        self.models = {
            (pair.name, str(method)): models_of(method, [T1_TO_T2] if pair.as_t2 else [])
            for pair in self.pairs
            for method in self.settings.methods
        }
        self.total = (
            len(self.pairs)
            * len(self.settings.methods)
            * (1 + self.settings.rotations + 6 * self.settings.per_bin)
        )

    def check_same_models(self) -> None:
        """Refuses trials that were made with other models than the ones that are installed.

        Raises:
            InputError: there are some.
        """
        for trial in self.file.trials:
            now = self.models.get((trial.pair, trial.method))
            if now is not None and trial.draw != KNOWN_POSE:
                check_same_models(trial.method, trial.models, now)

    def run_pair(self, pair: StudyPair) -> None:
        """All methods on the subject as it is, then on each of its turned copies."""
        # a seed of each pair's own: it does not depend on which other pairs are in the study
        seed = zlib.crc32(pair.name.encode()) ^ self.settings.seed
        turns = draw_turns(self.settings.rotations, self.settings.per_bin, seed)
        if all(self._is_done(pair, turn) for turn in [None, *turns]):
            self.done += (1 + len(turns)) * len(self.settings.methods)
            return
        image, mask = read_subject(pair)
        centre_ras = centre_of_gravity_ras(image.with_values(content_of(image, mask).float()))
        known = self._known_pose(pair, image, mask)
        for method in self.settings.methods:
            self._trial(pair, method, None, (image, mask), centre_ras, known)
        for turn in turns:
            if self._is_done(pair, turn):
                self.done += len(self.settings.methods)
                continue
            grid_axes = None if self.settings.header_only else turn.grid_axes
            turned = turn_subject(image, mask, turn.matrix(centre_ras), grid_axes)
            for method in self.settings.methods:
                self._trial(pair, method, turn, turned, centre_ras, known)

    def _known_pose(self, pair: StudyPair, image: Volume, mask: Volume | None) -> np.ndarray | None:
        """Atlas RAS from RAS of the subject as it is; None if it was not found."""
        if pair.aligned_with_atlas:
            return np.eye(4)
        key = pair.name, str(FetalVolumeMethod.AUTO), KNOWN_POSE, 0, self._sampling, self.settings.seed
        if key not in self.file:
            twin = image if pair.twin is None else read_volume(pair.twin)
            method = FetalVolumeMethod.AUTO
            measured = self._register(replace(pair, as_t2=False), method, twin, mask, np.eye(4))
            self.file.add(_trial_of(pair, key, 0.0, models_of(method), measured, _NO_ERROR, _NO_ERROR))
        return self.file[key].matrix

    @property
    def _sampling(self) -> str:
        return "header" if self.settings.header_only else "grid"

    def _is_done(self, pair: StudyPair, turn: Turn | None) -> bool:
        return all(self._key(pair, method, turn) in self.file for method in self.settings.methods)

    def _key(self, pair: StudyPair, method: FetalVolumeMethod, turn: Turn | None) -> TrialKey:
        draw, number = (AS_IT_IS, 0) if turn is None else (str(turn.draw), turn.number)
        return pair.name, str(method), draw, number, self._sampling, self.settings.seed

    def _trial(
        self,
        pair: StudyPair,
        method: FetalVolumeMethod,
        turn: Turn | None,
        subject: tuple[Volume, Volume | None],
        centre_ras: np.ndarray,
        known: np.ndarray | None,
    ) -> None:
        key = self._key(pair, method, turn)
        if key not in self.file:
            turned_from_original = np.eye(4) if turn is None else turn.matrix(centre_ras)
            measured = self._register(pair, method, *subject, turned_from_original)
            found = measured["matrix"]
            own = found if turn is None else self.file[self._key(pair, method, None)].matrix
            error, change = (_difference(found, reference, centre_ras) for reference in (known, own))
            angle_deg = 0.0 if turn is None else turn.angle_deg
            models = self.models[pair.name, str(method)]
            self.file.add(_trial_of(pair, key, angle_deg, models, measured, error, change))
            self.done_here += 1
        self.done += 1
        self._tell(f"{pair.name}: {method}, pose {self.done} of {self.total}")

    def _register(
        self,
        pair: StudyPair,
        method: FetalVolumeMethod,
        image: Volume,
        mask: Volume | None,
        turned_from_original: np.ndarray,
    ) -> dict[str, object]:
        settings = FetalVolumeSettings(
            method=method,
            gestational_age_weeks=pair.gestational_age_weeks,
            contrast=MovingContrast.T1_TO_T2 if pair.as_t2 else MovingContrast.AS_IT_IS,
            device=self.settings.device,
        )
        started = time.perf_counter()
        try:
            result = register(FetalVolumeInputs(image, mask, pair.atlas), settings, self._still_wanted)
        except RegistrationError as err:
            return {
                "matrix": None,
                "confidence": 0.0,
                "trust": "",
                "seconds": time.perf_counter() - started,
                "atlas_age_weeks": np.nan,
                "error": str(err),
            }
        age = result.settings.get("atlas_age_weeks")
        return {
            "matrix": result.fixed_from_moving @ turned_from_original,
            "confidence": result.confidence.value,
            "trust": str(result.confidence.trust),
            "seconds": time.perf_counter() - started,
            "atlas_age_weeks": np.nan if age is None else age,
        }

    def _still_wanted(self, progress: Progress) -> bool:
        return self.report(Progress(self.done / self.total, progress.text, self._seconds_left()))

    def _tell(self, text: str) -> None:
        if not self.report(Progress(self.done / self.total, text, self._seconds_left())):
            raise Cancelled(text)

    def _seconds_left(self) -> float | None:
        if not self.done_here:
            return None
        return (time.perf_counter() - self.started) / self.done_here * (self.total - self.done)


def _difference(found: np.ndarray | None, reference: np.ndarray | None, centre_ras: np.ndarray) -> PoseError:
    """NaN where one of the two is missing."""
    if found is None or reference is None:
        return PoseError(np.nan, np.nan)
    return pose_error(found, reference, centre_ras)


def _trial_of(
    pair: StudyPair,
    key: TrialKey,
    turned_deg: float,
    models: str,
    measured: dict[str, object],
    error: PoseError,
    change: PoseError,
) -> Trial:
    name, method, draw, number, sampling, seed = key
    age = pair.gestational_age_weeks
    matrix = measured["matrix"]
    return Trial(
        pair=name,
        group=str(pair.group),
        method=method,
        draw=draw,
        number=number,
        sampling=sampling,
        seed=seed,
        turned_deg=turned_deg,
        unseen=pair.unseen,
        gestational_age_weeks=np.nan if age is None else age,
        rotation_error_deg=error.rotation_deg,
        translation_error_mm=error.translation_mm,
        change_deg=change.rotation_deg,
        change_mm=change.translation_mm,
        models=models,
        atlas_from_original="" if matrix is None else matrix_text(matrix),
        **{name: value for name, value in measured.items() if name != "matrix"},
    )
