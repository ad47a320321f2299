"""The study of the real wrist: single bones in two fluoroscopes, in each alone and in both together.

Nobody knows where the bones truly were. So answers are judged by the radiographs: how far the projected edges
lie from theirs, also in the view that a bone was not registered to; and by each other: how far answers of
other starts, and of one view, lie from the answer of both views that fits best. Whole radiographs are given
to the workflow of the job, as a person would do who has put the bone near its place.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.xray_poses import XrayPoseSettings, random_poses
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.outline_distance import (
    moved_outline_distance_mm,
    outline_distance_mm,
)
from DeepRegistrationLib.evaluation.trials import TrialFile, matrix_text
from DeepRegistrationLib.evaluation.wrist_images import (
    PLACED,
    read_bone,
    read_views,
)
from DeepRegistrationLib.evaluation.wrist_picture import moment_picture
from DeepRegistrationLib.evaluation.wrist_report import (
    best_answers,
    moment_name,
    picture_name,
    write_wrist_report,
)
from DeepRegistrationLib.evaluation.wrist_trials import WristTrial
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.report.xray_pictures import xray_pictures
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
from DeepRegistrationLib.workflows.xray_ct import register
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs, XrayCtResult

TRIALS_FILE = "wrist_trials.csv"
START_DEG, START_MM = 8.0, 8.0
"""Standard deviation of the starts about the placed pose, on every axis: a bone placed by hand."""
CANDIDATES, ROUNDS = 40, 2
"""Of the search: half of what a start from anywhere needs."""
MOVED_MM = 3.0
"""On the detector: an error that the distance of the outline has to show."""
VIEWS = {"1+2": (1, 2), "1": (1,), "2": (2,)}


@dataclass(frozen=True)
class WristStudySettings:
    """Size of the study.

    Attributes:
        cases: bones and frames.
        views: "1+2", "1", "2".
        starts: per bone, moment and views.
        device: where torch computes.
        seed: of the starts.
    """

    cases: tuple[tuple[str, int], ...] = tuple(PLACED)
    views: tuple[str, ...] = tuple(VIEWS)
    starts: int = 5
    device: Device = Device.AUTO
    seed: int = 0


def run_wrist_study(
    data: Path, output: Path, settings: WristStudySettings, report: Report = keep_going
) -> Path:
    """Runs the study, or what is left of it, and writes its tables and pictures.

    Args:
        data: folder with the wrist's images (`autoscoper-wrist`).
        output: folder for `wrist_trials.csv`, `xray_wrist.md` and pictures; trials in it are not repeated.
        settings: size of the study.
        report: receives progress; returns False to stop. Finished trials are kept.

    Returns:
        Path of `xray_wrist.md`.

    Raises:
        InputError: an image is missing, or the folder holds something else's trials.
        Cancelled: `report` returned False.
    """
    output.mkdir(parents=True, exist_ok=True)
    file = TrialFile(output / TRIALS_FILE, WristTrial)
    total, done = len(settings.cases) * len(settings.views) * settings.starts, 0
    for bone, frame in settings.cases:
        keys = [(v, n) for v in settings.views for n in range(settings.starts)]
        missing = [(v, n) for v, n in keys if (bone, frame, v, n, settings.seed) not in file]
        done += len(keys) - len(missing)
        if not missing:
            continue
        case = _Case.read(data, bone, frame, settings)
        for views, number in missing:
            text = f"{bone}, frame {frame}, view {views}: {done + 1} of {total}"
            share = done / total

            def tell(progress: Progress, share: float = share, text: str = text) -> bool:
                return report(Progress(share, f"{text}: {progress.text}"))

            if not report(Progress(share, text)):
                raise Cancelled(text)
            trial, result = case.trial(views, number, settings, tell)
            if result is not None and views == "1+2":
                _keep_pictures(result, trial, file.trials, output)
            file.add(trial)
            done += 1
    for frame in {frame for _, frame in settings.cases}:
        best = best_answers(file.trials, frame)
        if len(best) > 1:
            bones = {bone: (read_bone(data, bone)[1], pose) for bone, pose in best.items()}
            picture = moment_picture(read_views(data, frame), bones)
            (output / moment_name(frame)).write_bytes(picture)
    return write_wrist_report(file.trials, output)


@dataclass(frozen=True, eq=False)
class _Case:
    """One bone at one moment.

    Attributes:
        bone, frame: names.
        ct, label: of the bone.
        radiographs: the whole ones, by number of the view.
        starts: (N, 4, 4) float64.
    """

    bone: str
    frame: int
    ct: Volume
    label: Volume
    radiographs: dict[int, Radiograph]
    starts: np.ndarray

    @staticmethod
    def read(data: Path, bone: str, frame: int, settings: WristStudySettings) -> "_Case":
        ct, label = read_bone(data, bone)
        radiographs = dict(zip((1, 2), read_views(data, frame), strict=True))
        generator = torch.Generator().manual_seed(settings.seed)
        poses = XrayPoseSettings(START_DEG, START_MM)
        # the frame of the CT has its origin in the bone's middle: turns are about it
        moved = random_poses(settings.starts, poses, generator).numpy()
        placed = PLACED[bone, frame]
        starts = np.array(moved)
        starts[:, :3, :3] = moved[:, :3, :3] @ placed[:3, :3]
        starts[:, :3, 3] = moved[:, :3, 3] + placed[:3, 3]
        return _Case(bone, frame, ct, label, radiographs, starts)

    def trial(
        self, views: str, number: int, settings: WristStudySettings, report: Report
    ) -> tuple[WristTrial, XrayCtResult | None]:
        start, placed = self.starts[number], PLACED[self.bone, self.frame]
        cosine = np.clip((np.trace(start[:3, :3] @ placed[:3, :3].T) - 1) / 2, -1, 1)
        began = time.perf_counter()
        result, error = None, ""
        try:
            result = register(
                XrayCtInputs(self.ct, self.label, tuple(self.radiographs[v] for v in VIEWS[views]), start),
                XrayCtSettings(
                    search_rotation_deg=START_DEG,
                    search_translation_mm=START_MM,
                    candidates=CANDIDATES,
                    rounds=ROUNDS,
                    device=settings.device,
                ),
                report,
            )
        except RegistrationError as err:
            error = str(err)
        seconds = time.perf_counter() - began
        after, before, moved = self._outlines(result, start)
        trial = WristTrial(
            bone=self.bone,
            frame=self.frame,
            views=views,
            number=number,
            seed=settings.seed,
            start_deg=float(np.degrees(np.arccos(cosine))),
            start_mm=float(np.linalg.norm(start[:3, 3] - placed[:3, 3])),
            outline_1_mm=after[0],
            outline_2_mm=after[1],
            outline_start_1_mm=before[0],
            outline_start_2_mm=before[1],
            outline_moved_1_mm=moved[0],
            outline_moved_2_mm=moved[1],
            confidence=result.confidence.value if result else 0.0,
            trust=str(result.confidence.trust) if result else "",
            seconds=seconds,
            world_from_bone=matrix_text(result.world_from_ct) if result else "",
            error=error,
        )
        return trial, result

    def _outlines(self, result: XrayCtResult | None, start: np.ndarray) -> tuple[list[float], ...]:
        """Distance of the outline [mm] in both views, after, before and moved; NaN without a result."""
        if result is None:
            return ([np.nan] * 2,) * 3
        found: tuple[list[float], ...] = ([], [], [])
        anatomy = prepare_anatomy(self.ct, self.label, (), torch.device("cpu"))
        for radiograph in self.radiographs.values():
            case = radiograph, anatomy, self.label
            found[0].append(outline_distance_mm(*case, result.world_from_ct))
            found[1].append(outline_distance_mm(*case, start))
            found[2].append(moved_outline_distance_mm(*case, result.world_from_ct, MOVED_MM))
        return found


def _keep_pictures(result: XrayCtResult, trial: WristTrial, before: list[WristTrial], output: Path) -> None:
    """Pictures of the best answer of both views so far, by the job's own confidence."""
    rivals = [t.confidence for t in before if (t.bone, t.frame, t.views) == (trial.bone, trial.frame, "1+2")]
    if rivals and max(rivals) >= trial.confidence:
        return
    for number, picture in enumerate(xray_pictures(result)[:2], 1):
        (output / picture_name(trial.bone, trial.frame, number)).write_bytes(picture.png)
