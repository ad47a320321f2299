"""Radiographs with their cameras, as the jobs that register to them read them."""

from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from DeepRegistrationLib.images.dicom_camera import KnownGeometry
from DeepRegistrationLib.images.geometry_file import is_camera_file
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.radiograph_camera import radiograph_camera
from DeepRegistrationLib.images.radiograph_intensity import attenuation_from_stored
from DeepRegistrationLib.images.read_radiograph import read_radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.checks import of_view
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity
from DeepRegistrationLib.results import folder as names


class RadiographFiles(Protocol):
    """What the files of such a job have in common; see `XrayCtFiles`."""

    xrays: tuple[Path, ...]
    geometries: tuple[Path | None, ...]
    frames: tuple[int | None, ...]
    source_to_detector_mm: float | None


def read_radiographs(
    files: RadiographFiles, ct: Volume, start: np.ndarray, polarity: XrayPolarity
) -> tuple[tuple[Radiograph, ...], tuple[str, ...]]:
    """Reads the radiographs of all views.

    Args:
        files: radiographs and where their geometry is written.
        ct: what is registered to them. No DICOM tag tells where the isocentre is; the middle of it is a
            start for the search.
        start: (4, 4) world_from_ct, float64, at the start [mm, RAS].
        polarity: how bone looks in the files.

    Returns:
        The radiographs, and sentences, each once, about what had to be assumed.

    Raises:
        InputError: an image or a geometry that cannot be used.
    """
    isocentre = tuple((start[:3, :3] @ ct.geometry.centre_ras + start[:3, 3]).tolist())
    known = KnownGeometry(source_to_detector_mm=files.source_to_detector_mm)
    read = []
    for view, path in enumerate(files.xrays):
        geometry = of_view(files.geometries, view)
        stamps = (stamp(path), stamp(geometry) if geometry is not None else None)
        # the isocentre counts only where no camera file tells all
        middle = isocentre if geometry is None or not is_camera_file(geometry) else None
        frame = of_view(files.frames, view)
        read.append(_radiograph(path, geometry, stamps, frame, middle, known, polarity))
    notes = tuple(dict.fromkeys(note for _, about in read for note in about))
    return tuple(radiograph for radiograph, _ in read), notes


def radiographs_used(files: RadiographFiles) -> dict[str, Path]:
    """Files of radiographs and cameras by their roles: xray, geometry, xray2, and so on."""
    used = {}
    for view, path in enumerate(files.xrays):
        used[names.numbered("xray", view)] = path
        geometry = of_view(files.geometries, view)
        if geometry is not None:
            used[names.numbered("geometry", view)] = geometry
    return used


def stamp(path: Path) -> tuple[int, int]:
    """Changes when a file is written anew; of a file that is not there, nothing."""
    if not path.exists():
        return (0, 0)
    status = path.stat()
    return (status.st_mtime_ns, status.st_size)


# what was read stays for the next job: a preview, and the registration after it, begin at once
@lru_cache(maxsize=4)
def _radiograph(
    path: Path,
    geometry: Path | None,
    stamps: tuple[tuple[int, int], tuple[int, int] | None],
    frame: int | None,
    isocentre_ras: tuple[float, float, float] | None,
    known: KnownGeometry,
    polarity: XrayPolarity,
) -> tuple[Radiograph, tuple[str, ...]]:
    stored = read_radiograph(path, frame)
    middle = np.array(isocentre_ras) if isocentre_ras is not None else None
    camera, about_camera = radiograph_camera(stored, geometry, middle, known)
    radiograph, about_values = attenuation_from_stored(stored, camera, polarity)
    return radiograph, (*stored.notes, *about_camera, *about_values)
