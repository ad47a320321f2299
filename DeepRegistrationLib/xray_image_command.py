"""Radiographs computed from a CT, as files: the plain one (DRR) and the realistic one."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from DeepRegistrationLib.device import torch_device
from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.camera_file import read_camera, write_camera
from DeepRegistrationLib.images.ct_checks import check_ct
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.pose_file import read_pose
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.labels import masked_volume, outline, silhouette
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.projection.radiograph_simulation import (
    SimulatedRadiograph,
    SimulationSettings,
    material_integrals,
    simulate_radiograph,
)

_OUTLINE_COLOUR = (255, 190, 60)


@dataclass(frozen=True)
class View:
    """From where a CT is seen.

    Attributes:
        ct: file or folder of the CT [HU].
        geometry: camera file; None takes the other entries.
        pose: transform file, world to CT (.tfm, LPS); None: the CT lies in the world as it is.
        source_to_detector_mm: of the C-arm.
        source_to_isocenter_mm: of the C-arm.
        primary_angle_deg: +90 has the detector at the patient's left.
        secondary_angle_deg: +90 has the detector at the patient's head.
        isocenter_ras_mm: in the world [mm, RAS]; None is the middle of the CT where it stands.
        pixel_spacing_mm: between columns and between rows, on the detector.
        image_size_px: columns, rows.
    """

    ct: Path
    geometry: Path | None = None
    pose: Path | None = None
    source_to_detector_mm: float = 1020.0
    source_to_isocenter_mm: float = 620.0
    primary_angle_deg: float = 0.0
    secondary_angle_deg: float = 0.0
    isocenter_ras_mm: tuple[float, float, float] | None = None
    pixel_spacing_mm: tuple[float, float] = (1.0, 1.0)
    image_size_px: tuple[int, int] = (400, 400)


def draw_drr(
    view: View,
    output: Path,
    ct_labels: Path | None = None,
    keep: tuple[int, ...] = (),
    bones_only: bool = False,
    device: Device = Device.AUTO,
) -> Path:
    """Writes `drr.nrrd` (line integrals, on the detector in the world), `drr.png` and `camera.json`.

    Args:
        view: CT and camera.
        output: folder; new or empty.
        ct_labels: labels on the CT's grid; their outline is drawn into `drr-outline.png`.
        keep: labels that count; empty takes all.
        bones_only: nothing but the labels is projected.
        device: where it is computed.

    Returns:
        The folder.

    Raises:
        InputError: files that cannot be used, or a folder that is not empty.
    """
    if ct_labels is None and (bones_only or keep):
        raise InputError("Labels were asked for, but no label image of the CT was given. Give it, too.")
    _check_output(output)
    ct, camera, world_from_ct = _scene(view, device)
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    labels = None
    if ct_labels is not None:
        labels = read_volume(ct_labels, labels=True).to(ct.values.device)
        if bones_only:
            attenuation = masked_volume(attenuation, labels, keep or None)
    values = project_volume(attenuation, camera, world_from_ct).cpu()
    _check_in_view(values, ct.name)

    def write(folder: Path) -> None:
        write_nrrd(detector_volume(values, camera, "drr"), folder / "drr.nrrd")
        grey = _as_bytes(values)
        _write_picture(grey, folder / "drr.png")
        if labels is not None:
            edge = outline(silhouette(labels, camera, world_from_ct, keep or None)).cpu().numpy()
            coloured = np.where(edge[..., None], np.array(_OUTLINE_COLOUR), grey[..., None]).astype(np.uint8)
            _write_picture(coloured, folder / "drr-outline.png")
        write_camera(camera, folder / "camera.json")

    return _write_folder(output, write)


def simulate_xray(
    view: View, output: Path, settings: SimulationSettings, seed: int = 0, device: Device = Device.AUTO
) -> Path:
    """Writes a realistic radiograph and what only a simulation knows.

    `xray.png` and `xray.nrrd` hold the pixels as a detector would store them, `attenuation.nrrd` the line
    integrals of the primary X-rays without noise, `field.nrrd` 1 where the collimator lets X-rays pass,
    `camera.json` the camera and `simulation.json` the settings.

    Args:
        view: CT and camera.
        output: folder; new or empty.
        settings: how the radiograph is taken.
        seed: of the noise.
        device: where it is computed.

    Returns:
        The folder.

    Raises:
        InputError: files that cannot be used, or a folder that is not empty.
    """
    _check_output(output)
    ct, camera, world_from_ct = _scene(view, device)
    integrals = material_integrals(ct, camera, world_from_ct)
    _check_in_view(integrals, ct.name)
    generator = torch.Generator(integrals.device).manual_seed(seed)
    taken = simulate_radiograph(integrals, camera.pixel_spacing_mm, settings, generator)

    def write(folder: Path) -> None:
        _write_taken(taken, camera, folder)
        content = asdict(settings) | {"seed": seed}
        text = json.dumps(content, indent=1, default=str) + "\n"
        (folder / "simulation.json").write_text(text, encoding="utf-8")

    return _write_folder(output, write)


def _scene(view: View, device: Device) -> tuple[Volume, Camera, np.ndarray]:
    """CT on its device, camera, and pose of the CT in the world (4, 4)."""
    ct = read_volume(view.ct)
    check_ct(ct)
    world_from_ct = np.eye(4) if view.pose is None else read_pose(view.pose)
    if view.geometry is not None:
        camera = read_camera(view.geometry)
    else:
        middle = world_from_ct[:3, :3] @ ct.geometry.centre_ras + world_from_ct[:3, 3]
        isocenter = middle if view.isocenter_ras_mm is None else np.array(view.isocenter_ras_mm)
        c_arm = CArm(
            view.source_to_detector_mm,
            view.source_to_isocenter_mm,
            view.primary_angle_deg,
            view.secondary_angle_deg,
            view.pixel_spacing_mm,
            view.image_size_px,
        )
        camera = c_arm.camera(isocenter)
    return ct.to(torch_device(device)), camera, world_from_ct


def _check_in_view(values: torch.Tensor, name: str) -> None:
    if not bool((values > 0).any()):
        raise InputError(
            f"The camera does not see '{name}': no ray from the source to the detector passes it. "
            "Check the camera, the isocentre and the pose."
        )


def _write_taken(taken: SimulatedRadiograph, camera: Camera, folder: Path) -> None:
    pixels = taken.pixels.cpu()
    kind = np.uint8 if taken.settings.levels <= 256 else np.uint16
    _write_picture(pixels.numpy().astype(kind), folder / "xray.png")
    stored = {
        # signed: torch has no other 16-bit type that all of its functions know
        "xray": pixels.to(torch.int32),
        "attenuation": taken.attenuation.cpu(),
        "field": taken.field.cpu().to(torch.uint8),
    }
    for name, values in stored.items():
        write_nrrd(detector_volume(values, camera, name), folder / f"{name}.nrrd")
    write_camera(camera, folder / "camera.json")


def _as_bytes(values: torch.Tensor) -> np.ndarray:
    """(rows, columns) uint8; bright where much is attenuated."""
    highest = float(values.max()) or 1.0
    return (values / highest * 255).round().clamp(0, 255).numpy().astype(np.uint8)


def _write_picture(pixels: np.ndarray, path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(pixels, isVector=pixels.ndim == 3), str(path))


def _check_output(output: Path) -> None:
    if output.is_file() or (output.is_dir() and any(output.iterdir())):
        raise InputError(f"The output '{output}' is there already. Name a folder that is new or empty.")


def _write_folder(output: Path, write: Callable[[Path], None]) -> Path:
    """Writes beside the folder first, so that it appears whole or not at all."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as name:
            work = Path(name) / "done"
            work.mkdir()
            write(work)
            if output.is_dir():
                output.rmdir()  # empty, and Windows does not replace a folder
            work.rename(output)
    except (OSError, RuntimeError) as err:
        raise RegistrationError(
            f"The result cannot be written to '{output}' ({err}). Check that you may write there and that "
            "space is left."
        ) from err
    return output
