import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.uid import JPEG2000Lossless

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.dicom_camera import KnownGeometry
from DeepRegistrationLib.images.radiograph_camera import radiograph_camera
from DeepRegistrationLib.images.read_radiograph import read_radiograph
from Testing.Lib.dicom_radiograph import ANGLES, a_dicom_file
from Testing.Lib.pictures import FAR

XRAY = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray"
needs_radiographs = pytest.mark.skipif(
    not XRAY.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)


@pytest.fixture
def pixels():
    """(7, 10) uint16; every pixel differs."""
    return (np.arange(70, dtype=np.uint16) * 900).reshape(7, 10)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".nrrd", ".mha", ".nii.gz", ".nii"])
def test_the_pixels_of_a_picture_come_in_the_order_of_the_file(tmp_path, pixels, suffix):
    path = tmp_path / f"knee{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(path))
    stored = read_radiograph(path)
    assert stored.values.tolist() == pixels.tolist()
    assert not stored.is_dicom
    assert stored.tags.photometric is None


def test_a_volume_with_one_slice_is_a_radiograph_and_one_with_several_is_not(tmp_path, pixels):
    sitk.WriteImage(sitk.GetImageFromArray(pixels[None]), str(tmp_path / "one.nrrd"))
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([pixels] * 3)), str(tmp_path / "ct.nrrd"))
    assert read_radiograph(tmp_path / "one.nrrd").values.tolist() == pixels.tolist()
    with pytest.raises(InputError, match=r"'ct' is a volume \(10 x 7 x 3 voxels\) and not a radiograph"):
        read_radiograph(tmp_path / "ct.nrrd")


def test_dicom_pixels_are_rescaled_but_neither_windowed_nor_inverted(tmp_path, pixels):
    path = a_dicom_file(
        tmp_path / "a.dcm",
        pixels,
        PhotometricInterpretation="MONOCHROME1",
        RescaleSlope=2,
        RescaleIntercept=-5,
        WindowCenter=100,
        WindowWidth=10,
        PixelIntensityRelationship="LOG",
        PixelIntensityRelationshipSign=-1,
    )
    stored = read_radiograph(path)
    assert stored.values.tolist() == (pixels * 2.0 - 5).tolist()
    assert stored.is_dicom
    tags = stored.tags
    assert (tags.modality, tags.photometric) == ("DX", "MONOCHROME1")
    assert (tags.relationship, tags.sign) == ("LOG", -1)


def test_lossless_jpeg_2000_is_decoded_to_the_same_numbers(tmp_path):
    shades = (np.add.outer(np.arange(32), np.arange(40)) * 3).astype(np.uint8)
    path = tmp_path / "a.dcm"
    data = pydicom.dcmread(a_dicom_file(path, shades))
    file = tmp_path / "a.j2k"
    Image.fromarray(shades).save(file, irreversible=False, no_jp2=True)
    data.PixelData = pydicom.encaps.encapsulate([file.read_bytes()])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.save_as(path, enforce_file_format=True)
    assert read_radiograph(path).values.tolist() == shades.tolist()


@pytest.mark.parametrize("kind", ["dcm", "tif"])
def test_one_of_several_frames_has_to_be_chosen(tmp_path, pixels, kind):
    frames = np.stack([pixels, pixels[::-1], pixels[:, ::-1]])
    path = tmp_path / f"cine.{kind}"
    if kind == "dcm":
        a_dicom_file(path, frames)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(frames), str(path))
    stored = read_radiograph(path, frame=1)
    assert stored.values.tolist() == frames[1].tolist()
    assert stored.frame == 1
    with pytest.raises(InputError, match=r"has 3 frames\. Say which one is to be used: a number from 0 to 2"):
        read_radiograph(path)
    with pytest.raises(InputError, match=r"Frame 3 was asked for.* 0 to 2"):
        read_radiograph(path, frame=3)


def test_grey_stored_as_colour_is_grey_and_colour_is_refused(tmp_path, pixels):
    grey = (pixels // 256).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "grey.png")
    stored = read_radiograph(tmp_path / "grey.png")
    assert stored.values.tolist() == grey.tolist()
    assert "stores grey as colour" in stored.notes[0]
    Image.fromarray(np.stack([grey, grey, 255 - grey], -1)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match=r"'colour.png' is a colour picture \(3 values per pixel\)"):
        read_radiograph(tmp_path / "colour.png")
    opacity = np.full_like(grey, 255)
    opacity[0, 0] = 0
    Image.fromarray(np.stack([grey, grey, grey, opacity], -1)).save(tmp_path / "clear.png")
    with pytest.raises(InputError, match="partly transparent"):
        read_radiograph(tmp_path / "clear.png")


def test_what_is_no_radiograph_is_refused_in_a_sentence(tmp_path, pixels):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    sitk.WriteImage(sitk.GetImageFromArray(np.full((4, 5), 7.0)), str(tmp_path / "flat.nrrd"))
    holes = pixels.astype(np.float32)
    holes[0, :2] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(holes), str(tmp_path / "holes.nrrd"))
    a_dicom_file(tmp_path / "ct.dcm", pixels, Modality="CT")
    whole = a_dicom_file(tmp_path / "whole.dcm", np.tile(pixels, (30, 30))).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    expected = {
        "no.png": "does not exist",
        "": "is a folder",
        "empty.png": "is empty",
        "text.png": "is not an image that can be read",
        "flat.nrrd": "every pixel has the value 7",
        "holes.nrrd": "has 2 pixels that are not numbers",
        "ct.dcm": "of the modality CT and not a radiograph",
        "cut.dcm": "damaged, incomplete",
    }
    for name, text in expected.items():
        with pytest.raises(InputError, match=text):
            read_radiograph(tmp_path / name)


def test_a_dicom_radiograph_brings_its_camera(tmp_path, pixels):
    stored = read_radiograph(a_dicom_file(tmp_path / "a.dcm", pixels, **ANGLES))
    camera, notes = radiograph_camera(stored, isocenter_ras=FAR)
    assert camera.image_size_px == (10, 7)
    assert camera.pixel_spacing_mm == (0.4, 0.5)  # the tag has the rows first
    assert np.linalg.norm(camera.source_ras - FAR) == pytest.approx(620)
    assert "middle of the image" in notes[0]
    with pytest.raises(InputError, match="not where the isocentre of the C-arm was"):
        radiograph_camera(stored)


def test_the_geometry_of_a_dicom_file_serves_a_picture_of_the_same_size(tmp_path, pixels):
    geometry = a_dicom_file(tmp_path / "a.dcm", pixels, **ANGLES)
    for name, picture in (("same.png", pixels), ("other.png", pixels[:, :8])):
        sitk.WriteImage(sitk.GetImageFromArray(picture), str(tmp_path / name))
    camera, _ = radiograph_camera(read_radiograph(tmp_path / "same.png"), geometry, FAR)
    assert camera.image_size_px == (10, 7)
    with pytest.raises(InputError, match=r"'other.png' has 8 x 7 pixels .* its camera 10 x 7"):
        radiograph_camera(read_radiograph(tmp_path / "other.png"), geometry, FAR)


def test_a_camera_file_belongs_to_an_image_of_its_size(tmp_path, pixels):
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "a.png"))
    stored = read_radiograph(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"does not tell where source and detector were.*camera file"):
        radiograph_camera(stored)
    content = {"source_to_detector_mm": 1000, "pixel_spacing_mm": [1, 1], "image_size_px": [7, 10]}
    path = tmp_path / "camera.json"
    path.write_text("\n " + json.dumps(content | {"camera_from_world": np.eye(4).tolist()}))
    with pytest.raises(InputError, match="Exchange columns and rows"):
        radiograph_camera(stored, path)
    path.write_text(path.read_text().replace("[7, 10]", "[10, 7]"))
    assert radiograph_camera(stored, path)[0].source_to_detector_mm == 1000
    with pytest.raises(InputError, match="cannot be opened"):
        radiograph_camera(stored, tmp_path / "no.json")


@needs_radiographs
def test_a_calibration_of_xmalab_needs_the_distance_of_the_detector():
    stored = read_radiograph(XRAY / "autoscoper-wrist" / "cam01_frame0002.tif")
    calibration = XRAY / "autoscoper-wrist" / "calib_cam01.txt"
    with pytest.raises(InputError, match="distance from source to detector"):
        radiograph_camera(stored, calibration)
    camera, _ = radiograph_camera(stored, calibration, known=KnownGeometry(source_to_detector_mm=1400))
    assert camera.image_size_px == (1760, 1760)


@needs_radiographs
@pytest.mark.parametrize(
    ("file", "frame", "shape", "highest"),
    [
        ("dicom/RG2_hip_CR.dcm", None, (2140, 1760), 893),
        ("dicom/XA1_cerebral_angio.dcm", None, (1024, 1024), 504),
        ("dicom/XA_coronary_cine_angles.dcm", 40, (512, 512), 255),
        ("ddh-hip/331_DDH_1.dcm", None, (331, 331), 172),
        ("autoscoper-knee/cam01_frame0138.tif", None, (1760, 1760), 255),
    ],
)
def test_public_radiographs_are_read(file, frame, shape, highest):
    stored = read_radiograph(XRAY / file, frame)
    assert tuple(stored.values.shape) == shape
    assert stored.values.max() == highest


@needs_radiographs
def test_the_missing_tags_of_a_public_angiogram_are_named():
    stored = read_radiograph(XRAY / "dicom" / "XA_coronary_cine_angles.dcm", 0)
    with pytest.raises(InputError, match=r"lacks DistanceSourceToDetector .*ImagerPixelSpacing"):
        radiograph_camera(stored, isocenter_ras=FAR)
