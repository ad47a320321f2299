"""MetaImage sequences of PLUS and SlicerIGSIO: .igs.mha, .mha, and .mhd with a separate raw file."""

from pathlib import Path

import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ultrasound_frames import FramePoses, UltrasoundFrames
from DeepRegistrationLib.images.us_grey import grey_frames
from DeepRegistrationLib.images.us_metaimage_header import header_fields, sequence_header

_UNCALIBRATED = (1.0, 1.0)
"""PLUS writes this where the pixel size stands in the calibration only."""


def read_metaimage_frames(path: Path, name: str) -> UltrasoundFrames:
    """Reads frames with the poses, states and times that stand in the header.

    Args:
        path: .mha or .mhd; grey or colour; compressed or not.
        name: of the frames.

    Returns:
        The frames, as they are stored. The pixel size is None where the file says 1 mm: PLUS writes that for
        images whose calibration stands elsewhere.

    Raises:
        InputError: no MetaImage, damaged, or frame fields that do not fit the number of frames.
    """
    fields = header_fields(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as err:
        raise InputError(
            f"'{path.name}' cannot be read; it is damaged, or its pixel file is not beside it "
            f"(ElementDataFile = {fields.get('ElementDataFile', '?')}). Copy both again."
        ) from err
    array = sitk.GetArrayFromImage(image)
    if image.GetDimension() == 2:
        array = array[None]
    if image.GetDimension() > 3:
        raise InputError(
            f"'{name}' has {image.GetDimension()} dimensions; a sequence of flat frames has 3. "
            "Export the frames as columns x rows x frames."
        )
    values, annotated = grey_frames(array, name)
    spacing = tuple(float(s) for s in image.GetSpacing()[:2])
    header = sequence_header(fields, len(values), name)
    return UltrasoundFrames(
        values=values,
        spacing_mm=None if spacing == _UNCALIBRATED else spacing,
        name=name,
        annotated=annotated,
        poses=FramePoses(header.transforms, header.valid) if header.transforms else None,
        times_s=header.times_s,
    )
