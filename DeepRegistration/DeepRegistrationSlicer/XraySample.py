"""The sample of the X-ray tab: a CT from the internet, and radiographs of it that come with the module."""

from slicer.i18n import tr as _

from DeepRegistrationLib.sample_data import Sample, data_folder, find_sample
from DeepRegistrationSlicer.Choices import PolarityChoice, XrayMethodChoice
from DeepRegistrationSlicer.SampleNodes import chooseSampleView, loadedSample
from DeepRegistrationSlicer.XrayParameters import XrayCtParameters

PELVIS_CT = "pelvis-ct"
"""Name of the CT in the library's catalogue of samples."""

# the CT stood 9.5 degrees and 16 mm away when the radiographs were simulated
_SEARCH_DEG, _SEARCH_MM = 10.0, 15.0


def xraySample() -> Sample:
    """What has to be downloaded."""
    return find_sample(PELVIS_CT)


def loadXraySample(chosen: XrayCtParameters) -> None:
    """Loads CT and radiographs, and makes the choices of the tab for them.

    Args:
        chosen: choices of the tab.

    Raises:
        RegistrationError: a file cannot be read.
    """
    chosen.ct = loadedSample(data_folder() / xraySample().files[0].path, _("Pelvis CT"))
    chosen.bones = chosen.isocentre = None
    for number, radiograph in enumerate((chosen.first, chosen.second), 1):
        name = _("Pelvis radiograph {number}").format(number=number)
        chooseSampleView(radiograph, "pelvis", number, name)
    chosen.method, chosen.polarity = XrayMethodChoice.AUTO, PolarityChoice.AUTO
    chosen.searchRotation, chosen.searchTranslation = _SEARCH_DEG, _SEARCH_MM
