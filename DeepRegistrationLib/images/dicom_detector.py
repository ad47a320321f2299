"""Which part of the detector a DICOM radiograph shows, and so where its central ray arrives."""

import numpy as np
import pydicom

_WHOLE = ("FieldOfViewOrigin", "DetectorActiveOrigin", "DetectorActiveDimensions", "DetectorElementSpacing")


def central_ray_px(
    dataset: pydicom.Dataset, image_size_px: tuple[int, int]
) -> tuple[tuple[float, float] | None, str]:
    """Column and row at which the central ray arrives: the middle of the detector's active area.

    The tags count detector elements, rows first, before the image was turned and flipped.

    Args:
        dataset: tags.
        image_size_px: columns, rows.

    Returns:
        The point, or None for the middle of the image where the tags do not say; and a note, empty if
        nothing was assumed.
    """
    values = {keyword: _pair(dataset, keyword) for keyword in _WHOLE}
    turn = int(float(dataset.get("FieldOfViewRotation") or 0)) % 360
    given = [keyword for keyword, value in values.items() if value is not None]
    if len(given) < len(_WHOLE) or turn not in (0, 180):
        if values["FieldOfViewOrigin"] is None or not values["FieldOfViewOrigin"].any():
            return None, "The central ray is taken to arrive at the middle of the image."
        return None, (
            "The image shows a part of the detector (Field of View Origin), but the header does not say "
            "which: the central ray is taken to arrive at the middle of the image."
        )
    spacing, binning = values["DetectorElementSpacing"], _pair(dataset, "DetectorBinning")
    binning = np.ones(2) if binning is None else binning
    middle = values["DetectorActiveOrigin"] + values["DetectorActiveDimensions"] / spacing / 2
    # edges are counted from the corner of the first element, pixels from the centre of the first one
    row, column = (middle - values["FieldOfViewOrigin"]) / binning - 0.5
    columns, rows = image_size_px
    if turn == 180:
        row, column = rows - 1 - row, columns - 1 - column
    if str(dataset.get("FieldOfViewHorizontalFlip") or "NO").upper() == "YES":
        column = columns - 1 - column
    return (float(column), float(row)), ""


def _pair(dataset: pydicom.Dataset, keyword: str) -> np.ndarray | None:
    """(2,) float64; rows first. A single number (a round detector's diameter) stands for both."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    numbers = np.atleast_1d(np.array(value, dtype=np.float64))
    return np.repeat(numbers, 2) if numbers.size == 1 else numbers
