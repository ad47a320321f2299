"""Names and colours of atlas labels."""

import colorsys
from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """One label of a segmentation.

    Attributes:
        value: label value in the volume.
        name: anatomical name.
        colour: red, green, blue, each 0 to 1.
    """

    value: int
    name: str
    colour: tuple[float, float, float]


# Label key of the CRL spatio-temporal atlas (edition of 2016), as its README lists it.
_CRL_PAIRED = {
    (37, 38): "hippocampus",
    (41, 42): "amygdala",
    (71, 72): "caudate nucleus",
    (73, 74): "lentiform nucleus",
    (77, 78): "thalamus",
    (92, 93): "lateral ventricle",
    (100, 101): "cerebellum",
    (108, 109): "subthalamic nucleus",
    (112, 113): "cortical plate",
    (114, 115): "subplate",
    (116, 117): "intermediate zone",
    (118, 119): "ventricular zone",
    (120, 121): "white matter",
    (122, 123): "internal capsule",
}
_CRL_MIDLINE = {
    91: "Corpus callosum",
    94: "Brainstem",
    110: "Hippocampal commissure",
    111: "Fornix",
    124: "Cerebrospinal fluid",
    125: "Other brain tissue",
}


def segments_of(label_values: list[int]) -> tuple[Segment, ...]:
    """Names and colours of the labels that occur in an image.

    The key of the CRL atlas is used if every value belongs to it, else labels are named by their number.

    Args:
        label_values: values that occur; 0 is background and left out.

    Returns:
        One segment per value, ascending.
    """
    values = sorted({int(value) for value in label_values} - {0})
    key = _crl_key()
    known = all(value in key for value in values)
    return tuple(
        key[value] if known else Segment(value, f"Label {value}", _colour(index, 0))
        for index, value in enumerate(values)
    )


def _crl_key() -> dict[int, Segment]:
    key = {}
    for index, ((left, right), name) in enumerate(_CRL_PAIRED.items()):
        key[left] = Segment(left, f"Left {name}", _colour(index, 0))
        key[right] = Segment(right, f"Right {name}", _colour(index, 1))
    for index, (value, name) in enumerate(_CRL_MIDLINE.items()):
        key[value] = Segment(value, name, _colour(len(_CRL_PAIRED) + index, 0))
    return key


def _colour(index: int, shade: int) -> tuple[float, float, float]:
    """Colours far apart for neighbouring indices; the right side is a paler shade of the left."""
    hue = (index * 0.618034) % 1.0  # golden ratio: successive hues never come close
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75 - 0.3 * shade, 0.85 + 0.1 * shade)
    return (round(red, 3), round(green, 3), round(blue, 3))
