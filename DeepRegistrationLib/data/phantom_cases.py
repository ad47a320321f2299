"""One synthetic case for each job, with the answer beside it: to try the job, and for the self-tests."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.data.us_phantom import moved_frame
from DeepRegistrationLib.data.xray_phantom import (
    MIDDLE,
    body_phantom,
    phantom_camera,
    turned_about_the_middle,
)
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.images.camera_file import write_camera
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.slices import one_slice
from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from DeepRegistrationLib.images.write import write_nifti, write_nrrd
from DeepRegistrationLib.jobs.biplanar import BiplanarFiles, BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceFiles, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import Job, JobKind
from DeepRegistrationLib.jobs.us_angles import UsAnglesFiles, UsAnglesSettings
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.projection.projector import project_volume

TRUTH = "truth.json"
"""What the registration has to find; see `write_phantom_case`."""

_WEEK, _SPACING_MM = 28, 2.4
_TURN_RAD, _SHIFT_MM = (0.44, -0.70, 2.27), (31.0, -22.0, 45.0)
_VIEWS_DEG = ((10.0, -5.0), (85.0, 4.0))
_TWIST = (0.10, -0.08, 0.12, 5.0, -6.0, 4.0)
_BIPLANAR_DEG = ((10.0, 0.0), (95.0, 0.0))
_BEND_TWIST, _STRETCH = (0.07, -0.09, 0.10, 3.0, -2.0, 4.0), (1.04, 0.97, 1.06)
_ANGLES_DEG, _PIXELS, _PIXEL_MM = (-3.0, 0.0, 5.0, 6.0), 240, 0.2


def write_phantom_case(kind: JobKind, folder: Path) -> None:
    """Writes the images of a case and `truth.json`.

    The truth is `{"matrix": 4x4, "from": frame, "to": frame, "centre": [x, y, z]}`, the centre being a point
    of the frame `from` at which distances are measured [mm, RAS]; the matrix of an atlas also stretches. For
    ultrasound it is `{"angles_deg": [...]}`, of the content of each frame against the second one.

    Args:
        kind: of the job.
        folder: made if needed.

    Raises:
        InputError: there is no phantom for this job.
    """
    if kind not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise InputError(f"There is no synthetic case for the job '{kind}'. Choose one of: {known}.")
    folder.mkdir(parents=True, exist_ok=True)
    truth = _WRITERS[kind](folder)
    (folder / TRUTH).write_text(json.dumps(truth, indent=1), encoding="utf-8")


def phantom_job(kind: JobKind, folder: Path, output: Path) -> Job:
    """The job that registers a synthetic case, with settings that make it quick.

    Args:
        kind: of the job.
        folder: written by `write_phantom_case`.
        output: folder of the result.
    """
    files, settings = {
        JobKind.FETAL_VOLUME: lambda: (
            FetalVolumeFiles(folder / "brain.nii.gz", atlas_dir=folder / "atlas"),
            FetalVolumeSettings(gestational_age_weeks=_WEEK, candidates=4),
        ),
        JobKind.FETAL_SLICE: lambda: (
            FetalSliceFiles(folder / "slice.nrrd", folder / "slice_mask.nrrd", atlas_dir=folder / "atlas"),
            FetalSliceSettings(gestational_age_weeks=_WEEK, candidates=16),
        ),
        JobKind.XRAY_CT: lambda: (
            XrayCtFiles(
                folder / "ct.nrrd",
                (folder / "xray1.nrrd", folder / "xray2.nrrd"),
                (folder / "camera1.json", folder / "camera2.json"),
                folder / "bones.nrrd",
            ),
            XrayCtSettings(search_rotation_deg=12.0, search_translation_mm=15.0, candidates=8, rounds=1),
        ),
        JobKind.BIPLANAR: lambda: (
            BiplanarFiles(
                (folder / "xray1.nrrd", folder / "xray2.nrrd"),
                (folder / "camera1.json", folder / "camera2.json"),
                (folder / "mask1.nrrd", folder / "mask2.nrrd"),
                atlas_dir=folder / "atlas",
            ),
            BiplanarSettings(BiplanarMethod.SDM),
        ),
        JobKind.US_ANGLES: lambda: (
            UsAnglesFiles(tuple(folder / f"frame{number}.nrrd" for number in (1, 2, 3))),
            UsAnglesSettings(pixel_size_mm=(_PIXEL_MM, _PIXEL_MM)),
        ),
    }[kind]()
    return Job(kind, files, settings, output)


def _write_brain(folder: Path) -> dict[str, object]:
    """`atlas/`, `brain.nii.gz` and its mask; `slice.nrrd`, the largest slice of the brain, and its mask."""
    ras_from_phantom = np.eye(4)
    turn = torch.tensor(_TURN_RAD, dtype=torch.float64)
    ras_from_phantom[:3, :3], ras_from_phantom[:3, 3] = matrix_from_rotation_vector(turn).numpy(), _SHIFT_MM
    image, mask, _ = fetal_brain_phantom(_WEEK, _SPACING_MM, ras_from_phantom)
    mask = mask.with_values(mask.values.byte())
    write_phantom_atlas(folder / "atlas", (_WEEK, _WEEK + 4), _SPACING_MM)
    write_nifti(image, folder / "brain.nii.gz")
    write_nifti(mask, folder / "mask.nii.gz")
    largest = int(mask.values.sum((1, 2)).argmax())
    write_nrrd(one_slice(image, largest), folder / "slice.nrrd")
    write_nrrd(one_slice(mask, largest), folder / "slice_mask.nrrd")
    return _pose(np.linalg.inv(ras_from_phantom), "subject RAS", "atlas RAS", ras_from_phantom[:3, 3])


def _write_body(folder: Path) -> dict[str, object]:
    """`ct.nrrd`, `bones.nrrd`, and for each view `xray1.nrrd` and `camera1.json`."""
    ct, bones = body_phantom()
    world_from_ct = turned_about_the_middle(_TWIST)
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    write_nrrd(ct, folder / "ct.nrrd")
    write_nrrd(bones, folder / "bones.nrrd")
    for number, angles_deg in enumerate(_VIEWS_DEG, 1):
        camera = phantom_camera(*angles_deg, pixels=128)
        image = project_volume(attenuation, camera, world_from_ct)
        write_nrrd(detector_volume(image, camera, f"xray{number}"), folder / f"xray{number}.nrrd")
        write_camera(camera, folder / f"camera{number}.json")
    return _pose(world_from_ct, "CT RAS", "world RAS", MIDDLE)


def _write_stretched_body(folder: Path) -> dict[str, object]:
    """`atlas/`, and for each view `xray1.nrrd`, `mask1.nrrd`, the shadow of the bones, and `camera1.json`."""
    ct, bones = body_phantom(3.0)
    stretch = np.diag([*_STRETCH, 1.0])
    stretch[:3, 3] = MIDDLE - stretch[:3, :3] @ MIDDLE
    world_from_atlas = turned_about_the_middle(_BEND_TWIST) @ stretch
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    (folder / "atlas").mkdir(exist_ok=True)
    write_nrrd(ct, folder / "atlas" / "atlas_ct.nrrd")
    write_nrrd(bones, folder / "atlas" / "atlas_labels.nrrd")
    for number, angles_deg in enumerate(_BIPLANAR_DEG, 1):
        camera = phantom_camera(*angles_deg, pixels=64)
        shadow = silhouette(bones, camera, world_from_atlas).to(torch.uint8)
        images = {"xray": project_volume(attenuation, camera, world_from_atlas), "mask": shadow}
        for stem, values in images.items():
            write_nrrd(detector_volume(values, camera, stem), folder / f"{stem}{number}.nrrd")
        write_camera(camera, folder / f"camera{number}.json")
    return _pose(world_from_atlas, "atlas RAS", "world RAS", MIDDLE)


def _write_frames(folder: Path) -> dict[str, object]:
    """`frame1.nrrd` to `frame3.nrrd`, and `sweep.igs.mha`, which has one frame more."""
    turned = [moved_frame(angle, (0.0, 0.0), _PIXELS) for angle in _ANGLES_DEG]
    frames = (30 + 200 * torch.stack(turned)).byte().numpy()
    for number, frame in enumerate(frames[:3], 1):
        image = sitk.GetImageFromArray(frame[None])
        image.SetSpacing((_PIXEL_MM, _PIXEL_MM, 1.0))
        sitk.WriteImage(image, str(folder / f"frame{number}.nrrd"))
    times_s, count = np.arange(len(frames)) / 20, len(frames)
    pixel_mm = (_PIXEL_MM, _PIXEL_MM)
    write_metaimage_frames(frames, pixel_mm, {}, np.ones(count, bool), times_s, folder / "sweep.igs.mha")
    return {"angles_deg": list(_ANGLES_DEG), "pixel_mm": _PIXEL_MM}


def _pose(matrix: np.ndarray, source: str, target: str, centre_ras: np.ndarray) -> dict[str, object]:
    return {"matrix": matrix.tolist(), "from": source, "to": target, "centre": list(map(float, centre_ras))}


_WRITERS: dict[JobKind, Callable[[Path], dict[str, object]]] = {
    JobKind.FETAL_VOLUME: _write_brain,
    JobKind.FETAL_SLICE: _write_brain,
    JobKind.XRAY_CT: _write_body,
    JobKind.BIPLANAR: _write_stretched_body,
    JobKind.US_ANGLES: _write_frames,
}
PHANTOM_KINDS = tuple(_WRITERS)
"""The jobs that there is a synthetic case for."""
