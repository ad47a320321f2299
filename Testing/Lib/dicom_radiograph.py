"""Digital radiographs as DICOM files."""

import pydicom
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian


def a_dicom_file(path, frames, **tags):
    """A digital radiograph; the frames (F, rows, columns) or (rows, columns) are stored as they are."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = DigitalXRayImageStorageForPresentation
    data.SOPInstanceUID, data.Modality = "1.2.3", "DX"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * frames.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.Rows, data.Columns = frames.shape[-2:]
    if frames.ndim == 3:
        data.NumberOfFrames = len(frames)
    data.PixelData = frames.tobytes()
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    data.save_as(path, enforce_file_format=True)
    return path


ANGLES = {
    "DistanceSourceToDetector": 1020,
    "DistanceSourceToPatient": 620,
    "ImagerPixelSpacing": [0.5, 0.4],
    "PositionerPrimaryAngle": 30,
    "PositionerSecondaryAngle": -10,
    "PatientOrientation": ["L", "F"],
}
