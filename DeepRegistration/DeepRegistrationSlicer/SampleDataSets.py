"""Offers the library's samples in Slicer's module Sample Data."""

from pathlib import Path

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.progress import keep_going
from DeepRegistrationLib.remote_file import RemoteFile
from DeepRegistrationLib.sample_data import FETAL_ATLAS, Sample, catalogue, data_folder
from DeepRegistrationSlicer.BiplanarSample import loadFemurImages
from DeepRegistrationSlicer.SampleFetch import SampleFetch
from DeepRegistrationSlicer.UltrasoundSample import BONE_SWEEP, loadedSweep, ultrasoundSample

CATEGORY = "DeepRegistration"

_ICONS = Path(__file__).resolve().parents[1] / "Resources" / "Icons"
_IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
_LABEL_ENDINGS = ("_mask", "_parc", "_labels", "_WMZparc")


def registerSampleData() -> None:
    """Adds the samples to the module Sample Data; called once Slicer has started."""
    import SampleData

    logic = SampleData.SampleDataLogic
    logic.registerCustomSampleDataCategory(CATEGORY, title=_("DeepRegistration"))
    for sample in catalogue().values():
        if sample.name == FETAL_ATLAS:
            # many files that the worker reads: they go where it looks for them, not into the scene
            logic.registerCustomSampleDataSource(**_common(sample), customDownloader=downloadAtlas)
        elif sample.name == BONE_SWEEP:
            # Slicer alone reads no sequence with poses
            logic.registerCustomSampleDataSource(**_common(sample), customDownloader=downloadSweep)
        else:
            logic.registerCustomSampleDataSource(**_common(sample), **_files(sample))
    lists = ("uris", "fileNames", "nodeNames", "checksums", "loadFiles", "loadFileTypes")
    # it comes with the module: there is nothing to download
    logic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=_("Femur, two radiographs"),
        thumbnailFileName=str(_ICONS / "femur-radiographs.png"),
        customDownloader=loadFemurImages,
        **{name: [] for name in lists},
    )


def downloadAtlas(_source: object = None) -> None:
    """Brings the fetal brain atlas into the data folder of this user.

    Raises:
        RegistrationError: no network, no space, or other bytes than expected.
    """
    _download(catalogue()[FETAL_ATLAS])


def downloadSweep(_source: object = None) -> slicer.vtkMRMLSequenceNode:
    """Brings the sweep into the data folder of this user and plays it.

    Raises:
        RegistrationError: no network, no space, or other bytes than expected.
    """
    sample = ultrasoundSample()
    _download(sample)
    return loadedSweep(data_folder() / sample.files[0].path)


def _download(sample: Sample) -> None:
    problems: list[str | None] = []
    SampleFetch(sample, keep_going, problems.append).wait()
    if problems[0]:
        raise RegistrationError(problems[0])


def _common(sample: Sample) -> dict[str, object]:
    thumbnail = _ICONS / f"{sample.name}.png"
    files = sample.files
    return {
        "category": CATEGORY,
        "sampleName": sample.title,
        "thumbnailFileName": str(thumbnail) if thumbnail.is_file() else None,
        "uris": [file.url for file in files],
        "fileNames": [file.path.name for file in files],
        "checksums": [f"SHA256:{file.sha256}" for file in files],
    }


def _files(sample: Sample) -> dict[str, object]:
    return {
        "nodeNames": [_stem(file) if _isImage(file) else None for file in sample.files],
        "loadFiles": [_isImage(file) for file in sample.files],
        "loadFileTypes": [_fileType(file) for file in sample.files],
    }


def _isImage(file: RemoteFile) -> bool:
    return file.path.name.endswith(_IMAGE_ENDINGS)


def _stem(file: RemoteFile) -> str:
    return file.path.name.partition(".")[0]


def _fileType(file: RemoteFile) -> str | None:
    if not _isImage(file):
        return None
    return "SegmentationFile" if _stem(file).endswith(_LABEL_ENDINGS) else "VolumeFile"
