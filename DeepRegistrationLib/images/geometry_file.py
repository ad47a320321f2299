"""Geometry of a radiograph from a camera file (JSON) or a calibration of XMALab. Needs numpy only."""

from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.camera_file import read_camera
from DeepRegistrationLib.images.xmalab_camera import read_xmalab_camera


def read_geometry_file(path: Path | str, source_to_detector_mm: float | None = None) -> Camera:
    """Reads the camera that a file describes.

    Args:
        path: camera file (JSON), or calibration of XMALab (text).
        source_to_detector_mm: completes a calibration of XMALab, which does not hold it.

    Raises:
        InputError: the file cannot be used, or the distance is missing.
    """
    path = Path(path)
    if is_camera_file(path):
        return read_camera(path)
    if source_to_detector_mm is None:
        raise InputError(
            f"'{path.name}' is no camera file (JSON). If it is a calibration of XMALab, give also the "
            "distance from source to detector [mm], which such a file does not hold."
        )
    return read_xmalab_camera(path, source_to_detector_mm)


def is_camera_file(path: Path) -> bool:
    """True if a file looks like JSON: everything that a camera needs is in it."""
    return file_begins_with(path, b"{")


def file_begins_with(path: Path, start: bytes, at: int = 0) -> bool:
    """True if a file holds these bytes at a position; white space before the first one does not count."""
    try:
        with path.open("rb") as file:
            content = file.read(at + 256)[at:]
    except OSError as err:
        raise InputError(
            f"The geometry file '{path}' cannot be opened ({err.strerror}). Check the path."
        ) from err
    return (content if at else content.removeprefix(b"\xef\xbb\xbf").lstrip()).startswith(start)


def check_size(shape_px: tuple[int, int], camera: Camera, name: str) -> None:
    """Refuses an image that this camera did not take.

    Args:
        shape_px: rows, columns of the image.
        camera: source and detector.
        name: of the image, for the text.

    Raises:
        InputError: the camera's image has another size.
    """
    if shape_px == camera.shape_px:
        return
    remedy = "Give the camera of this image, with the image size and pixel spacing as they are in the file."
    if shape_px == camera.shape_px[::-1]:
        remedy = "Exchange columns and rows in the camera, or turn the image."
    raise InputError(
        f"The radiograph '{name}' has {size_in_words(shape_px[::-1])} pixels (columns x rows), its camera "
        f"{size_in_words(camera.image_size_px)}. {remedy}"
    )


def size_in_words(size_px: tuple[int, int]) -> str:
    """As "1024 x 768"."""
    return " x ".join(map(str, size_px))
