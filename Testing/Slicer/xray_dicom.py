"""Radiographs in DICOM, as files and as Slicer loads them."""

from pathlib import Path

import numpy as np
import slicer
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

PIXELS = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)


def writeDicom(path: Path, **tags) -> Path:
    """A radiograph of 32 x 24 pixels with complete geometry, unless a tag is None."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    content = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "XA",
        "Rows": 24,
        "Columns": 32,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "DistanceSourceToDetector": 1020.0,
        "DistanceSourceToPatient": 620.0,
        "PositionerPrimaryAngle": 30.0,
        "PositionerSecondaryAngle": -10.0,
        "ImagerPixelSpacing": [0.5, 0.4],
        "PatientOrientation": ["L", "F"],
        **tags,
    }
    for name, value in content.items():
        if value is not None:
            setattr(header, name, value)
    header.PixelData = PIXELS.tobytes()
    header.save_as(path, enforce_file_format=True)
    return path


def dropped(path: Path):
    """A volume as Slicer makes it of a file that is dropped into its window."""
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Shot")
    assert storage.ReadData(volume)
    volume.SetAndObserveStorageNodeID(storage.GetID())
    return volume
