"""Coarser versions of radiographs and of the volume that is projected onto them."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.radiograph_refinement import RadiographLevel, RadiographView
from DeepRegistrationLib.projection.projector import ProjectionSettings
from DeepRegistrationLib.similarity.radiograph_measure import RadiographMeasure

# Samples lie in planes parallel to the detector. A whole voxel apart, they draw the cut faces of a CT as
# stairs that look alike whenever the CT is one step nearer: valleys along the depth, in which a refinement
# ends.
_STEP_VOXELS, _FINE_STEP_VOXELS = 1.0, 0.55

MakeMeasure = Callable[[torch.Tensor, torch.Tensor], RadiographMeasure]
"""Radiograph (rows, columns) and mask (rows, columns) bool -> measure."""


def reduction(radiograph: Radiograph, size_px: int) -> int:
    """Factor by which a radiograph is reduced so that its longer side has at most about `size_px` pixels."""
    return max(1, round(max(radiograph.camera.image_size_px) / size_px))


def make_level(
    components: Sequence[Volume],
    radiographs: Sequence[Radiograph],
    size_px: int,
    world_from_volume: np.ndarray,
    centre_ras: np.ndarray,
    measure: MakeMeasure,
    voxels_per_pixel: float = 1.0,
) -> RadiographLevel:
    """Volume and radiographs at one resolution, fine or coarse alike.

    Args:
        components: attenuation of each component on one grid; its resolution is the finest there is.
        radiographs: of the views, as they are.
        size_px: pixels along the longer side of the radiographs of this level.
        world_from_volume: (4, 4); start pose: tells how large a pixel is at the anatomy.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
        measure: how a radiograph is compared.
        voxels_per_pixel: voxels along the edge of a pixel at the anatomy; more are slower, and more exact.
    """
    views, pixels_mm = [], []
    for radiograph in radiographs:
        small = radiograph.reduced(reduction(radiograph, size_px))
        views.append(RadiographView(small.camera, measure(small.values, small.used())))
        pixels_mm.append(pixel_at_anatomy_mm(small, world_from_volume, centre_ras))
    spacing_mm = min(pixels_mm) / voxels_per_pixel
    finest_mm = components[0].geometry.spacing_mm
    if spacing_mm > 1.05 * finest_mm.min():
        components = [downsample(volume, np.maximum(finest_mm, spacing_mm)) for volume in components]
    step = _FINE_STEP_VOXELS if voxels_per_pixel > 1 else _STEP_VOXELS
    return RadiographLevel(
        values=torch.stack([volume.values for volume in components])[None].contiguous(),
        geometry=components[0].geometry,
        views=views,
        centre_ras=torch.from_numpy(np.array(centre_ras, dtype=np.float64)),
        projection=ProjectionSettings(step_mm=step * float(components[0].geometry.spacing_mm.min())),
    )


def pixel_at_anatomy_mm(
    radiograph: Radiograph, world_from_volume: np.ndarray, centre_ras: np.ndarray
) -> float:
    """Smaller edge of a pixel, scaled from the detector to the depth of the anatomy [mm]."""
    camera = radiograph.camera
    centre = world_from_volume[:3, :3] @ centre_ras + world_from_volume[:3, 3]
    _, depth = camera.project(centre[None])
    # an anatomy that starts behind the source is taken to be half way: it cannot be seen from there
    part = float(depth[0]) / camera.source_to_detector_mm
    part = part if part > 0 and math.isfinite(part) else 0.5
    return min(camera.pixel_spacing_mm) * min(part, 1.0)
