"""All bones of a moment in one picture: they should lie side by side, their ends level."""

from collections.abc import Mapping, Sequence

import numpy as np

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.labels import outline, silhouette
from DeepRegistrationLib.report.radiograph_panels import draw_labelled, grey, resized, with_lines

COLOURS = ((1.0, 0.71, 0.33), (0.50, 0.90, 0.40), (0.45, 0.75, 1.0))
_HALF_MM, _PANEL_PX = 65.0, 320


def moment_picture(
    radiographs: Sequence[Radiograph], bones: Mapping[str, tuple[Volume, np.ndarray]]
) -> bytes:
    """Each radiograph plain, and with the outlines of the bones.

    Args:
        radiographs: of one moment.
        bones: name -> label and pose, world from bone (4, 4); at most three.

    Returns:
        PNG.
    """
    middle = np.mean([pose[:3, 3] for _, pose in bones.values()], axis=0)
    names = ", ".join(bones)
    plain, outlined = [], []
    for number, radiograph in enumerate(radiographs, 1):
        part = _square_around(radiograph, middle)
        camera = part.camera.resized((_PANEL_PX, _PANEL_PX))
        used = resized(part.used().float(), camera.image_size_px) > 0.99
        picture = grey(resized(part.values, camera.image_size_px), used) * np.where(used, 1.0, 0.35)
        plain.append((f"view {number}", picture))
        for (label, pose), colour in zip(bones.values(), COLOURS, strict=False):
            picture = with_lines(picture, outline(silhouette(label, camera, pose)).numpy(), colour)
        outlined.append((names, picture))
    return draw_labelled([plain, outlined])


def _square_around(radiograph: Radiograph, point_ras: np.ndarray) -> Radiograph:
    """A square part about the shadow of a point, moved where it would reach beyond the radiograph."""
    camera = radiograph.camera
    shadow, depth_mm = camera.project(point_ras)
    size = np.array(camera.image_size_px)
    half = min(round(_HALF_MM * camera.focal_length_px[0] / float(depth_mm)), int(size.min()) // 2)
    left, top = np.clip(np.round(shadow).astype(int) - half, 0, size - 2 * half).tolist()
    return radiograph.cropped((left, top), (2 * half, 2 * half))
