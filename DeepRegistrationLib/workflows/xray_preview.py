"""Radiographs of the bones of a CT where it is put, fast enough to follow a hand; nothing is registered."""

import math
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationLib.optimize.radiograph_levels import pixel_at_anatomy_mm, reduction
from DeepRegistrationLib.progress import Progress, Report
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.workflows.result import Confidence, NamedTransform, Trust
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
from DeepRegistrationLib.workflows.xray_result import CT, WORLD, XrayCtInputs, XrayCtResult, XrayView

PREVIEW_PX = 192
"""Pixels along the longer side: an overlay is looked at, not measured."""

# voxels larger than pixels by this are not seen in an overlay, and take half the time
_COARSER = 1.5
_MEASURE = "correlation of gradients"
_BETWEEN_PICTURES_S = 0.15
_NOT_REGISTERED = Confidence(
    0.0, Trust.LOW, "Nothing was registered: this is the radiograph of the bones where the CT was put."
)


class ShownCt:
    """A CT and the radiographs that it is shown on, made ready once.

    Attributes:
        radiographs: of the views, with as many pixels as are shown.
        device: where the projections are computed.

    Args:
        inputs: CT and radiographs.
        bone_labels: which labels are shown; empty takes all.
        device: where to compute.
    """

    def __init__(self, inputs: XrayCtInputs, bone_labels: tuple[int, ...], device: Device) -> None:
        self.device = torch_device(device)
        self.radiographs = tuple(
            radiograph.reduced(reduction(radiograph, PREVIEW_PX)).to(self.device)
            for radiograph in inputs.radiographs
        )
        anatomy = prepare_anatomy(inputs.ct, inputs.labels, bone_labels, self.device)
        spacing_mm = min(
            pixel_at_anatomy_mm(radiograph, inputs.start, anatomy.centre_ras)
            for radiograph in self.radiographs
        )
        # bones alone: over a radiograph that shows everything, they are what is looked for
        self._volume = _no_finer_than(anatomy.bone, _COARSER * spacing_mm)
        self._measures = [
            gradient_correlation(radiograph.values, radiograph.used()) for radiograph in self.radiographs
        ]

    def drr(self, view: int, world_from_ct: np.ndarray) -> torch.Tensor:
        """(rows, columns); radiograph of the bones at a pose (4, 4), on the pixels of `radiographs[view]`."""
        return project_volume(self._volume, self.radiographs[view].camera, world_from_ct)

    def similarity(self, view: int, drr: torch.Tensor) -> float:
        """How well a DRR fits its radiograph, 0 to 1."""
        return float(self._measures[view].similarity(drr[None, None]))


@lru_cache(maxsize=1)
def _shown(
    ct: Volume,
    labels: Volume | None,
    radiographs: tuple[Radiograph, ...],
    bone_labels: tuple[int, ...],
    device: Device,
) -> ShownCt:
    # images are compared by identity: the same ones are prepared once, whatever the pose is
    return ShownCt(XrayCtInputs(ct, labels, radiographs), bone_labels, device)


def show(inputs: XrayCtInputs, settings: XrayCtSettings, report: Report) -> XrayCtResult:
    """Projects the CT at its start pose.

    Args:
        inputs: CT, radiographs, start pose.
        settings: device and labels count.
        report: told once.

    Returns:
        The start pose with the DRRs there, on reduced radiographs; never to be trusted as a registration.

    Raises:
        InputError: nothing in the CT is bone, or the labels do not fit.
    """
    started = time.perf_counter()
    shown = _shown(inputs.ct, inputs.labels, inputs.radiographs, settings.bone_labels, settings.device)
    report(Progress(0.5, "Projecting the CT", pose=tuple(inputs.start.ravel().tolist())))
    views = tuple(_view(shown, number, inputs.start) for number in range(len(shown.radiographs)))
    transforms = {"world_from_ct": NamedTransform(inputs.start, CT, WORLD)}
    return XrayCtResult(
        job="xray-ct",
        method="preview",
        device=describe_device(shown.device),
        transforms=transforms,
        similarity={_MEASURE: float(np.mean([view.similarity for view in views]))},
        confidence=_NOT_REGISTERED,
        warnings=(),
        seconds={"Projecting the CT": time.perf_counter() - started},
        settings={"preview": True},
        ct=inputs.ct,
        labels=inputs.labels,
        views=views,
        start=inputs.start,
    )


def followed(inputs: XrayCtInputs, settings: XrayCtSettings, folder: Path, report: Report) -> Report:
    """A report that also writes DRRs of the poses so far, for an overlay that follows a registration.

    Args:
        inputs: of the registration.
        settings: of the registration.
        folder: exists; gets drr.nrrd, drr2.nrrd and so on, each whole at any time.
        report: hears everything.
    """
    shown = _shown(inputs.ct, inputs.labels, inputs.radiographs, settings.bone_labels, settings.device)
    return _Followed(shown, folder, report)


class _Followed:
    def __init__(self, shown: ShownCt, folder: Path, report: Callable[[Progress], bool]) -> None:
        self._shown, self._folder, self._report = shown, folder, report
        self._next_s = 0.0

    def __call__(self, progress: Progress) -> bool:
        if progress.pose is not None and time.monotonic() >= self._next_s:
            pose = np.array(progress.pose, dtype=np.float64).reshape(4, 4)
            for number, radiograph in enumerate(self._shown.radiographs):
                name = f"drr{number + 1 if number else ''}"
                drr = detector_volume(self._shown.drr(number, pose), radiograph.camera, name)
                part = self._folder / f"{name}.part.nrrd"
                write_nrrd(drr, part, compress=False)
                # who reads it finds the one before or this one, never half of it
                part.replace(self._folder / f"{name}.nrrd")
            self._next_s = time.monotonic() + _BETWEEN_PICTURES_S
        return self._report(progress)


def _view(shown: ShownCt, number: int, world_from_ct: np.ndarray) -> XrayView:
    radiograph, drr = shown.radiographs[number], shown.drr(number, world_from_ct)
    return XrayView(
        radiograph=radiograph,
        camera_from_ct=radiograph.camera.camera_from_world @ world_from_ct,
        drr=drr,
        drr_start=drr,
        similarity=shown.similarity(number, drr),
        # edges are not looked for while a hand moves the CT
        residual_mm=math.nan,
        residual_start_mm=math.nan,
    )


def _no_finer_than(volume: Volume, spacing_mm: float) -> Volume:
    finest_mm = volume.geometry.spacing_mm
    if spacing_mm <= finest_mm.min():
        return volume
    return downsample(volume, np.maximum(finest_mm, spacing_mm))
