import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.itk_image import from_sitk
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.write import write_nifti
from Testing.Lib.pictures import FAR, blob, oblique_geometry

CENTRE = FAR / 5


@pytest.fixture
def an_image():
    return blob(oblique_geometry((11, 13, 16), (0.7, 1.3, 2.9), CENTRE), CENTRE + 2, 5.0)


@pytest.fixture
def nifti_bytes(an_image, tmp_path):
    write_nifti(an_image, tmp_path / "written.nii")
    return bytearray((tmp_path / "written.nii").read_bytes())


def set_codes(content, qform, sform):
    struct.pack_into("<2h", content, 252, qform, sform)


def tilt_sform(content, by):
    """Adds a part of the second axis to the first."""
    rows = np.array(struct.unpack_from("<12f", content, 280)).reshape(3, 4)
    rows[:, 0] += by * rows[:, 1] / np.linalg.norm(rows[:, 1]) * np.linalg.norm(rows[:, 0])
    struct.pack_into("<12f", content, 280, *rows.ravel())
    return rows


@pytest.mark.parametrize("by", [1e-5, 1e-4, 9e-4, -9e-4])
def test_an_sform_with_rounded_cosines_is_read_where_it_says(an_image, nifti_bytes, tmp_path, by):
    set_codes(nifti_bytes, 0, 1)
    rows = tilt_sform(nifti_bytes, by)
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti_bytes)
    found = read_volume(path)
    assert torch.equal(found.values, an_image.values)
    last = np.append(found.geometry.size_ijk - 1, 1)
    # the axis leaves by half the angle: over 10 mm that is 0.005 mm
    np.testing.assert_allclose(found.geometry.corners_ras()[-1], rows @ last, atol=0.01)
    axes = found.geometry.ras_from_ijk[:3, :3] / found.geometry.spacing_mm
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=2e-4)


def test_a_sheared_sform_is_refused(nifti_bytes, tmp_path):
    set_codes(nifti_bytes, 0, 1)
    tilt_sform(nifti_bytes, 0.02)
    (tmp_path / "scan.nii").write_bytes(nifti_bytes)
    with pytest.raises(InputError, match=r"axes of 'scan' are sheared: two of them are 1\.1 degrees"):
        read_volume(tmp_path / "scan.nii")


def test_an_sform_of_zeros_is_refused(nifti_bytes, tmp_path):
    set_codes(nifti_bytes, 0, 1)
    struct.pack_into("<12f", nifti_bytes, 280, *[0.0] * 12)
    (tmp_path / "scan.nii").write_bytes(nifti_bytes)
    with pytest.raises(InputError, match="direction matrix of 'scan' is singular"):
        read_volume(tmp_path / "scan.nii")


@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1), (2, 2), (0, 4), (0, 0)])
@pytest.mark.parametrize("millimetres", [True, False])
def test_position_is_the_one_itk_and_so_slicer_shows(nifti_bytes, tmp_path, codes, millimetres):
    set_codes(nifti_bytes, *codes)
    struct.pack_into("<b", nifti_bytes, 123, 2 if millimetres else 3)  # xyzt_units: mm or micrometres
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti_bytes)
    expected = from_sitk(sitk.ReadImage(str(path)))
    np.testing.assert_allclose(read_volume(path).geometry.corners_ras(), expected.geometry.corners_ras())


@pytest.mark.parametrize("scale", [(2.5, -100.0), (1.0, 7.0), (0.0, 7.0), (1.0, 0.0)])
def test_scaled_integers_have_the_values_that_itk_gives_them(tmp_path, scale):
    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    sitk.WriteImage(image, str(tmp_path / "scan.nii"))
    content = bytearray((tmp_path / "scan.nii").read_bytes())
    struct.pack_into("<2f", content, 112, *scale)
    (tmp_path / "scan.nii").write_bytes(content)
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "scan.nii")))
    np.testing.assert_allclose(read_volume(tmp_path / "scan.nii").values, expected, rtol=1e-6)


def swapped(content):
    """The same NIfTI-1 file with float32 voxels in the other byte order."""
    out = bytearray(content)
    fields = [(0, "i"), (32, "i"), (36, "h"), (40, "8h"), (56, "3f"), (68, "4h"), (76, "8f"), (108, "3f")]
    fields += [(120, "h"), (124, "4f"), (140, "2i"), (252, "2h"), (256, "18f")]
    for at, form in fields:
        struct.pack_into(">" + form, out, at, *struct.unpack_from("<" + form, content, at))
    out[352:] = np.frombuffer(bytes(content[352:]), "<f4").astype(">f4").tobytes()
    return out


def test_a_file_in_the_other_byte_order_is_the_same_image(an_image, nifti_bytes, tmp_path):
    (tmp_path / "scan.nii").write_bytes(swapped(nifti_bytes))
    found = read_volume(tmp_path / "scan.nii")
    assert torch.equal(found.values, an_image.values)
    assert found.geometry.is_close(an_image.geometry)


def test_a_nifti_2_file_is_refused_with_what_to_save_instead(nifti_bytes, tmp_path):
    header = struct.pack("<i8s", 540, b"n+2\0\r\n\x1a\n")
    (tmp_path / "scan.nii").write_bytes(header + bytes(532) + nifti_bytes[352:])
    with pytest.raises(InputError, match=r"'scan\.nii' is a NIfTI-2 file.*Save it as NIfTI-1 or NRRD\."):
        read_volume(tmp_path / "scan.nii")


def test_an_uncompressed_file_with_the_name_of_a_compressed_one_is_read(an_image, nifti_bytes, tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(nifti_bytes)
    assert torch.equal(read_volume(tmp_path / "scan.nii.gz").values, an_image.values)


def test_a_changed_byte_in_a_compressed_file_is_noticed(nifti_bytes, tmp_path):
    content = bytearray(gzip.compress(nifti_bytes, 1))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "scan.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"'scan\.nii\.gz' is damaged or incomplete"):
        read_volume(tmp_path / "scan.nii.gz")


def test_a_type_that_is_no_single_number_is_refused(nifti_bytes, tmp_path):
    struct.pack_into("<2h", nifti_bytes, 70, 32, 64)  # complex
    (tmp_path / "scan.nii").write_bytes(nifti_bytes)
    with pytest.raises(InputError, match=r"NIfTI type 32\)\. Convert it to a grey image"):
        read_volume(tmp_path / "scan.nii")
