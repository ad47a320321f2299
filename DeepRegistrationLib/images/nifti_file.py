"""NIfTI files: position from ITK, voxels from the file itself.

Found in ITK 5.4 and the reason for this file: it fills the missing part of a truncated file with zeros, and
replaces NaN by zero, without a word; it refuses an `sform` whose axes are 1e-4 away from perpendicular, as
registration programs write it, and its permissive mode transposes the directions.
"""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.frames import check_axes, ras_from_ijk_of_itk
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.checks import check_shape, several_values_per_voxel
from DeepRegistrationLib.images.itk_image import tensor_of_array
from DeepRegistrationLib.images.volume import Volume

# codes of the header, and the types with one number per voxel behind them
_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """The part of a NIfTI-1 header that is needed here.

    Attributes:
        shape_kji: size of the array; more than three entries for a series.
        type_code: of the voxels.
        byte_order: "<" or ">".
        voxels_at: offset of the first voxel in the uncompressed file.
        slope: value = slope * stored + intercept; 0 stands for 1, as in ITK.
        intercept: see `slope`.
        sform: (4, 4) float64; RAS from ijk [mm]. None without one.
    """

    shape_kji: tuple[int, ...]
    type_code: int
    byte_order: str
    voxels_at: int
    slope: float
    intercept: float
    sform: np.ndarray | None


def is_nifti(path: Path) -> bool:
    """True if the name is one of a single-file NIfTI image."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def read_nifti(path: Path, name: str, labels: bool) -> Volume | None:
    """Reads a .nii or .nii.gz file with one 3D volume.

    Args:
        path: the file; need not be compressed as its name says.
        name: of the volume.
        labels: integers are wanted.

    Returns:
        Volume; int32 for labels, else float32. None if the file is no single-file NIfTI inside.

    Raises:
        InputError: damaged, not 3D, not one number per voxel, or sheared.
    """
    header = _header(_content(path, 348), path)
    if header is None:
        return None
    if len(header.shape_kji) == 5 and header.shape_kji[1] == 1:
        raise several_values_per_voxel(name, header.shape_kji[0])
    check_shape(header.shape_kji, name)
    if header.type_code not in _TYPES:
        raise InputError(
            f"'{name}' stores colour, complex numbers or another type with more than one simple number per "
            "voxel "
            f"(NIfTI type {header.type_code}). Convert it to a grey image first."
        )
    # voxels first: what is wrong with a damaged file is said better here than by ITK
    values = tensor_of_array(_voxels(path, header), name, labels)
    return Volume(values, _geometry(path, header, name), name)


def _header(start: bytes, path: Path) -> NiftiHeader | None:
    for order in "<>":
        length = struct.unpack_from(order + "i", start)[0] if len(start) >= 348 else 0
        if length == 540 and start[4:7] == b"n+2":
            raise InputError(
                f"'{path.name}' is a NIfTI-2 file, which neither ITK nor Slicer reads. Save it as NIfTI-1 "
                "or NRRD."
            )
        if length == 348 and start[344:347] == b"n+1":
            break
    else:
        return None
    dims = struct.unpack_from(order + "8h", start, 40)
    voxels_at, slope, intercept = struct.unpack_from(order + "3f", start, 108)
    rows = np.array(struct.unpack_from(order + "12f", start, 280), dtype=np.float64).reshape(3, 4)
    size = list(dims[1 : 1 + dims[0]])
    while len(size) > 3 and size[-1] == 1:
        size.pop()  # one volume stored as a series of one
    return NiftiHeader(
        shape_kji=tuple(size[::-1]),
        type_code=struct.unpack_from(order + "h", start, 70)[0],
        byte_order=order,
        voxels_at=int(voxels_at),
        slope=slope,
        intercept=intercept,
        sform=np.vstack([rows, [0, 0, 0, 1]]) if struct.unpack_from(order + "h", start, 254)[0] > 0 else None,
    )


def _geometry(path: Path, header: NiftiHeader, name: str) -> VolumeGeometry:
    """ITK's choice between `sform` and `qform`, so that the image lies where Slicer shows it."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NiftiImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError as err:
        if header.sform is None or "orthonormal" not in str(err):
            raise
        return VolumeGeometry(header.shape_kji, _perpendicular(header.sform, name))
    origin, spacing, direction = reader.GetOrigin(), reader.GetSpacing(), np.array(reader.GetDirection())
    dimension = reader.GetDimension()
    direction = direction.reshape(dimension, dimension)[:3, :3]
    return VolumeGeometry(header.shape_kji, ras_from_ijk_of_itk(origin[:3], spacing[:3], direction, name))


def _perpendicular(sform: np.ndarray, name: str) -> np.ndarray:
    """The nearest grid without shear; voxel sizes and the position of voxel (0, 0, 0) stay."""
    check_axes(sform, name)
    spacing_mm = np.linalg.norm(sform[:3, :3], axis=0)
    left, _, right = np.linalg.svd(sform[:3, :3] / spacing_mm)
    matrix = sform.copy()
    matrix[:3, :3] = left @ right * spacing_mm
    return matrix


def _voxels(path: Path, header: NiftiHeader) -> np.ndarray:
    """(K, J, I) in the stored type, or float64 if the header scales."""
    number = np.dtype(header.byte_order + _TYPES[header.type_code])
    count = int(np.prod(header.shape_kji))
    content = _content(path)
    if len(content) < header.voxels_at + count * number.itemsize:
        raise _damaged(path)
    array = np.frombuffer(content, number, count, header.voxels_at).reshape(header.shape_kji)
    slope = header.slope or 1.0
    if (slope, header.intercept) == (1.0, 0.0):
        return array
    return array * np.float64(slope) + header.intercept


def _content(path: Path, first_bytes: int | None = None) -> bytes:
    """The uncompressed file, or its beginning.

    Raises:
        InputError: the compressed data end too early or their checksum is wrong.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not compressed:
            return file.read(first_bytes)
        try:
            if first_bytes is None:
                return gzip.decompress(file.read())
            return gzip.GzipFile(fileobj=file).read(first_bytes)
        except (EOFError, zlib.error, gzip.BadGzipFile) as err:
            raise _damaged(path) from err


def _damaged(path: Path) -> InputError:
    return InputError(
        f"'{path.name}' is damaged or incomplete: its voxels cannot be read to the end "
        f"({path.stat().st_size} bytes found). Copy or download it again."
    )
