"""The study of an atlas bent to two radiographs: the paper's simulation, on patients never trained on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.biplanar_shape_model import SHAPE_MODEL, read_shape_model
from DeepRegistrationLib.data.femur_folder import ATLAS, CtPair, find_atlas, find_pairs, read_landmarks
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.biplanar_cases import WRONG_DEG, BiplanarCase, make_biplanar_case
from DeepRegistrationLib.evaluation.biplanar_measures import bone_figures
from DeepRegistrationLib.evaluation.biplanar_report import write_biplanar_report
from DeepRegistrationLib.evaluation.biplanar_trials import (
    BiplanarSetup,
    BiplanarStudyMethod,
    BiplanarTrial,
)
from DeepRegistrationLib.evaluation.deformation_metrics import landmark_errors_mm
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.jobs.biplanar import BiplanarMethod, BiplanarSettings, installed_atlas_folder
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.biplanar import register
from DeepRegistrationLib.workflows.biplanar_products import round_trip_mm
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs, BiplanarResult

TRIALS_FILE = "biplanar_trials.csv"
_EVIDENCE = ("edges", "outline_mm", "unusual")
"""Of the confidence, kept with each trial."""
_METHODS = {
    BiplanarStudyMethod.AUTO: BiplanarMethod.AUTO,
    BiplanarStudyMethod.NETWORK: BiplanarMethod.NETWORK,
    BiplanarStudyMethod.SDM: BiplanarMethod.SDM,
}


@dataclass(frozen=True)
class BiplanarStudySettings:
    """Size of the study.

    Attributes:
        setups: what methods get.
        methods: which are compared.
        cases: at most so many patients of each folder; None takes all.
        device: where torch computes.
        seed: of angles and noise; a study is continued only with the same seed.
    """

    setups: tuple[BiplanarSetup, ...] = tuple(BiplanarSetup)
    methods: tuple[BiplanarStudyMethod, ...] = tuple(BiplanarStudyMethod)
    cases: int | None = None
    device: Device = Device.AUTO
    seed: int = 0


def run_biplanar_study(
    data: tuple[Path, ...],
    output: Path,
    settings: BiplanarStudySettings,
    atlas_folder: Path | None = None,
    report: Report = keep_going,
) -> Path:
    """Runs the study, or what is left of it, and writes its tables.

    Args:
        data: folders with CTs and labels of patients that nothing was trained on.
        output: folder for `biplanar_trials.csv` and `biplanar.md`; trials in it are not repeated.
        settings: size of the study.
        atlas_folder: folder of the atlas; None takes that of the program.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `biplanar.md`.

    Raises:
        InputError: a folder cannot be used, or `output` holds something else's trials.
        Cancelled: `report` returned False.
    """
    pairs = {folder.name: find_pairs(folder)[: settings.cases] for folder in data}
    marks = {folder.name: read_landmarks(folder) for folder in data}
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / TRIALS_FILE, BiplanarTrial)
    study = _Study(settings, _Atlas(atlas_folder or installed_atlas_folder()), file, report)
    study.run(pairs, marks)
    return write_biplanar_report(file.trials, output)


class _Atlas:
    """What is bent, read once."""

    def __init__(self, folder: Path) -> None:
        self.ct, self.labels = find_atlas(folder).read()
        model = folder / SHAPE_MODEL
        self.model = read_shape_model(model) if model.is_file() else None
        self.of_networks = folder == installed_atlas_folder()
        self.landmarks = read_landmarks(folder).get(ATLAS, {})


@dataclass(eq=False)
class _Study:
    settings: BiplanarStudySettings
    atlas: _Atlas
    file: TrialFile[BiplanarTrial]
    report: Report
    done: int = 0
    total: int = 1
    seconds: list[float] = field(default_factory=list)

    def run(
        self, pairs: Mapping[str, tuple[CtPair, ...]], marks: Mapping[str, Mapping[str, Mapping]]
    ) -> None:
        """Every setup, every patient, every method: the first setup is complete first."""
        planned = [
            (setup, group, pair) for setup in self.settings.setups for group in pairs for pair in pairs[group]
        ]
        self.total = len(planned) * len(self.settings.methods)
        for setup, group, pair in planned:
            missing = [
                method
                for method in self.settings.methods
                if (pair.name, str(setup), str(method), self.settings.seed) not in self.file
            ]
            self.done += len(self.settings.methods) - len(missing)
            if not missing:
                continue
            case = make_biplanar_case(pair, setup, self.settings.seed)
            for method in missing:
                found = self._trial(pair, group, setup, method, case, marks[group].get(pair.name, {}))
                self.file.add(found)
                self.seconds.append(found.seconds)
                self.done += 1
                text = f"{pair.name}, {setup}: {method}, {self.done} of {self.total}"
                if not self._tell(Progress(0.0, text)):
                    raise Cancelled(text)

    def _trial(
        self,
        pair: CtPair,
        group: str,
        setup: BiplanarSetup,
        method: BiplanarStudyMethod,
        case: BiplanarCase,
        landmarks: Mapping[str, np.ndarray],
    ) -> BiplanarTrial:
        atlas = self.atlas
        inputs = BiplanarInputs(
            atlas.ct,
            atlas.labels,
            case.radiographs,
            case.shadows,
            atlas.model,
            atlas_of_networks=atlas.of_networks,
        )
        figures, error, trust = _no_figures(), "", ""
        started, worked = time.perf_counter(), time.process_time()
        try:
            result = register(inputs, self._choices(setup, method), self._tell)
        except RegistrationError as err:
            error = str(err)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        if not error:
            figures, trust = _figures(result, case, landmarks, atlas.landmarks), str(result.confidence.trust)
        return BiplanarTrial(
            case=pair.name,
            group=group,
            setup=str(setup),
            method=str(method),
            seed=self.settings.seed,
            first_deg=case.angles_deg[0],
            second_deg=case.angles_deg[1],
            **figures,
            trust=trust,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            error=error,
        )

    def _choices(self, setup: BiplanarSetup, method: BiplanarStudyMethod) -> BiplanarSettings:
        return BiplanarSettings(
            method=_METHODS.get(method, BiplanarMethod.OPTIMIZE),
            # the angle of a C-arm is wrong, not its arms
            view_rotation_deg=WRONG_DEG if setup.is_corrected else 0.0,
            shape_freedom=0.0 if method is BiplanarStudyMethod.AFFINE else 1.0,
            device=self.settings.device,
            seed=self.settings.seed,
        )

    def _tell(self, progress: Progress) -> bool:
        left = float(np.mean(self.seconds)) * (self.total - self.done) if self.seconds else None
        return self.report(Progress(self.done / max(self.total, 1), progress.text, left))


def _figures(
    result: BiplanarResult,
    case: BiplanarCase,
    landmarks: Mapping[str, np.ndarray],
    of_atlas: Mapping[str, np.ndarray],
) -> dict[str, float | int]:
    """What is measured on the patient's own grid."""
    bone = result.segmentation.with_values((result.segmentation.values != 0).float())
    found = resample(bone, case.labels.geometry).values > 0.5
    errors = landmark_errors_mm(landmarks, of_atlas, result.deformation) if landmarks and of_atlas else {}
    uncertainty = resample(result.uncertainty, case.labels.geometry).values[case.labels.values != 0]
    return {
        **bone_figures(found, case),
        "landmark_mm": float(np.mean(list(errors.values()))) if errors else float("nan"),
        "folded": result.jacobian.folded,
        "smallest_jacobian": result.jacobian.smallest,
        "consistency_mm": round_trip_mm(result.deformation, result.inverse, result.segmentation),
        "uncertainty_mm": float(uncertainty.mean()),
        **{name: result.confidence.evidence[name] for name in _EVIDENCE},
        "confidence": result.confidence.value,
    }


def _no_figures() -> dict[str, float | int]:
    names = ("dice", "jaccard", "assd_mm", "hausdorff_mm", "landmark_mm", "smallest_jacobian")
    missing = dict.fromkeys((*names, "consistency_mm", "uncertainty_mm", *_EVIDENCE), float("nan"))
    return {**missing, "folded": 0, "confidence": 0.0}
