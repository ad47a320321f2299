import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.images.itk_image import from_sitk, to_sitk
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.write import write_nifti, write_nrrd
from Testing.Lib.pictures import FAR, blob, brightest_ras, oblique_geometry

# NIfTI stores positions in float32, which far away cannot hold 0.0001 mm
NEAR = FAR / 5


def assert_same_place(found, expected, tolerance_mm=1e-4):
    assert found.geometry.shape_kji == expected.geometry.shape_kji
    np.testing.assert_allclose(
        found.geometry.corners_ras(), expected.geometry.corners_ras(), rtol=0, atol=tolerance_mm
    )


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
def test_itk_files_far_away_are_read_where_itk_put_them(a_far_oblique_image, tmp_path, suffix):
    path = tmp_path / f"brain{suffix}"
    sitk.WriteImage(to_sitk(a_far_oblique_image), str(path))
    found = read_volume(path)
    assert_same_place(found, a_far_oblique_image)
    assert torch.equal(found.values, a_far_oblique_image.values)
    assert found.name == "brain"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_nifti_file_a_metre_away_is_read_where_it_was_written(tmp_path, suffix):
    image = blob(oblique_geometry((11, 13, 16), (0.7, 1.3, 2.9), NEAR), NEAR, 5.0)
    write_nifti(image, tmp_path / f"brain{suffix}")
    found = read_volume(tmp_path / f"brain{suffix}")
    assert_same_place(found, image)
    assert torch.equal(found.values, image.values)


def test_a_nifti_file_seven_metres_away_is_read_within_the_digits_of_the_format(
    a_far_oblique_image, tmp_path
):
    write_nifti(a_far_oblique_image, tmp_path / "brain.nii.gz")
    assert_same_place(read_volume(tmp_path / "brain.nii.gz"), a_far_oblique_image, tolerance_mm=5e-4)


@pytest.mark.parametrize("compress", [True, False])
def test_itk_reads_our_nrrd_where_we_put_it(a_far_oblique_image, tmp_path, compress):
    path = tmp_path / "brain.nrrd"
    write_nrrd(a_far_oblique_image, path, compress)
    found = from_sitk(sitk.ReadImage(str(path)))
    assert_same_place(found, a_far_oblique_image)
    assert torch.equal(found.values, a_far_oblique_image.values)
    assert_same_place(read_volume(path), a_far_oblique_image)


def test_the_picture_of_a_written_file_lies_at_its_place_in_itk(a_far_oblique_image, tmp_path):
    write_nrrd(a_far_oblique_image, tmp_path / "brain.nrrd")
    image = sitk.ReadImage(str(tmp_path / "brain.nrrd"))
    k, j, i = np.unravel_index(sitk.GetArrayViewFromImage(image).argmax(), a_far_oblique_image.values.shape)
    lps = image.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
    peak = FAR + np.array([2.0, -3.0, 4.0])
    assert np.linalg.norm(np.array(lps) * [-1, -1, 1] - peak) < 1.7
    assert np.linalg.norm(brightest_ras(a_far_oblique_image) - peak) < 2


@pytest.mark.parametrize("pixel", [sitk.sitkInt16, sitk.sitkUInt16, sitk.sitkUInt8, sitk.sitkFloat64])
@pytest.mark.parametrize("suffix", [".nii.gz", ".mha", ".nrrd"])
def test_images_of_every_type_become_float32_and_labels_int32(a_far_oblique_image, tmp_path, pixel, suffix):
    scaled = a_far_oblique_image.with_values(a_far_oblique_image.values.div(4).round())
    path = tmp_path / f"brain{suffix}"
    sitk.WriteImage(sitk.Cast(to_sitk(scaled), pixel), str(path))
    image, labels = read_volume(path), read_volume(path, labels=True)
    assert image.values.dtype == torch.float32
    assert labels.values.dtype == torch.int32
    assert torch.equal(image.values, scaled.values)
    assert torch.equal(labels.values, scaled.values.int())


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.float64])
@pytest.mark.parametrize("encoding", ["gzip", "raw"])
def test_nrrd_of_every_type_keeps_label_values(tmp_path, dtype, encoding):
    labels = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    nrrd.write(str(tmp_path / "a.seg.nrrd"), labels, {"encoding": encoding}, index_order="C")
    found = read_volume(tmp_path / "a.seg.nrrd", labels=True)
    assert found.values.tolist() == labels.astype(int).tolist()
    assert found.name == "a"


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
        (None, (-1, -1, 1)),
    ],
)
def test_nrrd_in_any_space_lies_at_one_place_in_ras(a_far_oblique_image, tmp_path, space, signs):
    matrix = a_far_oblique_image.geometry.ras_from_ijk
    header = {
        "space directions": (np.array(signs)[:, None] * matrix[:3, :3]).T,
        "space origin": np.array(signs) * matrix[:3, 3],
    }
    header |= {"space": space} if space else {"space dimension": 3}
    path = tmp_path / "brain.nrrd"
    nrrd.write(str(path), a_far_oblique_image.values.numpy(), header, index_order="C")
    assert_same_place(read_volume(path), a_far_oblique_image)


def test_nrrd_with_spacings_only_is_read_as_itk_reads_it(tmp_path):
    path = tmp_path / "plain.nrrd"
    values = np.random.default_rng(0).random((4, 5, 6), dtype=np.float32)
    nrrd.write(str(path), values, {"spacings": [0.7, 1.3, 2.9]}, index_order="C")
    assert_same_place(read_volume(path), from_sitk(sitk.ReadImage(str(path))))


def test_a_series_of_one_volume_is_read_as_that_volume(a_far_oblique_image, tmp_path):
    series = sitk.JoinSeries(to_sitk(a_far_oblique_image))
    assert series.GetDimension() == 4
    sitk.WriteImage(series, str(tmp_path / "brain.mha"))
    assert_same_place(read_volume(tmp_path / "brain.mha"), a_far_oblique_image)


def test_labels_stored_as_fractions_by_resampling_are_rounded(a_far_oblique_image, tmp_path):
    almost = (a_far_oblique_image.values > 500).float() * 0.9996
    write_nrrd(a_far_oblique_image.with_values(almost), tmp_path / "mask.nrrd")
    assert read_volume(tmp_path / "mask.nrrd", labels=True).values.unique().tolist() == [0, 1]


@pytest.mark.parametrize(("write", "name"), [(write_nrrd, "a.nrrd"), (write_nifti, "a.nii.gz")])
def test_a_folder_that_cannot_be_written_to_is_named(a_far_oblique_image, tmp_path, write, name):
    with pytest.raises(RegistrationError, match=rf"'{name}' cannot be written to '.*missing'.*space is left"):
        write(a_far_oblique_image, tmp_path / "missing" / name)
    assert list(tmp_path.iterdir()) == []
