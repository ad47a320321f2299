import zlib
from pathlib import Path

import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read_ultrasound import read_triplet, read_ultrasound
from DeepRegistrationLib.images.us_metaimage_write import (
    sequence_times,
    write_metaimage_frames,
    write_transform_sequence,
)
from DeepRegistrationLib.images.us_plus_config import read_plus_configuration

DATA = Path(__file__).parents[4] / "shared" / "data" / "ultrasound"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the public ultrasound is not there: ../shared/data beside the checkout"
)


@pytest.fixture
def frames():
    """Five frames of 6 rows and 9 columns, all different."""
    return np.arange(5 * 6 * 9, dtype=np.uint8).reshape(5, 6, 9)


def poses(count):
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, 0, 3] = np.arange(count)
    return matrices


def test_a_written_sequence_comes_back_with_poses_states_and_times(frames, tmp_path):
    path, valid = tmp_path / "sweep.igs.mha", np.array([True, True, False, True, True])
    write_metaimage_frames(frames, (0.2, 0.3), {"ImageToReference": poses(5)}, valid, np.arange(5) / 10, path)
    read = read_ultrasound(path)
    np.testing.assert_array_equal(read.values.numpy(), frames)
    assert (read.name, read.spacing_mm) == ("sweep", (0.2, 0.3))
    np.testing.assert_allclose(read.poses.transforms["ImageToReference"], poses(5))
    np.testing.assert_array_equal(read.poses.valid["ImageToReference"], valid)
    np.testing.assert_allclose(read.times_s, np.arange(5) / 10)
    # ITK reads the pixels too
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))), frames)


def test_a_sequence_with_a_raw_file_beside_it_is_read(frames, tmp_path):
    header = "NDims = 3\nDimSize = 9 6 5\nElementSpacing = 0.3 0.3 1\nElementType = MET_UCHAR\n"
    for compressed in (False, True):
        data = zlib.compress(frames.tobytes()) if compressed else frames.tobytes()
        told = f"CompressedData = True\nCompressedDataSize = {len(data)}\n" if compressed else ""
        (tmp_path / "video.raw").write_bytes(data)
        (tmp_path / "video.igs.mhd").write_text(f"{header}{told}ElementDataFile = video.raw\n")
        read = read_ultrasound(tmp_path / "video.igs.mhd")
        np.testing.assert_array_equal(read.values.numpy(), frames)
        assert read.spacing_mm == pytest.approx((0.3, 0.3))


def test_frames_that_a_header_forgets_count_as_not_tracked(frames, tmp_path):
    path = tmp_path / "sweep.mha"
    write_metaimage_frames(
        frames, (1, 1), {"ProbeToTracker": poses(5)}, np.ones(5, bool), np.arange(5.0), path
    )
    content = path.read_bytes()
    lines = [line for line in content.split(b"\n") if not line.startswith(b"Seq_Frame0002")]
    path.write_bytes(b"\n".join(lines))
    read = read_ultrasound(path)
    assert read.poses.valid["ProbeToTracker"].tolist() == [True, True, False, True, True]
    assert read.spacing_mm is None  # 1 mm is what PLUS writes without a calibration


def test_the_probe_is_taken_relative_to_the_patient_where_both_were_tracked(frames, tmp_path):
    path = tmp_path / "sweep.mha"
    tracked = {"ProbeToTracker": poses(5), "ReferenceToTracker": poses(5)}
    write_metaimage_frames(frames, (1, 1), tracked, np.ones(5, bool), np.arange(5.0), path)
    found = read_ultrasound(path).poses.reference_from_probe()
    assert found.world == "Reference"
    np.testing.assert_allclose(found.world_from_probe, np.tile(np.eye(4), (5, 1, 1)))
    assert read_ultrasound(path).poses.reference_from_probe("Needle") is None


def a_dicom(path, array, **tags):
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundMultiFrameImageStorage, generate_uid()
    dataset.Modality, dataset.NumberOfFrames = "US", array.shape[0]
    dataset.Rows, dataset.Columns = array.shape[1:3]
    dataset.SamplesPerPixel = 3 if array.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if array.ndim == 4 else "MONOCHROME2"
    if array.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = array.tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)


def a_region(**changes):
    region = pydicom.Dataset()
    content = {
        "RegionDataType": 1,
        "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3,
        "RegionLocationMinX0": 2,
        "RegionLocationMaxX1": 6,
        "RegionLocationMinY0": 1,
        "RegionLocationMaxY1": 4,
        "PhysicalDeltaX": 0.02,
        "PhysicalDeltaY": -0.03,
    }
    for name, value in (content | changes).items():
        setattr(region, name, value)
    return region


def test_a_multi_frame_dicom_tells_pixel_size_in_mm_and_where_tissue_is(frames, tmp_path):
    a_dicom(tmp_path / "cine.dcm", frames, SequenceOfUltrasoundRegions=[a_region()], FrameTime=40)
    read = read_ultrasound(tmp_path / "cine.dcm")
    np.testing.assert_array_equal(read.values.numpy(), frames)
    assert read.spacing_mm == pytest.approx((0.2, 0.3))  # cm in the file
    assert int(read.region.sum()) == 4 * 5
    np.testing.assert_allclose(read.times_s, np.arange(5) * 0.04)


def test_colour_is_marked_and_grey_in_three_channels_is_grey(frames, tmp_path):
    colours = np.repeat(frames[..., None], 3, -1).copy()
    colours[3, 2, 4] = (250, 20, 20)
    a_dicom(tmp_path / "colour.dcm", colours)
    read = read_ultrasound(tmp_path / "colour.dcm")
    assert torch.nonzero(read.annotated).tolist() == [[2, 4]]
    assert read.values[0, 0, 5] == 5
    assert read.spacing_mm is None


def test_a_sequence_of_slicer_has_its_frames_first(frames, tmp_path):
    header = {
        "kinds": ["list", "domain", "domain", "domain"],
        "space": "left-posterior-superior",
        "space directions": [[np.nan] * 3, [0.4, 0, 0], [0, 0.5, 0], [0, 0, 1]],
        "space origin": [10, 20, 30],
    }
    stored = np.transpose(frames, (0, 2, 1))[..., None]  # list, columns, rows, one slice
    nrrd.write(str(tmp_path / "sweep.seq.nrrd"), stored, header, index_order="F")
    read = read_ultrasound(tmp_path / "sweep.seq.nrrd")
    np.testing.assert_array_equal(read.values.numpy(), frames)
    assert read.spacing_mm == pytest.approx((0.4, 0.5))
    np.testing.assert_allclose(read.ras_from_image[:3, 3], [-10, -20, 30])
    np.testing.assert_allclose(read.ras_from_image[:3, :3], np.diag([-1, -1, 1]))


def test_three_pictures_become_a_triplet_and_others_are_refused(frames, tmp_path):
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    for k, path in enumerate(paths):
        sitk.WriteImage(sitk.GetImageFromArray(frames[k]), str(path))
    triplet = read_triplet(paths)
    np.testing.assert_array_equal(triplet.values.numpy(), frames[:3])
    sitk.WriteImage(sitk.GetImageFromArray(frames[0][:4]), str(paths[2]))
    with pytest.raises(InputError, match="9 x 4 pixels, '0' 9 x 6"):
        read_triplet(paths)


@pytest.mark.parametrize(
    ("content", "name", "text"),
    [
        (None, "absent.png", "There is nothing at"),
        (b"", "empty.dcm", "is empty"),
        (b"hello", "text.txt", "is not an image"),
        (b"hello", "text.png", "damaged or no picture"),
        (b"hello", "text.mha", "no MetaImage"),
        (b"hello", "text.nrrd", "cannot be read as NRRD"),
        (b"NDims = 3\nDimSize = 9 6 5\nElementDataFile = gone.raw\n", "gone.mhd", "gone.raw"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(content, name, text, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=text):
        read_ultrasound(tmp_path / name)


def test_constant_frames_and_frames_with_nan_are_refused(frames, tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((6, 9), 7, np.uint8)), str(tmp_path / "flat.png"))
    with pytest.raises(InputError, match="every pixel has the value 7"):
        read_ultrasound(tmp_path / "flat.png")
    broken = frames[:1].astype(np.float32)
    broken[0, 2, 3] = np.nan
    sitk.WriteImage(sitk.GetImageFromArray(broken), str(tmp_path / "nan.mha"))
    with pytest.raises(InputError, match="1 pixels that are not numbers"):
        read_ultrasound(tmp_path / "nan.mha")


CONFIGURATION = """<PlusConfiguration><ScanConversion OutputImageSpacingMmPerPixel="0.1 0.2"/>
<CoordinateDefinitions><Transform From="Phantom" To="Reference" Matrix="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"/>{}
</CoordinateDefinitions><VolumeReconstruction ClipRectangleOrigin="5 6" ClipRectangleSize="70 80"/>
</PlusConfiguration>"""
MATRIX = "0 0.2 0 12 -0.1 0 0 50 0 0 0.15 -3 0 0 0 1"


@pytest.mark.parametrize("probe", ["Probe", "Transducer", "MyTool"])
def test_the_calibration_of_plus_is_read_whatever_the_probe_is_called(probe, tmp_path):
    path = tmp_path / "plus.xml"
    path.write_text(CONFIGURATION.format(f'<Transform From="Image" To="{probe}" Matrix="{MATRIX}"/>'))
    found = read_plus_configuration(path)
    assert found.probe == probe
    assert found.calibration.scale_mm == pytest.approx((0.1, 0.2))
    np.testing.assert_allclose(found.calibration.probe_from_image[:3, :3], [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    assert (found.spacing_mm, found.clip_px) == ((0.1, 0.2), (5, 6, 70, 80))


def test_a_configuration_without_calibration_tells_the_pixel_size_or_is_refused(tmp_path):
    path = tmp_path / "plus.xml"
    path.write_text(CONFIGURATION.format(""))
    assert read_plus_configuration(path).calibration is None
    path.write_text("<PlusConfiguration/>")
    with pytest.raises(InputError, match="no calibration of the image"):
        read_plus_configuration(path)
    path.write_text("no xml")
    with pytest.raises(InputError, match="no XML"):
        read_plus_configuration(path)
    path.write_text(CONFIGURATION.format('<Transform From="Image" To="Probe" Matrix="1 2 3"/>'))
    with pytest.raises(InputError, match="3 numbers instead of 16"):
        read_plus_configuration(path)


@needs_data
def test_the_public_sweep_is_read_with_its_poses_and_its_calibration():
    read = read_ultrasound(DATA / "plus" / "BoneUltrasound_L14.igs.mha")
    assert read.values.shape == (21, 616, 820)
    assert read.poses.reference_from_probe().valid.all()
    calibration = read_plus_configuration(DATA / "plus" / "BoneUltrasound_L14_config.xml").calibration
    assert calibration.scale_mm == pytest.approx((0.0854, 0.0854), abs=1e-4)


@needs_data
def test_the_public_echocardiogram_is_read_with_its_region():
    read = read_ultrasound(DATA / "dicom" / "echo_65frames.dcm")
    assert read.values.shape == (65, 456, 576)
    assert read.spacing_mm[0] == pytest.approx(0.525, abs=1e-3)
    assert read.region is not None


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_frames_of_other_grey_values_come_back_as_they_were(frames, tmp_path, dtype):
    path = tmp_path / "deep.mha"
    values = frames.astype(dtype) * (100 if dtype != np.uint8 else 1)
    write_metaimage_frames(values, (0.2, 0.3), {}, np.ones(5, bool), np.arange(5) / 10, path)
    np.testing.assert_array_equal(read_ultrasound(path).values.numpy(), values)


def test_frames_in_colour_come_back_grey_with_what_is_coloured_marked(frames, tmp_path):
    colours = np.repeat(frames[..., None], 3, -1)
    colours[2, 1, 4] = (250, 10, 10)
    path = tmp_path / "colour.mha"
    write_metaimage_frames(colours, (0.2, 0.3), {}, np.ones(5, bool), np.arange(5) / 10, path)
    read = read_ultrasound(path)
    grey = frames.astype(np.float32)
    grey[2, 1, 4] = 90
    np.testing.assert_array_equal(read.values.numpy(), grey)
    assert read.annotated.nonzero().tolist() == [[1, 4]]


def test_frames_whose_times_slicer_cannot_tell_apart_get_times_of_their_own():
    np.testing.assert_allclose(sequence_times(np.array([5.0, 5.02, 5.04]), 3), [5.0, 5.02, 5.04])
    for unusable in (None, np.array([5.0, 5.0003, 5.04]), np.array([5.0, 4.0, 6.0]), np.full(3, np.nan)):
        np.testing.assert_allclose(sequence_times(unusable, 3), [0.0, 0.1, 0.2])


def test_transforms_and_times_of_another_length_are_no_sequence(tmp_path):
    with pytest.raises(ValueError, match="one length"):
        write_transform_sequence({"A": np.tile(np.eye(4), (3, 1, 1))}, np.ones(3), np.ones(2), tmp_path / "x")
