"""The job that finds the angles between ultrasound frames."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration
from DeepRegistrationLib.images.read_ultrasound import read_triplet, read_ultrasound
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_metaimage_write import (
    sequence_times,
    write_metaimage_frames,
    write_transform_sequence,
)
from DeepRegistrationLib.images.us_plus_config import PlusConfiguration, read_plus_configuration
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_kinds.steps import Case, JobSteps
from DeepRegistrationLib.jobs.job import Job
from DeepRegistrationLib.jobs.us_angles import FRAME_DISTANCE_MM, UsAnglesFiles, UsAnglesSettings
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.report.us_sections import us_sections
from DeepRegistrationLib.results import folder as names
from DeepRegistrationLib.results.result_parts import ResultParts
from DeepRegistrationLib.results.us_entries import us_entries, write_angles
from DeepRegistrationLib.workflows import us_angles, us_live
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.us_aligned import (
    aligned_frames,
    as_stored,
    as_volume,
    first_from_frame_ras,
    reference_from_pixel,
)
from DeepRegistrationLib.workflows.us_result import UsAnglesInputs, UsAnglesResult


def _read(job: Job, advance: Callable[[float], None]) -> Case:
    files, settings = job.files, job.settings
    frames = read_triplet(files.frames) if files.frames else read_ultrasound(files.sequence)
    advance(0.7)
    configuration = None if files.calibration is None else read_plus_configuration(files.calibration)
    frames, calibration = _with_pixel_size(frames, configuration, settings)
    mask = _mask(files, configuration, tuple(frames.values.shape[1:]))
    # the frames of a live session are gone with the next one: nobody asks for their checksums
    used = {} if settings.live else _files_used(files)
    return Case(UsAnglesInputs(frames, calibration, mask), lambda result: used)


def _with_pixel_size(
    frames: UltrasoundFrames, configuration: PlusConfiguration | None, settings: UsAnglesSettings
) -> tuple[UltrasoundFrames, UltrasoundCalibration | None]:
    """What is entered comes first, then the calibration, then the file."""
    calibration = None if configuration is None else configuration.calibration
    if settings.pixel_size_mm is not None:
        sx, sy = settings.pixel_size_mm if calibration is None else calibration.scale_mm
        if not np.allclose(settings.pixel_size_mm, (sx, sy), rtol=0.02):
            entered = " x ".join(f"{edge:g}" for edge in settings.pixel_size_mm)
            raise InputError(
                f"The pixel size entered ({entered} mm) is not that of the calibration ({sx:.4g} x "
                f"{sy:.4g} mm). Leave one of them out."
            )
        return frames.with_spacing(settings.pixel_size_mm, "entered"), calibration
    if calibration is not None:
        return frames.with_spacing(calibration.scale_mm, calibration.name), calibration
    if configuration is not None and configuration.spacing_mm is not None:
        return frames.with_spacing(
            configuration.spacing_mm, "scan conversion of the PLUS configuration"
        ), None
    return frames, None


def _mask(
    files: UsAnglesFiles, configuration: PlusConfiguration | None, shape: tuple[int, int]
) -> torch.Tensor | None:
    """The user's mask, else the clip rectangle of the PLUS configuration where it cuts something off."""
    if files.mask is not None:
        return _marked(files.mask)
    clip = None if configuration is None else configuration.clip_px
    if clip is None or clip[2:] == shape[::-1]:
        return None
    column, row, columns, rows = clip
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[max(row, 0) : row + rows, max(column, 0) : column + columns] = True
    return mask if bool(mask.any()) else None


def _marked(path: Path) -> torch.Tensor:
    """(rows, columns) bool; what a mask marks, in any colour and on any slice of a stack."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as err:
        raise InputError(
            f"The mask '{path.name}' cannot be read; it is missing, damaged or no image. Choose another "
            "one, or leave it out."
        ) from err
    marked = torch.from_numpy(sitk.GetArrayFromImage(image) != 0)
    if image.GetNumberOfComponentsPerPixel() > 1:
        marked = marked.any(-1)
    return marked.reshape(-1, *marked.shape[-2:]).any(0)


def _files_used(files: UsAnglesFiles) -> dict[str, Path]:
    paths: dict[str, Path | None] = {
        "sequence": files.sequence,
        "calibration": files.calibration,
        "mask": files.mask,
    }
    paths |= dict(zip(("before", "middle", "after"), files.frames, strict=False))
    return {role: path for role, path in paths.items() if path is not None}


def _parts(result: UsAnglesResult, job: Job) -> ResultParts:
    files = {}
    if not job.settings.live:
        files = {
            names.ANGLES: partial(write_angles, result),
            names.FRAMES: partial(_write_frames, result),
            names.SWEEP: partial(_write_sweep, result),
        }
    if job.outputs.warped:
        files[names.WARPED] = partial(_write_aligned, result)
    return ResultParts(
        "Angles between ultrasound frames", files, partial(_draw, result), us_entries(result), us_sections
    )


def _write_aligned(result: UsAnglesResult, path: Path) -> None:
    write_nrrd(as_volume(aligned_frames(result), result, "aligned frames"), path)


def _write_frames(result: UsAnglesResult, path: Path) -> None:
    """Frames with ImageToReference, for the volume reconstruction of SlicerIGSIO."""
    frames = as_stored(result.frames.values)
    if frames.dtype != torch.uint8:  # rare: more than 8 bits
        low, high = frames.aminmax()
        frames = (255 * (frames - low) / (high - low)).round().to(torch.uint8)
    write_metaimage_frames(
        frames.numpy(),
        result.frames.spacing_mm or (1.0, 1.0),
        {"ImageToReference": reference_from_pixel(result, FRAME_DISTANCE_MM)},
        _arrived(result),
        sequence_times(result.frames.times_s, len(frames)),
        path,
    )


def _write_sweep(result: UsAnglesResult, path: Path) -> None:
    """The chained transforms, as Slicer keeps a sequence of linear transforms."""
    times = sequence_times(result.frames.times_s, len(result.frames))
    transforms = {"FrameToFirst": first_from_frame_ras(result)}
    write_transform_sequence(transforms, _arrived(result), times, path)


def _arrived(result: UsAnglesResult) -> np.ndarray:
    """(N,) bool; False for a frame that a refused motion leads to."""
    return np.concatenate([[True], ~result.pairs.refused])


def _draw(result: UsAnglesResult, keep_going: Callable[[], object]) -> list[Picture]:
    from DeepRegistrationLib.report.us_pictures import us_pictures  # needs matplotlib

    return us_pictures(result, keep_going)


def _angles_in_words(result: UsAnglesResult) -> str:
    if result.confidence.trust == Trust.LOW:
        return ""
    at = result.middle
    before, after = result.triplets.before_deg[at, 2], result.triplets.after_deg[at, 2]
    which = "" if len(result.frames) == 3 else f" about frame {at + 1}"
    return f"Angles{which}: before {before:+.2f}, after {after:+.2f} degrees."


def _register(inputs: UsAnglesInputs, settings: UsAnglesSettings, report: Report) -> UsAnglesResult:
    register = us_live.register if settings.live else us_angles.register
    return register(inputs, settings, report)


US_ANGLES = JobSteps(_read, _register, _parts, _angles_in_words)
