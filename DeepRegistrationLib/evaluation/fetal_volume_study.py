"""The study of the fetal volume job: every pair, many poses, every method.

The error of a trial says how much the answer depends on how the fetus lay in the scanner: the subject turned
and resampled must be registered to the same place as the subject as it is. What a rigid map between two
different brains should be is not defined better than that.
"""

import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.fetal_pairs import StudyPair, find_pairs
from DeepRegistrationLib.evaluation.fetal_study_report import write_study_report
from DeepRegistrationLib.evaluation.metrics import pose_error
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.trials import AS_IT_IS, Trial, TrialFile, TrialKey, matrix_text
from DeepRegistrationLib.evaluation.turned_subject import Turn, content_of, draw_turns, turn_subject
from DeepRegistrationLib.images.moments import centre_of_gravity_ras
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod, FetalVolumeSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register


@dataclass(frozen=True)
class StudySettings:
    """Size of the study.

    Attributes:
        groups: which pairs.
        methods: which methods, each on the same subjects.
        rotations: per pair, uniform over SO(3).
        per_bin: more rotations per pair in each of the six bins of their size.
        header_only: turn the header and keep the voxels, instead of resampling onto an oblique grid.
        device: where torch computes.
        seed: of the poses; a study is continued only with the same seed.
    """

    groups: tuple[PairGroup, ...] = tuple(PairGroup)
    methods: tuple[FetalVolumeMethod, ...] = tuple(FetalVolumeMethod)
    rotations: int = 20
    per_bin: int = 1
    header_only: bool = False
    device: Device = Device.AUTO
    seed: int = 0


def run_study(data: Path, output: Path, settings: StudySettings, report: Report = keep_going) -> Path:
    """Runs the study, or what is left of it, and writes its tables and figure.

    Args:
        data: folder with the public images: `sta`, `spina-bifida-atlas`, `infant`, `mial-sub01`.
        output: folder for `trials.csv`, `study.md` and `rotation_errors.png`; trials in it are not repeated.
        settings: size of the study.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `study.md`.

    Raises:
        InputError: an image is missing, or `output` holds something else's trials.
        Cancelled: `report` returned False.
    """
    pairs = find_pairs(data, settings.groups)
    output.mkdir(parents=True, exist_ok=True)
    study = _Study(settings, TrialFile(output / "trials.csv"), report, len(pairs))
    for pair in pairs:
        study.run_pair(pair)
    return write_study_report(study.file.trials, output)


@dataclass(eq=False)
class _Study:
    settings: StudySettings
    file: TrialFile
    report: Report
    pairs: int
    started: float = 0.0
    done: int = 0
    done_here: int = 0

    def __post_init__(self) -> None:
        self.started = time.perf_counter()
        self.total = (
            self.pairs
            * len(self.settings.methods)
            * (1 + self.settings.rotations + 6 * self.settings.per_bin)
        )

    def run_pair(self, pair: StudyPair) -> None:
        """All methods on the subject as it is, then on each of its turned copies."""
        # a seed of each pair's own: it does not depend on which other pairs are in the study
        seed = zlib.crc32(pair.name.encode()) ^ self.settings.seed
        turns = draw_turns(self.settings.rotations, self.settings.per_bin, seed)
        if all(self._is_done(pair, turn) for turn in [None, *turns]):
            self.done += (1 + len(turns)) * len(self.settings.methods)
            return
        image, mask = _read_subject(pair)
        centre_ras = centre_of_gravity_ras(image.with_values(content_of(image, mask).float()))
        for method in self.settings.methods:
            self._trial(pair, method, None, image, mask, centre_ras)
        for turn in turns:
            if self._is_done(pair, turn):
                self.done += len(self.settings.methods)
                continue
            grid_axes = None if self.settings.header_only else turn.grid_axes
            turned = turn_subject(image, mask, turn.matrix(centre_ras), grid_axes)
            for method in self.settings.methods:
                self._trial(pair, method, turn, *turned, centre_ras)

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
        image: Volume,
        mask: Volume | None,
        centre_ras: np.ndarray,
    ) -> None:
        key = self._key(pair, method, turn)
        if key not in self.file:
            turned_from_original = np.eye(4) if turn is None else turn.matrix(centre_ras)
            measured = self._register(pair, method, image, mask, turned_from_original)
            found = measured.pop("matrix")
            reference = found if turn is None else self.file[self._key(pair, method, None)].matrix
            error = None if found is None or reference is None else pose_error(found, reference, centre_ras)
            self.file.add(
                Trial(
                    pair=pair.name,
                    group=str(pair.group),
                    method=str(method),
                    draw=AS_IT_IS if turn is None else str(turn.draw),
                    number=0 if turn is None else turn.number,
                    sampling=self._sampling,
                    seed=self.settings.seed,
                    turned_deg=0.0 if turn is None else turn.angle_deg,
                    rotation_error_deg=np.nan if error is None else error.rotation_deg,
                    translation_error_mm=np.nan if error is None else error.translation_mm,
                    atlas_from_original="" if found is None else matrix_text(found),
                    **measured,
                )
            )
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
            method=method, gestational_age_weeks=pair.gestational_age_weeks, device=self.settings.device
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


def _read_subject(pair: StudyPair) -> tuple[Volume, Volume | None]:
    image = read_volume(pair.moving)
    if pair.mask is not None:
        return image, read_volume(pair.mask, labels=True)
    if pair.masked_already:
        return image, image.with_values(image.values != 0, f"{image.name} mask")
    return image, None
