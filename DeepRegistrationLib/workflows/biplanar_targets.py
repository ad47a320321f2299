"""Radiographs at the resolution of a level, and where the bone's shadow is if nobody has marked it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.biplanar_objective import BiplanarTarget
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.projection.projector import ProjectionSettings

_AROUND_MM = 8.0
"""A proposed shadow is that of the atlas, larger by this much at the bone on all sides [mm]: edges of the
bone lie within it until the shape is found."""
_LEAST_SEEN = 0.3
_CUT_OUT = 0.2
"""A radiograph is cut out along the shadow if less than this share of the pixels around it may be used."""
_END_REACH_MM = 6.0
_BORDER = 0.15
"""Of the length of a bone's shadow, around it: so far a wrong shape may reach and is seen to be wrong."""


def make_target(
    radiograph: Radiograph,
    shadow: torch.Tensor | None,
    region: torch.Tensor,
    ends: torch.Tensor | None,
    pixels: int,
) -> BiplanarTarget:
    """One radiograph at one level.

    Args:
        radiograph: attenuation.
        shadow: (rows, columns) bool; of the bone; None if it was not given.
        region: (rows, columns) bool; where edges are compared.
        ends: (rows, columns) bool; where a shadow may end because an image was cut; None for nowhere.
        pixels: wanted along the longer edge of the part that shows the bone; blocks of whole pixels are
            averaged.
    """
    first, size = _part_around(region if shadow is None else region | shadow.to(region.device))
    radiograph = radiograph.cropped(first, size)
    cut = slice(first[1], first[1] + size[1]), slice(first[0], first[0] + size[0])
    region = region[cut]
    shadow = None if shadow is None else shadow[cut]
    ends = None if ends is None else ends[cut]
    factor = max(1, round(max(radiograph.camera.image_size_px) / pixels))
    whole = replace(radiograph, mask=None)
    small = whole.reduced(factor)
    used = _reduced(radiograph.used(), factor) > 0.999
    compared = used if shadow is None else _reduced(where_shadows_count(radiograph, shadow), factor) > 0.999
    if ends is not None:
        compared = compared & (_reduced(ends, factor) == 0)
    return BiplanarTarget(
        small.camera,
        small.values.float(),
        None if shadow is None else _reduced(shadow, factor),
        (_reduced(region, factor) > 0.999) & used,
        compared,
    )


def where_shadows_count(radiograph: Radiograph, shadow: torch.Tensor) -> torch.Tensor:
    """(rows, columns) bool; pixels of which it is known whether they lie in the bone's shadow.

    A radiograph that was cut out along its mask has nothing around it, but one knows that no bone is there. A
    collimator hides bone and all.

    Args:
        radiograph: with its field.
        shadow: (rows, columns) bool; of the bone.
    """
    used = radiograph.used()
    around = dilated(shadow, (2, 2)) & ~shadow
    cut_out = float(used[around].float().mean()) < _CUT_OUT if bool(around.any()) else False
    return torch.ones_like(used) if cut_out else used


def proposed_shadow(radiograph: Radiograph, labels: Volume, world_from_labels: np.ndarray) -> torch.Tensor:
    """(rows, columns) bool; shadow of labelled bone, with a margin.

    Args:
        radiograph: tells the camera.
        labels: of the bone.
        world_from_labels: (4, 4); rigid or affine; where they stand.

    Raises:
        InputError: the bone throws no shadow on this radiograph.
    """
    shape = _shape(labels, radiograph, world_from_labels)
    if not bool(shape.any()):
        raise InputError(
            f"The atlas throws no shadow on the radiograph '{radiograph.name}'. Check the geometry, or give "
            "a start pose that puts the atlas before the detector."
        )
    return dilated(shape, _reach_px(_AROUND_MM, labels, radiograph, world_from_labels))


def shadow_of_ends(
    radiograph: Radiograph, ends: Volume | None, world_from_labels: np.ndarray
) -> torch.Tensor:
    """(rows, columns) bool; where the bone may end because an image was cut, with a margin.

    Args:
        radiograph: tells the camera.
        ends: of `BendableAtlas`; None where nothing was cut.
        world_from_labels: (4, 4); rigid or affine; where they stand.
    """
    if ends is None:
        return torch.zeros(radiograph.camera.shape_px, dtype=torch.bool)
    shape = _shape(ends, radiograph, world_from_labels)
    return dilated(shape, _reach_px(_END_REACH_MM, ends, radiograph, world_from_labels))


def dilated(shape: torch.Tensor, reach_px: Sequence[int]) -> torch.Tensor:
    """A shape (rows, columns) bool, larger by so many rows and columns at each side."""
    rows, columns = reach_px
    larger = shape[None, None].float()
    # one axis after the other: on a large detector the reach is a hundred pixels
    larger = F.max_pool2d(larger, (2 * rows + 1, 1), stride=1, padding=(rows, 0))
    larger = F.max_pool2d(larger, (1, 2 * columns + 1), stride=1, padding=(0, columns))
    return larger[0, 0] > 0


def check_seen(radiograph: Radiograph, labels: Volume, world_from_labels: np.ndarray) -> None:
    """Refuses a start at which the radiograph shows next to nothing of the atlas.

    Raises:
        InputError: less than a third of the bone is before the detector.
    """
    points = torch.nonzero(labels.values)[::97].flip(-1).double().cpu().numpy()
    matrix = world_from_labels @ labels.geometry.ras_from_ijk
    pixels, _ = radiograph.camera.project(points @ matrix[:3, :3].T + matrix[:3, 3])
    size = np.array(radiograph.camera.image_size_px)
    seen = float(((pixels > -0.5) & (pixels < size - 0.5)).all(-1).mean())  # NaN behind the source is unseen
    if seen < _LEAST_SEEN:
        raise InputError(
            f"The radiograph '{radiograph.name}' shows {100 * seen:.0f} % of the atlas where it stands at "
            "the start. Check the geometry, or give a start pose that puts the atlas before the detector."
        )


def attenuation_step(geometry: VolumeGeometry) -> ProjectionSettings:
    """Sampling for pictures: about one step per voxel."""
    return ProjectionSettings(step_mm=float(geometry.spacing_mm.mean()))


def _shape(labels: Volume, radiograph: Radiograph, world_from_labels: np.ndarray) -> torch.Tensor:
    settings = ProjectionSettings(step_mm=1.5 * float(labels.geometry.spacing_mm.min()))
    return silhouette(labels, radiograph.camera, world_from_labels, None, settings).cpu()


def _reach_px(
    reach_mm: float, labels: Volume, radiograph: Radiograph, world_from_labels: np.ndarray
) -> list[int]:
    """Rows and columns of a distance at the bone."""
    camera = radiograph.camera
    middle = world_from_labels[:3, :3] @ labels.geometry.centre_ras + world_from_labels[:3, 3]
    magnified = camera.source_to_detector_mm / float(camera.project(middle)[1])
    return [max(1, round(reach_mm * magnified / spacing)) for spacing in camera.pixel_spacing_mm[::-1]]


def _part_around(shape: torch.Tensor) -> tuple[tuple[int, int], tuple[int, int]]:
    """First column and row, columns and rows of the part that shows a shape (rows, columns), with a border.

    A wrist on a large detector is so seen as finely as a hip that fills it.
    """
    seen = torch.nonzero(shape).cpu()
    if not len(seen):
        return (0, 0), (shape.shape[1], shape.shape[0])
    low, high = seen.amin(0), seen.amax(0) + 1
    border = int(_BORDER * int((high - low).max())) + 2
    low = (low - border).clamp(min=0).tolist()
    high = torch.minimum(high + border, torch.tensor(shape.shape)).tolist()
    return (low[1], low[0]), (high[1] - low[1], high[0] - low[0])


def _reduced(shape: torch.Tensor, factor: int) -> torch.Tensor:
    """(rows, columns) float32; part of each block that is True."""
    return F.avg_pool2d(shape[None, None].float(), factor)[0, 0]
