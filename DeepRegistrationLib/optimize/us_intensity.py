"""Baseline: intensity-based rigid registration of each pair without a start, SimpleITK."""

from collections.abc import Callable

import numpy as np
import SimpleITK as sitk
import torch

from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion


def intensity_registration(
    pairs: FramePairs, advance: Callable[[float], None] = lambda fraction: None
) -> PairMotion:
    """Motions of pairs by gradient descent on the correlation, three levels, as ITK's examples set it up.

    Args:
        pairs: P pairs.
        advance: told the fraction of pairs done; raises to stop.

    Returns:
        Motions.
    """
    count, size = len(pairs), pairs.size
    mask = pairs.mask.expand(count, -1, -1, -1)
    angle, shift = np.zeros(count), np.zeros((count, 2))
    for index in range(count):
        advance(index / count)
        fixed, moving = (_image(images[index, 0]) for images in (pairs.fixed, pairs.moving))
        transform = sitk.Euler2DTransform()
        transform.SetCenter([(size - 1) / 2] * 2)
        registration = sitk.ImageRegistrationMethod()
        registration.SetMetricAsCorrelation()
        registration.SetMetricFixedMask(_image((mask[index, 0] > 0.5).to(torch.uint8)))
        registration.SetInterpolator(sitk.sitkLinear)
        registration.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 60)
        registration.SetOptimizerScalesFromPhysicalShift()
        registration.SetShrinkFactorsPerLevel([4, 2, 1])
        registration.SetSmoothingSigmasPerLevel([2, 1, 0])
        registration.SetInitialTransform(transform)
        try:
            registration.Execute(fixed, moving)
        except RuntimeError:
            # ITK gives up where nothing overlaps: the answer of a baseline is then no motion
            continue
        angle[index] = transform.GetAngle()
        shift[index] = np.array(transform.GetTranslation()) / size
    advance(1.0)
    like = pairs.moving
    return PairMotion(torch.as_tensor(angle).to(like), torch.as_tensor(shift).to(like))


def _image(values: torch.Tensor) -> sitk.Image:
    return sitk.GetImageFromArray(values.cpu().numpy())
