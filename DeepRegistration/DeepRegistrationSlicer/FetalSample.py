"""The sample of the tabs for a fetal brain and its slices: a reconstructed brain, and the atlas."""

import dataclasses

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.sample_data import FETAL_ATLAS, Sample, data_folder, find_sample
from DeepRegistrationSlicer.Choices import AtlasChoice, SliceChoice
from DeepRegistrationSlicer.Parameters import AtlasParameters, FetalSliceParameters, FetalVolumeParameters
from DeepRegistrationSlicer.SampleNodes import loadedSample

FETAL_BRAIN = "fetal-brain"
"""Name of the brain in the library's catalogue of samples."""

# through the middle of the brain; the week that the tab for volumes finds, so that the slice takes seconds
_SLICE, _WEEKS = 37, 23.0


def fetalSample() -> Sample:
    """What has to be downloaded: the brain and, where it is missing, the atlas."""
    brain, atlas = find_sample(FETAL_BRAIN), find_sample(FETAL_ATLAS)
    return dataclasses.replace(
        brain,
        licence=f"{brain.licence}; {_('atlas')}: {atlas.licence}",
        source=f"{brain.source}, {atlas.source}",
        files=(*brain.files, *atlas.files),
    )


def loadFetalVolumeSample(chosen: FetalVolumeParameters) -> None:
    """Loads the brain, and makes the choices of the tab for it.

    Args:
        chosen: choices of the tab.

    Raises:
        RegistrationError: a file cannot be read.
    """
    chosen.subject, chosen.mask = _brain(), None
    _chooseAtlas(chosen.atlas)


def loadFetalSliceSample(chosen: FetalSliceParameters) -> None:
    """The same for one slice of the brain.

    Args:
        chosen: choices of the tab.

    Raises:
        RegistrationError: a file cannot be read.
    """
    chosen.subject, chosen.mask = _brain(), None
    chosen.slices, chosen.number = SliceChoice.NUMBER, _SLICE
    _chooseAtlas(chosen.atlas)
    chosen.atlas.gestationalAge = _WEEKS


def _brain() -> slicer.vtkMRMLScalarVolumeNode:
    return loadedSample(data_folder() / fetalSample().files[0].path, _("Fetal brain"))


def _chooseAtlas(chosen: AtlasParameters) -> None:
    """The one that was downloaded; the age is estimated."""
    chosen.source, chosen.folder, chosen.gestationalAge = AtlasChoice.BY_AGE, "", 0.0
