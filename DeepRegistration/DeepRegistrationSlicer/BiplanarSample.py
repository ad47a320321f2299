"""The sample of the tab for two radiographs: a femur of a patient; it comes with the module."""

from slicer.i18n import tr as _

from DeepRegistrationSlicer.Choices import (
    BiplanarMethodChoice,
    BoneAtlasChoice,
    GeometryChoice,
    PolarityChoice,
)
from DeepRegistrationSlicer.SampleNodes import SAMPLES, loadedSample
from DeepRegistrationSlicer.XrayParameters import BiplanarParameters

SAMPLE_IN_WORDS = _("0.1 MB, nothing is downloaded; CC BY 4.0, from the TotalSegmentator dataset.")
"""Size, licence and source, for the tool tip."""

_LABELS = "vtkMRMLLabelMapVolumeNode"
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
        name = _("Femur radiograph {number}").format(number=number)
        radiograph.volume = loadedSample(SAMPLES / f"femur_radiograph{number}.nrrd", name)
        radiograph.frame, radiograph.isMirrored = 0, False
        radiograph.geometry = GeometryChoice.FILE
        radiograph.file = str(SAMPLES / f"femur_camera{number}.json")
    chosen.firstMask, chosen.secondMask = (
        loadedSample(
            SAMPLES / f"femur_mask{number}.nrrd", _("Femur mask {number}").format(number=number), _LABELS
        )
        for number in (1, 2)
    )
    chosen.isocentre = None
    chosen.atlas.source = BoneAtlasChoice.FEMUR
    chosen.method, chosen.polarity = BiplanarMethodChoice.AUTO, PolarityChoice.AUTO
    chosen.searchRotation, chosen.searchTranslation = _SEARCH_DEG, _SEARCH_MM
    chosen.viewRotation = chosen.viewTranslation = 0.0
    chosen.shapeFreedom = 1.0
