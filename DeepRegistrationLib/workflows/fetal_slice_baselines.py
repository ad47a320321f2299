"""The paper's registration of slices by intensity: gradient descent on normalized correlation, three levels.

It runs in SimpleITK. Such a measure is local: from a start more than some 20 degrees off it ends in a wrong
pose. That is why it is a baseline.
"""

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.geometry.frames import (
    RAS_FROM_LPS,
    ras_from_lps_points,
    to_parent_ras_from_resampling_lps,
)
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import to_sitk
from DeepRegistrationLib.workflows.fetal_volume_baselines import matrix_of_versor, one_thread
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice

_PIXELS_MM = (4.8, 2.4, 1.2)
_ITERATIONS = 200
_FIRST_STEP_MM = 2.0
_LAST_STEP_MM = 1e-3


def register_slice_baseline(
    part: PreparedSlice,
    atlas: PreparedBrain,
    scale: float,
    start: np.ndarray | None,
    advance: Callable[[float], None],
) -> np.ndarray:
    """Registers slices to the atlas by gradient descent.

    Args:
        part: one slice or a stack.
        atlas: the atlas brain.
        scale: size of the atlas relative to the subject; stays as it is.
        start: (4, 4); atlas RAS from slice RAS; None aligns the centres and turns nothing.
        advance: hears the share done, 0 to 1, once per iteration; stops the registration by raising.

    Returns:
        (4, 4) float64; atlas RAS from slice RAS, with the scale [mm].

    Raises:
        RegistrationError: slices and atlas stopped overlapping.

    Source: Salehi et al., "Real-time deep registration with geodesic loss", 2018, section 3.2 (SVR-GC from
        the geometric centre, SVR-Deep from the network's pose).
    """
    # the subject is brought to the atlas's size first: what is left is rigid
    sized = np.diag([scale, scale, scale, 1.0])
    sized[:3, 3] = (1 - scale) * part.centre_ras
    turn, shift = np.eye(3), atlas.centre_ras - part.centre_ras
    if start is not None:
        rigid = start @ np.linalg.inv(sized)
        turn = rigid[:3, :3]
        shift = rigid[:3, :3] @ part.centre_ras + rigid[:3, 3] - part.centre_ras
    transform = sitk.VersorRigid3DTransform()
    transform.SetCenter(ras_from_lps_points(part.centre_ras).tolist())
    lps_from_ras = RAS_FROM_LPS[:3, :3]
    left, _, right = np.linalg.svd(turn)
    transform.SetMatrix((lps_from_ras @ left @ right @ lps_from_ras).ravel().tolist(), 1e-6)
    transform.SetTranslation(ras_from_lps_points(shift).tolist())
    for level, pixel_mm in enumerate(_PIXELS_MM):
        raised = _one_level(part, atlas, sized, pixel_mm, scale, transform, level, advance)
        if raised:
            raise raised[0]
    # ITK's map goes from fixed to moving: here from the slice to the atlas
    slice_from_atlas = to_parent_ras_from_resampling_lps(matrix_of_versor(transform))
    return np.linalg.inv(slice_from_atlas) @ sized


def _one_level(
    part: PreparedSlice,
    atlas: PreparedBrain,
    sized: np.ndarray,
    pixel_mm: float,
    scale: float,
    transform: sitk.VersorRigid3DTransform,
    level: int,
    advance: Callable[[float], None],
) -> list[Exception]:
    image, mask = part.level(pixel_mm / scale)
    # a similarity keeps the axes perpendicular, so the grid stays a grid
    geometry = image.geometry.moved(sized)
    registration = sitk.ImageRegistrationMethod()
    registration.SetMetricAsCorrelation()
    registration.SetMetricFixedMask(to_sitk(Volume((mask.values > 0.05).float(), geometry)) > 0.5)
    registration.SetInterpolator(sitk.sitkLinear)
    registration.SetOptimizerAsRegularStepGradientDescent(_FIRST_STEP_MM, _LAST_STEP_MM, _ITERATIONS)
    # a turn moves what lies at the brain's radius: ITK cannot derive this from a grid one voxel thick
    registration.SetOptimizerScales([(2 * atlas.radius_mm) ** 2] * 3 + [1.0] * 3)
    registration.SetInitialTransform(transform, inPlace=True)
    raised: list[Exception] = []

    def on_iteration() -> None:
        try:
            done = registration.GetOptimizerIteration() / _ITERATIONS
            advance(min((level + done) / len(_PIXELS_MM), 1.0))
        except Exception as err:
            raised.append(err)
            registration.StopRegistration()

    registration.AddCommand(sitk.sitkIterationEvent, on_iteration)
    try:
        with one_thread():
            registration.Execute(to_sitk(Volume(image.values, geometry)), to_sitk(atlas.level(pixel_mm)[0]))
    except RuntimeError as err:
        raise RegistrationError(
            "The slice and the atlas stopped overlapping while their correlation was maximized. "
            "Check the brain mask, or take the method 'auto'."
        ) from err
    return raised
