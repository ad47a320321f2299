"""Writing volumes to files."""

from pathlib import Path

import nrrd
import SimpleITK as sitk

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.geometry.frames import itk_of_ras_from_ijk
from DeepRegistrationLib.images.itk_image import from_sitk, to_sitk
from DeepRegistrationLib.images.volume import Volume

__all__ = ["from_sitk", "to_sitk", "write_nifti", "write_nrrd"]


def write_nrrd(volume: Volume, path: Path | str, compress: bool = True) -> None:
    """Writes a NRRD file in LPS, as Slicer does; positions keep all digits.

    Args:
        volume: any.
        path: .nrrd to be written.
        compress: gzip.

    Raises:
        RegistrationError: the file cannot be written.
    """
    origin_lps, spacing_mm, direction = itk_of_ras_from_ijk(volume.geometry.ras_from_ijk)
    header = {
        "space": "left-posterior-superior",
        "kinds": ["domain"] * 3,
        "space directions": (direction * spacing_mm).T,  # one row per axis, i first
        "space origin": origin_lps,
        "encoding": "gzip" if compress else "raw",
        "endian": "little",
    }
    values = volume.values.detach().cpu().numpy()
    try:
        # level 1: a third of the time of the default for files 5 % larger
        nrrd.write(str(path), values, header, index_order="C", compression_level=1)
    except OSError as err:
        raise _not_written(path, err.strerror or str(err)) from err


def write_nifti(volume: Volume, path: Path | str) -> None:
    """Writes a NIfTI file.

    NIfTI stores positions in float32: 1000 mm from the origin they are rounded to 0.00003 mm, 5000 mm away to
    0.0002.

    Args:
        volume: any.
        path: .nii or .nii.gz to be written.

    Raises:
        RegistrationError: the file cannot be written.
    """
    try:
        sitk.WriteImage(to_sitk(volume), str(path))
    except RuntimeError as err:
        raise _not_written(path, str(err).strip().splitlines()[-1]) from err


def _not_written(path: Path | str, reason: str) -> RegistrationError:
    return RegistrationError(
        f"'{Path(path).name}' cannot be written to '{Path(path).parent}' ({reason}). "
        "Check that the folder exists, that you may write there and that space is left."
    )
