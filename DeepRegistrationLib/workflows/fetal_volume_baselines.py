"""The two intensity baselines of the paper: mutual information by gradient descent, after a simple start.

Both run in SimpleITK over three levels. The paper maximizes *normalized* mutual information; ITK keeps the
measure of Mattes et al., not normalized, and that is what is used here. Such a measure is local: from
a start more than some 40 degrees off it ends in a wrong pose. That is why these are baselines.
"""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.geometry.frames import (
    RAS_FROM_LPS,
    ras_from_lps_points,
    to_parent_ras_from_resampling_lps,
)
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, principal_axes_ras
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import to_sitk
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod

_FINEST_MM = 1.2
_SHRINK = (4, 2, 1)  # levels of 4.8, 2.4 and 1.2 mm
_SIGMAS_MM = (2.4, 1.2, 0.0)  # half a voxel of the level; the finest is smooth already
_SAMPLES = 50_000
_BINS = 32
_ITERATIONS = 500
_FIRST_STEP_MM = 2.0
_LAST_STEP_MM = 1e-3
_MARGIN_MM = 4.0
"""Measured beyond the brain's edge too: the outline tells the pose as much as the inside."""


def register_baseline(
    moving: Volume,
    moving_mask: Volume,
    fixed: Volume,
    fixed_mask: Volume,
    initialization: FetalVolumeMethod,
    seed: int,
    advance: Callable[[float], None],
) -> tuple[np.ndarray, float]:
    """Registers two brains rigidly, from a start that needs no search.

    Args:
        moving: image to be moved, on its own grid.
        moving_mask: its brain (not zero), on the same grid.
        fixed: image registered to.
        fixed_mask: its brain (not zero), on the same grid.
        initialization: `VVR_GC` aligns the centres of the two masks, `VVR_PAA` also their principal axes.
        seed: of the voxels at which the measure is taken, >= 0; equal seeds give equal results.
        advance: hears the share done, 0 to 1, once per iteration; stops the registration by raising.

    Returns:
        fixed_from_moving: (4, 4) float64, rigid; fixed RAS from moving RAS [mm].
        mutual_information: at the result, >= 0 [nats].

    Raises:
        ValueError: `initialization` is not one of the two baselines, or the seed is negative.
        RegistrationError: the images stopped overlapping.
        InputError: a mask is empty.

    Source: Salehi et al., "Real-time deep registration with geodesic loss", 2018, section 3.2;
        measure: Mattes et al., IEEE Transactions on Medical Imaging 22, 2003.
    """
    if initialization not in (FetalVolumeMethod.VVR_GC, FetalVolumeMethod.VVR_PAA):
        raise ValueError(f"{initialization!r} is no baseline; use VVR_GC or VVR_PAA")
    if seed < 0:
        raise ValueError(f"the seed must not be negative, got {seed}")
    start = _start(moving, moving_mask, fixed, fixed_mask, initialization)
    registration = _registration(_dilated(fixed_mask), seed)
    # what is optimized begins at the identity: half a turn is a singular place for versors
    correction = sitk.VersorRigid3DTransform()
    correction.SetCenter(start.GetCenter())
    registration.SetMovingInitialTransform(start)
    registration.SetInitialTransform(correction, inPlace=True)
    stopped_by = _observe(registration, advance)
    try:
        with one_thread():
            registration.Execute(_brain(fixed, fixed_mask), _brain(moving, moving_mask))
    except RuntimeError as err:
        raise RegistrationError(
            f"'{moving.name}' and '{fixed.name}' stopped overlapping while mutual information was maximized. "
            "Check the brain masks, or take the method 'auto'."
        ) from err
    if stopped_by:
        raise stopped_by[0]
    moving_from_fixed_lps = matrix_of_versor(start) @ matrix_of_versor(correction)
    return to_parent_ras_from_resampling_lps(moving_from_fixed_lps), -registration.GetMetricValue()


def _start(
    moving: Volume, moving_mask: Volume, fixed: Volume, fixed_mask: Volume, initialization: FetalVolumeMethod
) -> sitk.VersorRigid3DTransform:
    """Map moving LPS from fixed LPS that aligns the centres, and the axes if asked for."""
    fixed_centre = ras_from_lps_points(centre_of_gravity_ras(_as_weights(fixed_mask)))
    moving_centre = ras_from_lps_points(centre_of_gravity_ras(_as_weights(moving_mask)))
    rotation = np.eye(3)
    if initialization is FetalVolumeMethod.VVR_PAA:
        # an axis has no sign; like ITK's own initializer this takes one, and may start half a turn away
        moving_axes, _ = principal_axes_ras(moving, moving_mask)
        fixed_axes, _ = principal_axes_ras(fixed, fixed_mask)
        lps_from_ras = RAS_FROM_LPS[:3, :3]
        rotation = lps_from_ras @ moving_axes @ fixed_axes.T @ lps_from_ras
    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(fixed_centre.tolist())
    transform.SetMatrix(rotation.ravel().tolist(), 1e-6)  # tolerance: products of rotations are not exact
    transform.SetTranslation((moving_centre - fixed_centre).tolist())
    return transform


def _registration(fixed_mask: sitk.Image, seed: int) -> sitk.ImageRegistrationMethod:
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsMattesMutualInformation(_BINS)
    registration.SetMetricFixedMask(fixed_mask)
    registration.SetMetricSamplingStrategy(registration.RANDOM)
    voxels = fixed_mask.GetNumberOfPixels()
    shares = [min(1.0, _SAMPLES / (voxels / shrink**3)) for shrink in _SHRINK]
    # a seed of 0 means the clock to ITK
    registration.SetMetricSamplingPercentagePerLevel(shares, seed + 1)
    registration.SetInterpolator(sitk.sitkLinear)
    registration.SetShrinkFactorsPerLevel(_SHRINK)
    registration.SetSmoothingSigmasPerLevel(_SIGMAS_MM)
    registration.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    registration.SetOptimizerAsRegularStepGradientDescent(_FIRST_STEP_MM, _LAST_STEP_MM, _ITERATIONS)
    registration.SetOptimizerScalesFromPhysicalShift()
    return registration


def _observe(registration: sitk.ImageRegistrationMethod, advance: Callable[[float], None]) -> list[Exception]:
    """Reports each iteration; the list keeps what `advance` raised: nothing can be raised through ITK."""
    raised: list[Exception] = []

    def on_iteration() -> None:
        level = registration.GetCurrentLevel()
        share = (level + registration.GetOptimizerIteration() / _ITERATIONS) / len(_SHRINK)
        if not raised:
            try:
                advance(min(share, 1.0))
            except Exception as err:
                raised.append(err)
        if raised:
            registration.StopRegistration()  # ends one level: the next one comes here again

    registration.AddCommand(sitk.sitkIterationEvent, on_iteration)
    return raised


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Threads add in no fixed order, so two runs would differ; only ITK's global number is heeded."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


def _as_weights(mask: Volume) -> Volume:
    return mask.with_values((mask.values != 0).float())


def _brain(volume: Volume, mask: Volume) -> sitk.Image:
    """The image without its surroundings, at the finest level's voxel size."""
    return to_sitk(downsample(volume.with_values(volume.values.float() * (mask.values != 0)), _FINEST_MM))


def _dilated(mask: Volume) -> sitk.Image:
    coarse = to_sitk(downsample(_as_weights(mask), _FINEST_MM)) > 0.5
    return sitk.BinaryDilate(coarse, [round(_MARGIN_MM / _FINEST_MM)] * 3)


def matrix_of_versor(transform: sitk.VersorRigid3DTransform) -> np.ndarray:
    """(4, 4); x -> matrix (x - centre) + centre + translation."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    centre = np.array(transform.GetCenter())
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - matrix[:3, :3] @ centre
    return matrix
