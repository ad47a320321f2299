"""NRRD files through pynrrd."""

from pathlib import Path

import nrrd
import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.frames import RAS_SIGNS_OF_SPACE, check_axes
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.checks import check_shape
from DeepRegistrationLib.images.itk_image import tensor_of_array
from DeepRegistrationLib.images.volume import Volume

_LENGTH_UNITS = {"", "mm", "millimeter", "millimeters", "millimetre", "millimetres"}


def read_nrrd(path: Path, name: str, labels: bool) -> Volume:
    """Reads a .nrrd or .nhdr file with one 3D volume.

    Args:
        path: the file.
        name: of the volume.
        labels: integers are wanted.

    Returns:
        Volume; int32 for labels, else float32.

    Raises:
        InputError: damaged, not 3D, or in a space or unit that is not known.
    """
    try:
        with path.open("rb") as file:
            header = nrrd.read_header(file)
            check_shape(tuple(int(n) for n in header.get("sizes", ()))[::-1], name)
            # for a detached header pynrrd finds the data file beside `path`
            array = nrrd.read_data(header, file, str(path), index_order="C")
    except InputError:
        raise
    except (nrrd.NRRDError, OSError, EOFError, ValueError, KeyError, IndexError, AssertionError) as err:
        raise InputError(
            f"'{path.name}' cannot be read as NRRD; it is damaged or incomplete ({_first_line(err)}). "
            "Copy, download or export it again."
        ) from err
    return Volume(
        tensor_of_array(array, name, labels), VolumeGeometry(array.shape, _ras_from_ijk(header, name)), name
    )


def _ras_from_ijk(header: dict, name: str) -> np.ndarray:
    # a file that names no space is taken as LPS, as ITK does
    space = str(header.get("space", "left-posterior-superior")).lower()
    if space not in RAS_SIGNS_OF_SPACE:
        raise InputError(
            f"'{name}' is stored in the space '{space}'; known are left-posterior-superior, "
            "right-anterior-superior and left-anterior-superior. Export it again from Slicer."
        )
    units = {str(unit).strip().lower() for unit in header.get("space units", ())}
    if not units <= _LENGTH_UNITS:
        raise InputError(
            f"'{name}' is stored in {', '.join(sorted(units))}; positions must be in mm. "
            "Export it again from Slicer."
        )
    if "space directions" in header:
        # pynrrd: one row per axis of the file, first axis fastest
        columns = np.array(header["space directions"], dtype=np.float64).T
    else:
        columns = np.diag(np.array(header.get("spacings", (1.0, 1.0, 1.0)), dtype=np.float64))
    origin = np.array(header.get("space origin", (0.0, 0.0, 0.0)), dtype=np.float64)
    if columns.shape != (3, 3) or origin.shape != (3,):
        raise InputError(
            f"The header of '{name}' does not tell where the image lies: three directions and an origin of "
            "three numbers each are needed. Correct it, or export the image again from its source."
        )
    matrix = np.eye(4)
    signs = np.array(RAS_SIGNS_OF_SPACE[space], dtype=np.float64)
    matrix[:3, :3] = signs[:, None] * columns
    matrix[:3, 3] = signs * origin
    check_axes(matrix, name)
    return matrix


def _first_line(err: Exception) -> str:
    return (str(err).strip() or type(err).__name__).splitlines()[0].rstrip(".")
