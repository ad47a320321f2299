"""An atlas bent to real radiographs: two calibrated fluoroscopes of a wrist, its bones stretched before.

There is no atlas of the wrist. So each bone's own CT is stretched to be one: another bone of which it is
known how each point has to move. Radiographs, calibration and everything that lies before and behind the bone
are real. Where the bone is, nobody knows better than the placed poses of `wrist_images.py`; the edges of the
radiographs judge that without them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.outline_distance import outline_distance_mm
from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.evaluation.wrist_images import PLACED, read_bone, read_views
from DeepRegistrationLib.geometry.displacement import warp_points
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.biplanar import BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.report.biplanar_pictures import biplanar_pictures
from DeepRegistrationLib.workflows.biplanar import register
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy

PAGE = "biplanar_wrist.md"
STRETCH = np.diag([1.06, 0.95, 1.03])
"""Of the atlas, along the axes of the bone's CT: thicker one way, thinner the other, and longer."""
START_DEG, START_MM = 4.0, 3.0
"""Standard deviation of the start about the placed pose, on every axis: an atlas placed by hand."""
_EVERY = 97


@dataclass(frozen=True)
class WristFit:
    """One bone, bent to one moment.

    Attributes:
        bone: name.
        frame: of the recordings.
        masked: the bone's shadow at the placed pose was given.
        point_start_mm: mean distance of the bone's points from where they belong, at the start [mm].
        point_mm: the same of the answer.
        outline_mm: distance of projected edges from those of the radiographs, the mean of both views, on the
            detector [mm]; of the answer.
        outline_placed_mm: the same of the bone's own CT at its placed pose.
        trust: of the result; empty if there is none.
    """

    bone: str
    frame: int
    masked: bool
    point_start_mm: float
    point_mm: float
    outline_mm: float
    outline_placed_mm: float
    trust: str


def run_biplanar_wrist_study(
    data: Path,
    output: Path,
    cases: Sequence[tuple[str, int]] = tuple(PLACED),
    device: Device = Device.AUTO,
    seed: int = 0,
    report: Report = keep_going,
) -> Path:
    """Bends each bone to each moment, with and without masks; writes a page and the overlays.

    Args:
        data: folder of the wrist's images.
        output: folder for `biplanar_wrist.md` and pictures.
        cases: bones and frames.
        device: where torch computes.
        seed: of the starts.
        report: receives progress; returns False to stop.

    Returns:
        Path of the page.

    Raises:
        InputError: an image is missing.
        Cancelled: `report` returned False.
    """
    output.mkdir(parents=True, exist_ok=True)
    found = []
    planned = [(bone, frame, masked) for bone, frame in cases for masked in (True, False)]
    settings = BiplanarSettings(
        method=BiplanarMethod.OPTIMIZE,
        search_rotation_deg=START_DEG,
        search_translation_mm=START_MM,
        device=device,
        seed=seed,
    )
    for done, (bone, frame, masked) in enumerate(planned):
        progress = Progress(
            done / len(planned), f"{bone}, frame {frame}, {'masked' if masked else 'no masks'}"
        )
        if not report(progress):
            raise Cancelled(progress.text)
        found.append(_fit(data, output, bone, frame, masked, settings, lambda _, now=progress: report(now)))
    return _write_page(found, output)


def _fit(
    data: Path,
    output: Path,
    bone: str,
    frame: int,
    masked: bool,
    settings: BiplanarSettings,
    report: Report,
) -> WristFit:
    ct, label = read_bone(data, bone)
    views, placed = read_views(data, frame), PLACED[bone, frame]
    atlas_ct, atlas_label = (stretched(image) for image in (ct, label))
    start = placed @ _small_motion(settings.seed + 1000 * frame)
    shadows = tuple(silhouette(label, view.camera, placed) if masked else None for view in views)
    inputs = BiplanarInputs(atlas_ct, atlas_label, views, shadows, start=start)
    own, other = (_points(image) for image in (label, atlas_label))
    true = own @ placed[:3, :3].T + placed[:3, 3]
    before = other @ start[:3, :3].T + start[:3, 3]
    at_placed = _outline(views, ct, label, placed)
    apart_at_start = float(np.linalg.norm(before - true, axis=1).mean())
    try:
        result = register(inputs, settings, report)
    except RegistrationError:
        return WristFit(bone, frame, masked, apart_at_start, np.nan, np.nan, at_placed, "")
    reached = warp_points(result.inverse, torch.from_numpy(other)).numpy()
    for picture, number in zip(biplanar_pictures(result), (1, 2), strict=False):
        (output / picture_name(bone, frame, masked, number)).write_bytes(picture.png)
    return WristFit(
        bone,
        frame,
        masked,
        apart_at_start,
        float(np.linalg.norm(reached - true, axis=1).mean()),
        _outline(views, result.warped, result.segmentation, np.eye(4)),
        at_placed,
        str(result.confidence.trust),
    )


def stretched(image: Volume) -> Volume:
    """The same voxels, further apart and closer together along the axes of RAS, which are the image's own."""
    geometry = image.geometry
    matrix = geometry.ras_from_ijk.copy()
    matrix[:3] = STRETCH @ matrix[:3]
    return Volume(image.values, VolumeGeometry(geometry.shape_kji, matrix), image.name)


def picture_name(bone: str, frame: int, masked: bool, view: int) -> str:
    """Of the overlay of one view."""
    return f"biplanar_{bone}_{frame}_{'masked' if masked else 'unmasked'}_view{view}.png"


def _small_motion(seed: int) -> np.ndarray:
    """(4, 4); a motion of a few degrees and mm about the origin: the middle of the bone's CT."""
    random = np.random.default_rng(seed)
    motion = np.eye(4)
    turn = torch.from_numpy(np.radians(START_DEG) * random.standard_normal(3))
    motion[:3, :3] = matrix_from_rotation_vector(turn).numpy()
    motion[:3, 3] = START_MM * random.standard_normal(3)
    return motion


def _points(label: Volume) -> np.ndarray:
    """(N, 3); some voxels of the bone, the same of each image with these voxels [mm, RAS]."""
    ijk = torch.nonzero(label.values != 0)[::_EVERY].flip(-1).double().numpy()
    matrix = label.geometry.ras_from_ijk
    return ijk @ matrix[:3, :3].T + matrix[:3, 3]


def _outline(views: Sequence[Radiograph], ct: Volume, label: Volume, world_from_bone: np.ndarray) -> float:
    """Mean of both views; infinite where one shows nothing of the bone [mm]."""
    anatomy = prepare_anatomy(ct, label, (), torch.device("cpu"))
    return float(np.mean([outline_distance_mm(view, anatomy, label, world_from_bone) for view in views]))


def _write_page(found: Sequence[WristFit], output: Path) -> Path:
    rows = [
        [
            fit.bone,
            str(fit.frame),
            "given" if fit.masked else "none",
            f"{fit.point_start_mm:.2f}",
            f"{fit.point_mm:.2f}",
            f"{fit.outline_mm:.2f}",
            f"{fit.outline_placed_mm:.2f}",
            fit.trust or "no result",
        ]
        for fit in found
    ]
    head = ["bone", "frame", "masks", "points off at the start [mm]", "points off [mm]"]
    head += ["outline [mm]", "outline of the own CT [mm]", "confidence"]
    stretch = ", ".join(f"{number:g}" for number in np.diag(STRETCH))
    introduction = (
        "Two real fluoroscopes of a wrist with their calibration (Autoscoper's sample data), single bones of "
        f"the same arm as CT. The atlas is the bone's own CT stretched by {stretch} along its axes and moved "
        f"(standard deviation {START_DEG:g} degrees and {START_MM:g} mm on each axis); no shape model. "
        "*Points off* is the mean distance of the bone's points from those of the CT at its placed pose; "
        "masks are its shadow there. *Outline* is how far projected edges lie from the radiographs', on the "
        "detector, which needs no placed pose; beside it that of the bone's own CT, bent by nothing."
    )
    pictures = [
        f"![{fit.bone}, view {view}]({picture_name(fit.bone, fit.frame, fit.masked, view)})"
        for fit in found[:1]
        for view in (1, 2)
        if fit.trust
    ]
    path = output / PAGE
    sections = ["# An atlas bent to real radiographs of a wrist", introduction, table(head, rows), *pictures]
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path
