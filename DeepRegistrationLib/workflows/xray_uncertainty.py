"""How sure a pose is in each direction, from the curvature of the similarity."""

import numpy as np
import torch

from DeepRegistrationLib.optimize.radiograph_refinement import RadiographLevel, twist_frames
from DeepRegistrationLib.workflows.xray_result import PoseUncertainty

# What is left of a radiograph is structured: about this many pixels count as one. Set on the CTs for tuning,
# so that errors and standard deviations have the same size.
_PIXELS_PER_SAMPLE = 300.0


def pose_uncertainty(level: RadiographLevel, pose: torch.Tensor) -> PoseUncertainty:
    """Standard deviations of a pose that a measure has converged to.

    Args:
        level: the last one; its measure is least squares of what is left unexplained.
        pose: (4, 4) float64; world from volume.
    """
    fit = level.fit(pose[None])
    pixels = sum(view.camera.image_size_px[0] * view.camera.image_size_px[1] for view in level.views)
    samples = pixels / _PIXELS_PER_SAMPLE
    # the mean over the views is minimized: each view has its share of the samples
    unexplained = (1 - fit.similarity[0]).clamp(min=1e-6)
    hessian = fit.hessian[0]
    unit = torch.diagonal(hessian).clamp(min=1e-12).sqrt()
    inverse = torch.linalg.inv(hessian / unit[:, None] / unit + 1e-6 * torch.eye(6).to(hessian))
    covariance = unexplained / samples * inverse / unit[:, None] / unit
    # from the twist frame, which looks along the ray through the anatomy, to the axes of the camera
    camera = level.views[0].camera
    axes = twist_frames(pose[None], level.centre_ras, camera)[0, :3, :3].numpy()
    turn = camera.camera_from_world[:3, :3] @ axes
    both = np.kron(np.eye(2), turn)
    deviations = np.sqrt(np.diag(both @ covariance.numpy() @ both.T))
    turns_deg, shifts_mm = np.degrees(deviations[:3]).tolist(), deviations[3:].tolist()
    return PoseUncertainty(*shifts_mm, *turns_deg)
