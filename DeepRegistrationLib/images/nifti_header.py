"""What ITK does not check in a NIfTI file: is it complete, and are its axes perpendicular.

ITK 5.4 fills the missing part of a truncated file with zeros without a word. It refuses an `sform` whose axes
are 1e-4 away from perpendicular, as scanners and registration programs write it; its permissive mode accepts
that but transposes the directions. So the header is read here as well.
"""

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.frames import check_axes


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """The part of a NIfTI-1 or NIfTI-2 header that is needed here.

    Attributes:
        size_bytes: length that the uncompressed file must have.
        ras_from_ijk: (4, 4) float64 of the `sform`; None without one.
        form_codes_at: offset of the two form codes in the file.
        form_code_bytes: length of each code.
    """

    size_bytes: int
    ras_from_ijk: np.ndarray | None
    form_codes_at: int
    form_code_bytes: int


def read_nifti_header(path: Path) -> NiftiHeader | None:
    """Reads the header of a single-file NIfTI image.

    Args:
        path: .nii or .nii.gz.

    Returns:
        The header; None if the file is no single-file NIfTI (ITK then says what it is).

    Raises:
        InputError: the file ends within the header.
    """
    with _open(path) as file:
        try:
            start = file.read(540)
        except (EOFError, zlib.error, gzip.BadGzipFile) as err:
            raise damaged(path) from err
    for order in "<>":
        length = struct.unpack_from(order + "i", start)[0] if len(start) >= 4 else 0
        if length == 348 and len(start) >= 348 and start[344:347] == b"n+1":
            dims = struct.unpack_from(order + "8h", start, 40)
            bits = struct.unpack_from(order + "h", start, 72)
            offset = int(struct.unpack_from(order + "f", start, 108)[0])
            codes = struct.unpack_from(order + "2h", start, 252)
            rows = struct.unpack_from(order + "12f", start, 280)
            codes_at, code_bytes = 252, 2
        elif length == 540 and len(start) >= 540 and start[4:7] == b"n+2":
            dims = struct.unpack_from(order + "8q", start, 16)
            bits = struct.unpack_from(order + "h", start, 14)
            offset = struct.unpack_from(order + "q", start, 168)[0]
            codes = struct.unpack_from(order + "2i", start, 344)
            rows = struct.unpack_from(order + "12d", start, 400)
            codes_at, code_bytes = 344, 4
        else:
            continue
        voxels = int(np.prod([max(n, 1) for n in dims[1 : 1 + dims[0]]], dtype=np.int64))
        matrix = np.vstack([np.array(rows, dtype=np.float64).reshape(3, 4), [0, 0, 0, 1]])
        return NiftiHeader(
            offset + voxels * bits[0] // 8, matrix if codes[1] > 0 else None, codes_at, code_bytes
        )
    return None


def check_complete(path: Path, header: NiftiHeader) -> None:
    """Refuses a file that is shorter than its header says.

    Args:
        path: .nii or .nii.gz.
        header: of this file.

    Raises:
        InputError: the file is truncated or its compression is damaged.
    """
    if not is_gzip(path):
        if path.stat().st_size < header.size_bytes:
            raise damaged(path)
        return
    with path.open("rb") as file:
        file.seek(-4, 2)
        stored = struct.unpack("<I", file.read(4))[0]
    if stored == header.size_bytes % 2**32:
        return  # gzip ends with the length of what it holds: nothing needs to be unpacked
    # several gzip blocks, or bytes after the image: count
    found = 0
    with _open(path) as file:
        try:
            while found < header.size_bytes and (block := file.read(1 << 20)):
                found += len(block)
        except (EOFError, zlib.error, gzip.BadGzipFile) as err:
            raise damaged(path) from err
    if found < header.size_bytes:
        raise damaged(path)


def perpendicular_sform(header: NiftiHeader, name: str) -> np.ndarray:
    """The nearest grid without shear to the header's `sform`.

    Args:
        header: with an `sform`.
        name: of the image, named in the error.

    Returns:
        (4, 4) float64; RAS from ijk, with the same voxel sizes and position of voxel (0, 0, 0).

    Raises:
        InputError: further from perpendicular than rounding explains.
    """
    check_axes(header.ras_from_ijk, name)
    axes = header.ras_from_ijk[:3, :3]
    spacing_mm = np.linalg.norm(axes, axis=0)
    left, _, right = np.linalg.svd(axes / spacing_mm)
    matrix = header.ras_from_ijk.copy()
    matrix[:3, :3] = left @ right * spacing_mm
    return matrix


def copy_without_forms(path: Path, header: NiftiHeader, copy: Path) -> None:
    """Writes the image uncompressed and without orientation, so that ITK reads its voxels.

    Args:
        path: .nii or .nii.gz.
        header: of this file.
        copy: .nii to be written.
    """
    with _open(path) as file:
        content = bytearray(file.read())
    end = header.form_codes_at + 2 * header.form_code_bytes
    content[header.form_codes_at : end] = bytes(2 * header.form_code_bytes)
    copy.write_bytes(content)


def is_gzip(path: Path) -> bool:
    """True if the file begins like gzip."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def damaged(path: Path) -> InputError:
    """The error for a file that ends too early."""
    return InputError(
        f"'{path.name}' is damaged or incomplete: the file ends before its last voxel "
        f"({path.stat().st_size} bytes found). Copy or download it again."
    )


def _open(path: Path):
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")
