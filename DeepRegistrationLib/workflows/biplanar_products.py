"""What users get from a map: fields both ways, the atlas and its labels in the world, views of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.data.biplanar_atlas import BendableAtlas
from DeepRegistrationLib.geometry.affine_and_flow import AffineAndFlow
from DeepRegistrationLib.geometry.displacement import DisplacementField, moved_indices, warp_points
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.spline_grid import grid_over, spline_matrices
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.resample import warp
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.biplanar_objective import edge_correlation
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.labels import masked_volume, outline, silhouette
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.biplanar_methods import FoundShape
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs, BiplanarView
from DeepRegistrationLib.workflows.biplanar_targets import (
    attenuation_step,
    shadow_of_ends,
    where_shadows_count,
)

_FIELDS_MM = (2.0, 1.4)
"""Voxels of the saved fields. Both are interpolated linearly between voxels: the finer, the better one undoes
the other. The finer ones are taken where a point of the bone would come back further off than this:"""
_ROUND_TRIP_MM = 0.09
_POLISHING = 3
_MARGIN_MM = 12.0
_OUTSIDE_HU = -1000.0


@dataclass(frozen=True, eq=False)
class BentAtlas:
    """The map at work.

    Attributes:
        deformation: world -> atlas on a grid of the world.
        inverse: atlas -> world on a grid of the atlas.
        warped: the atlas in the world [HU].
        labels: its labels there.
        world_from_atlas: (4, 4) float64; the affine part.
    """

    deformation: DisplacementField
    inverse: DisplacementField
    warped: Volume
    labels: Volume
    world_from_atlas: np.ndarray


def bend_atlas(atlas: BendableAtlas, found: FoundShape) -> BentAtlas:
    """Applies what was found.

    The inverse is computed first: it begins on the atlas's own grid. The way there is its exact inverse.

    Args:
        atlas: prepared.
        found: numbers and their meaning.
    """
    with torch.no_grad():
        numbers = found.fit.numbers
        world_from_atlas = np.linalg.inv(found.bent.atlas_from_world(numbers).numpy())
        frame = atlas.labels.geometry.moved(found.start)
        for spacing_mm in _FIELDS_MM:
            grid = atlas.grid(spacing_mm, border=2)
            velocity = found.bent.velocity(numbers, spline_matrices(found.bent.model.control, grid))
            back = AffineAndFlow(world_from_atlas, -velocity, grid)
            inverse = back.field()
            around = _around(atlas, inverse, frame, spacing_mm)
            deformation = _undoing(back.inverse(around), inverse, world_from_atlas)
            fine = _around(atlas, inverse, frame, float(atlas.labels.geometry.spacing_mm.min()))
            on_fine = back.inverse(fine)
            labels = warped_labels(atlas.labels, on_fine)
            if round_trip_mm(deformation, inverse, labels) < _ROUND_TRIP_MM:
                break
        warped = warp(atlas.ct, on_fine, outside=_OUTSIDE_HU)
        return BentAtlas(deformation, inverse, warped, labels, world_from_atlas)


def round_trip_mm(deformation: DisplacementField, inverse: DisplacementField, labels: Volume) -> float:
    """Largest distance of a point of the bone from itself, to the atlas and back by both maps [mm].

    Args:
        deformation: world -> atlas.
        inverse: atlas -> world.
        labels: of the bone in the world.
    """
    kji = torch.nonzero(labels.values != 0)[::17]
    matrix = torch.from_numpy(labels.geometry.ras_from_ijk)
    world = kji.flip(-1).double() @ matrix[:3, :3].T + matrix[:3, 3]
    back = warp_points(inverse, warp_points(deformation, world))
    return float((back - world).norm(dim=-1).max())


def warped_labels(labels: Volume, field: DisplacementField) -> Volume:
    """Labels where a field sends each voxel: the label with the largest interpolated share.

    Smoother than the nearest voxel, whose steps a finer grid would show.

    Args:
        labels: integers; 0 is background.
        field: fixed -> moving.

    Returns:
        Volume on the field's grid, of the type of the labels.
    """
    ijk = moved_indices(field, labels.geometry)[None]
    bone = sample((labels.values != 0).float()[None, None], ijk)[0, 0]
    found = torch.zeros(field.geometry.shape_kji, dtype=labels.values.dtype)
    best = torch.zeros_like(bone)
    for value in torch.unique(labels.values).tolist():
        if value == 0:
            continue
        share = sample((labels.values == value).float()[None, None], ijk)[0, 0]
        larger = (share > best) & (bone > 0.5)
        found = torch.where(larger, torch.full_like(found, value), found)
        best = torch.maximum(best, share)
    return Volume(found, field.geometry, labels.name)


def make_views(
    inputs: BiplanarInputs,
    atlas: BendableAtlas,
    bent: BentAtlas,
    found: FoundShape,
    keep_going: Callable[[], None],
) -> tuple[BiplanarView, ...]:
    """Each radiograph beside what the atlas shows there, before and after."""
    start_bone = _bone(atlas.ct, atlas.labels)
    bone = _bone(bent.warped, bent.labels)
    views = []
    with torch.no_grad():
        images = found.fit.objective.images(
            found.fit.numbers, found.fit.objective.displacement(found.fit.numbers)
        )
    for number, (radiograph, shadow) in enumerate(zip(inputs.radiographs, found.shadows, strict=True)):
        correction = found.bent.view_from_world(found.fit.numbers, number).detach().numpy()
        camera = radiograph.camera
        shapes = [
            silhouette(labels, camera, pose, None, attenuation_step(labels.geometry)).cpu()
            for labels, pose in ((bent.labels, correction), (atlas.labels, inputs.start))
        ]
        given = inputs.shadows[number]
        views.append(
            BiplanarView(
                radiograph=radiograph,
                shadow=shadow,
                shadow_given=given is not None,
                camera_correction=correction,
                drr=project_volume(bone, camera, correction, attenuation_step(bone.geometry)).float().cpu(),
                drr_start=project_volume(start_bone, camera, inputs.start, attenuation_step(bone.geometry))
                .float()
                .cpu(),
                outline=shapes[0],
                outline_start=shapes[1],
                edges=float(edge_correlation(images[number][0], found.fit.objective.targets[number])),
                distance_mm=_outline_distance(
                    radiograph,
                    shapes[0],
                    given,
                    shadow_of_ends(radiograph, atlas.ends, found.start),
                    bent,
                    correction,
                ),
            )
        )
        keep_going()
    return tuple(views)


def _undoing(
    deformation: DisplacementField, inverse: DisplacementField, world_from_atlas: np.ndarray
) -> DisplacementField:
    """The way to the atlas, so that the saved way back ends at each voxel where it began."""
    geometry = deformation.geometry
    atlas_from_world = torch.from_numpy(np.linalg.inv(world_from_atlas)[:3, :3])
    world = affine_grid(geometry.ras_from_ijk, geometry.shape_kji)
    vectors = deformation.vectors.double()
    for _ in range(_POLISHING):
        missing = warp_points(inverse, world + vectors) - world
        vectors = vectors - missing @ atlas_from_world.T
    return DisplacementField(vectors.to(deformation.vectors), geometry)


def _around(
    atlas: BendableAtlas, inverse: DisplacementField, frame: VolumeGeometry, spacing_mm: float
) -> VolumeGeometry:
    """A grid in the world over the bent bone, along the axes of the atlas as it stood at the start."""
    kji = torch.nonzero(atlas.labels.values != 0)[::53]
    ras = kji.flip(-1).double() @ torch.from_numpy(atlas.labels.geometry.ras_from_ijk[:3, :3].T.copy())
    ras = ras + torch.from_numpy(atlas.labels.geometry.ras_from_ijk[:3, 3].copy())
    world = warp_points(inverse, ras).numpy()
    ijk = world @ frame.ijk_from_ras[:3, :3].T + frame.ijk_from_ras[:3, 3]
    margin = _MARGIN_MM / frame.spacing_mm
    return grid_over(frame, ijk.min(0) - margin, ijk.max(0) + margin, spacing_mm)


def _bone(ct: Volume, labels: Volume) -> Volume:
    return masked_volume(ct.with_values(attenuation_from_hu(ct.values.float())), labels)


def _outline_distance(
    radiograph: Radiograph,
    found: torch.Tensor,
    given: torch.Tensor | None,
    ends: torch.Tensor,
    bent: BentAtlas,
    correction: np.ndarray,
) -> float:
    """Mean distance of two shadows' outlines, both ways, at the bone [mm]; NaN if none was given."""
    if given is None:
        return float("nan")
    used = where_shadows_count(radiograph, given).cpu() & ~ends
    lines = [(outline(shape.cpu()) & used).numpy() for shape in (found, given)]
    if not lines[0].any() or not lines[1].any():
        return float("nan")
    camera = radiograph.camera
    sampling = camera.pixel_spacing_mm[::-1]
    there, back = (ndimage.distance_transform_edt(~lines[1 - n], sampling)[lines[n]].mean() for n in range(2))
    middle = correction[:3, :3] @ bent.labels.geometry.centre_ras + correction[:3, 3]
    return float((there + back) / 2) * float(camera.project(middle)[1]) / camera.source_to_detector_mm
