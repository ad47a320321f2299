"""The sample of the tab for two radiographs: a femur of a patient; it comes with the module."""

import slicer
from slicer.i18n import tr as _

from DeepRegistrationSlicer.Choices import (
    BiplanarMethodChoice,
    BoneAtlasChoice,
    PolarityChoice,
)
from DeepRegistrationSlicer.SampleNodes import SAMPLES, chooseSampleView, loadedSample, sampleView
from DeepRegistrationSlicer.XrayParameters import BiplanarParameters

SAMPLE_IN_WORDS = _("0.1 MB, nothing is downloaded; CC BY 4.0, from the TotalSegmentator dataset.")
"""Size, licence and source, for the tool tip."""

_STEM, _LABELS = "femur", "vtkMRMLLabelMapVolumeNode"
# the patient stood 7 degrees and 9 mm away from the atlas when the radiographs were simulated
_SEARCH_DEG, _SEARCH_MM = 10.0, 10.0


def loadBiplanarSample(chosen: BiplanarParameters) -> None:
    """Loads radiographs and masks, and makes the choices of the tab for them.

    Args:
        chosen: choices of the tab.

    Raises:
        RegistrationError: a file cannot be read.
    """
    for number, radiograph in enumerate((chosen.first, chosen.second), 1):
        chooseSampleView(radiograph, _STEM, number, _radiographName(number))
    chosen.firstMask, chosen.secondMask = _masks()
    chosen.isocentre = None
    chosen.atlas.source = BoneAtlasChoice.FEMUR
    chosen.method, chosen.polarity = BiplanarMethodChoice.AUTO, PolarityChoice.BONE_DARK
    chosen.searchRotation, chosen.searchTranslation = _SEARCH_DEG, _SEARCH_MM
    chosen.viewRotation = chosen.viewTranslation = 0.0
    chosen.shapeFreedom = 1.0


def loadFemurImages(_source: object = None) -> list[slicer.vtkMRMLVolumeNode]:
    """Loads radiographs and masks, for the module Sample Data.

    Raises:
        RegistrationError: a file cannot be read.
    """
    views = [sampleView(_STEM, number, _radiographName(number)) for number in (1, 2)]
    return [*views, *_masks()]


def _masks() -> list[slicer.vtkMRMLLabelMapVolumeNode]:
    return [
        loadedSample(
            SAMPLES / f"{_STEM}_mask{number}.nrrd", _("Femur mask {number}").format(number=number), _LABELS
        )
        for number in (1, 2)
    ]


def _radiographName(number: int) -> str:
    return _("Femur radiograph {number}").format(number=number)
