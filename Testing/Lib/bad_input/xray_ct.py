"""Mistakes with a CT and its radiographs."""

import json
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from DeepRegistrationLib.images.write import write_nrrd
from Testing.Lib.bad_input import spoiled_images as images
from Testing.Lib.bad_input.command_case import BadInput, CommandCase, given, replaced
from Testing.Lib.xray_case import a_body, a_camera, a_case, write_case

_GEOMETRY = {
    "DistanceSourceToDetector": 1020.0,
    "DistanceSourceToPatient": 700.0,
    "PositionerPrimaryAngle": 10.0,
    "PositionerSecondaryAngle": -5.0,
    "ImagerPixelSpacing": [5.625, 5.625],
}


def good(folder: Path) -> CommandCase:
    write_case(a_case((a_camera(pixels=32),), voxel_mm=7.0), folder)
    options = {
        "ct": (folder / "ct.nrrd",),
        "ct-labels": (folder / "bones.nrrd",),
        "xray": (folder / "xray1.nrrd",),
        "geometry": (folder / "camera1.json",),
        "output": (folder / "result",),
    }
    return CommandCase(folder, options)


def with_ct(change):
    """The CT with other values."""

    def spoil(case):
        ct, _ = a_body(7.0)
        write_nrrd(ct.with_values(change(ct.values)), case.folder / "changed.nrrd")
        return case.having("ct", case.folder / "changed.nrrd")

    return spoil


def with_xray(change):
    """The radiograph with other pixels (rows, columns)."""

    def spoil(case):
        values = sitk.GetArrayFromImage(sitk.ReadImage(str(case.path("xray"))))[0]
        image = sitk.GetImageFromArray(np.ascontiguousarray(change(values.copy()), dtype=np.float32))
        sitk.WriteImage(image, str(case.folder / "changed.nrrd"))
        return case.having("xray", case.folder / "changed.nrrd")

    return spoil


def one_pixel_nan(values):
    values[2, 3] = np.nan
    return values


def with_camera(**entries):
    """The camera file with other entries; None removes one."""

    def spoil(case):
        content = json.loads(case.path("geometry").read_text()) | entries
        kept = {key: value for key, value in content.items() if value is not None}
        case.path("geometry").write_text(json.dumps(kept))
        return case

    return spoil


def with_camera_placed(change):
    """The camera file with another matrix."""

    def spoil(case):
        matrix = np.array(json.loads(case.path("geometry").read_text())["camera_from_world"])
        return with_camera(camera_from_world=change(matrix).tolist())(case)

    return spoil


def beside(matrix):
    matrix[0, 3] += 900.0
    return matrix


def a_camera_text(text):
    def spoil(case):
        case.path("geometry").write_text(text)
        return case

    return spoil


def half_of_a_calibration(case):
    (case.folder / "view.txt").write_text("image size\n32,29\n\ncamera matrix\n5800,0,16\n", encoding="utf-8")
    return case.having("geometry", case.folder / "view.txt").having("source-to-detector", 1020)


def labels_on_a_coarser_grid(case):
    write_nrrd(a_body(9.0)[1], case.folder / "other.nrrd")
    return case.having("ct-labels", case.folder / "other.nrrd")


def a_scaled_start(case):
    transform = sitk.AffineTransform(3)
    transform.SetMatrix((1.2, 0, 0, 0, 1.2, 0, 0, 0, 1.2))
    sitk.WriteTransform(transform, str(case.folder / "start.tfm"))
    return case.having("initial-pose", case.folder / "start.tfm")


def a_text_as_start(case):
    (case.folder / "start.tfm").write_text("left a bit")
    return case.having("initial-pose", case.folder / "start.tfm")


def dicom(**tags):
    """A DICOM radiograph with complete geometry but for the tags given, and no camera file."""

    def spoil(case):
        values = np.round(sitk.GetArrayFromImage(sitk.ReadImage(str(case.path("xray"))))[0] * 1000)
        header = pydicom.Dataset()
        header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.12.1", pydicom.uid.generate_uid()
        header.Modality, header.PatientName = "XA", ""
        header.Rows, header.Columns = values.shape
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
        header.PixelData = values.astype(np.uint16).tobytes()
        for name, value in {**_GEOMETRY, **tags}.items():
            if value is not None:
                setattr(header, name, value)
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
        header.save_as(case.folder / "xa.dcm", enforce_file_format=True)
        return case.lacking("geometry").having("xray", case.folder / "xa.dcm")

    return spoil


def half_a_dicom(case):
    path = case.folder / "xray.dcm"
    path.write_bytes(bytes(128) + b"DICM" + bytes(range(200)))
    return case.having("xray", path)


_BACK = np.diag([1.0, -1.0, -1.0, 1.0])
_FLAT = np.diag([1.0, 1.0, 0.0, 1.0]).tolist()

BAD = [
    BadInput("a CT that is not there", replaced("ct", images.missing), "does not exist"),
    BadInput("half a CT", replaced("ct", images.truncated), "cannot be read as NRRD|damaged"),
    BadInput("a CT that begins at 0", with_ct(lambda hu: hu + 1024), "not in Hounsfield units"),
    BadInput("a CT without bone", with_ct(lambda hu: hu.clamp(max=60.0)), "shows no bone"),
    BadInput("a CT of one value", with_ct(lambda hu: hu * 0), "is constant"),
    BadInput("a CT with a voxel that is no number", replaced("ct", images.with_nan), r"not numbers? \(NaN"),
    BadInput("a CT of one slice", replaced("ct", images.one_slice), "has one slice"),
    BadInput("a CT over time", replaced("ct", images.a_series), "4 dimensions"),
    BadInput("a CT with parallel axes", replaced("ct", images.with_parallel_axes), "parallel|sheared"),
    BadInput("a radiograph that is not there", replaced("xray", images.missing), "does not exist"),
    BadInput("a constant radiograph", with_xray(lambda pixels: pixels * 0 + 7), "is constant"),
    BadInput("a pixel that is no number", with_xray(one_pixel_nan), r"pixels? that (is|are) not"),
    BadInput("a radiograph of another size", with_xray(lambda pixels: pixels[:, :-3]), "its camera 32 x 29"),
    BadInput("a radiograph on its side", with_xray(np.transpose), "Exchange columns and rows"),
    BadInput("a volume as radiograph", lambda c: c.having("xray", c.path("ct")), "is a volume"),
    BadInput("a frame that there is not", given("frame", 4), "Frame 4 was asked for"),
    BadInput("no geometry", lambda c: c.lacking("geometry"), "not tell where source and detector were"),
    BadInput("a camera file that is not there", given("geometry", "nowhere.json"), "cannot be opened"),
    BadInput("a camera file with a gap", with_camera(pixel_spacing_mm=None), "lacks pixel_spacing_mm"),
    BadInput("two kinds of geometry", with_camera(primary_angle_deg=10.0), "could contradict each other"),
    BadInput("a camera that flattens", with_camera(camera_from_world=_FLAT), "is not rigid"),
    BadInput("a detector at the source", with_camera(source_to_detector_mm=0.0), "must be greater than 0"),
    BadInput("a camera of unknown entries", with_camera(zoom=2), "not known: zoom"),
    BadInput("words for numbers", with_camera(pixel_spacing_mm="fine"), "found 'fine'"),
    BadInput("a camera file that is no JSON", a_camera_text("{source: somewhere"), "is not JSON"),
    BadInput("half of a calibration", half_of_a_calibration, "must hold 3 lines"),
    BadInput("a CT behind the source", with_camera_placed(lambda m: _BACK @ m), "behind the X-ray source"),
    BadInput("a CT beside the beam", with_camera_placed(beside), "beside the X-ray beam"),
    BadInput("empty labels", replaced("ct-labels", images.nothing_marked), "is empty"),
    BadInput("labels on another grid", labels_on_a_coarser_grid, "lies on another grid"),
    BadInput("a label that there is not", given("bone-label", 9), "label 9; it holds the labels 1, 2, 3"),
    BadInput(
        "chosen labels without labels",
        lambda c: c.lacking("ct-labels").having("bone-label", 2),
        "no label image was given",
    ),
    BadInput("a start that scales", a_scaled_start, "is not rigid"),
    BadInput("a text as start", a_text_as_start, "no transform file that can be read"),
    BadInput("half a DICOM file", half_a_dicom, "cannot be read|is not an image"),
    BadInput("DICOM without geometry", dicom(**dict.fromkeys(_GEOMETRY)), "DICOM header lacks|does not tell"),
    BadInput("DICOM without a distance", dicom(DistanceSourceToPatient=None), "lacks"),
    BadInput(
        "DICOM of a patient behind the detector",
        dicom(DistanceSourceToPatient=1500.0),
        "contradicts itself|must|beyond",
    ),
    BadInput(
        "DICOM of another magnification",
        dicom(EstimatedRadiographicMagnificationFactor=3.0),
        "contradicts itself",
    ),
    BadInput("a CT slice as radiograph", dicom(Modality="CT"), "modality CT and not a radiograph"),
    BadInput("no rotation to search", given("search-rotation", 0), "rotation of the search is 0 degrees"),
    BadInput("a search of no number", given("search-translation", "nan"), "translation of the search is nan"),
]
