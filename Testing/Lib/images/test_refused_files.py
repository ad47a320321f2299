import gzip

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import check_image, check_labels, check_same_grid
from DeepRegistrationLib.images.itk_image import to_sitk
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nifti, write_nrrd
from Testing.Lib.pictures import FAR, oblique_geometry, rigid

SUFFIXES = [".nii", ".nii.gz", ".nrrd", ".mha"]


def refusal(path, labels=False):
    """Text of the error; one paragraph with a proposal at its end."""
    with pytest.raises(InputError) as caught:
        read_volume(path, labels)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def write(volume, path):
    sitk.WriteImage(to_sitk(volume), str(path))
    return path


def test_a_missing_file_is_named_with_its_path(tmp_path):
    path = tmp_path / "nowhere.nii.gz"
    assert refusal(path) == f"The file '{path}' does not exist. Check the path."


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_of_zero_bytes(tmp_path, suffix):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(b"")
    assert refusal(path) == f"The file 'scan{suffix}' is empty (0 bytes). Copy or download it again."


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".txt", ""])
def test_a_text_file_under_any_name_is_not_an_image(tmp_path, suffix):
    path = tmp_path / f"notes{suffix}"
    path.write_text("These are notes.\n" * 100)
    text = refusal(path)
    assert text.startswith(f"'notes{suffix}' is not an image that can be read. Give NIfTI (.nii, .nii.gz)")


def test_a_text_file_called_nrrd(tmp_path):
    path = tmp_path / "notes.nrrd"
    path.write_text("These are notes.\n" * 100)
    assert refusal(path).startswith("'notes.nrrd' cannot be read as NRRD; it is damaged or incomplete (")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("left", [0.2, 0.9, 0.999])
def test_a_truncated_file(a_far_oblique_image, tmp_path, suffix, left):
    path = write(a_far_oblique_image, tmp_path / f"scan{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    text = refusal(path)
    assert text.startswith(f"'scan{suffix}' ")
    assert "damaged or incomplete" in text
    assert "again" in text


def test_a_truncated_compressed_metaimage(a_far_oblique_image, tmp_path):
    path = tmp_path / "scan.mha"
    sitk.WriteImage(to_sitk(a_far_oblique_image), str(path), useCompression=True)
    path.write_bytes(path.read_bytes()[:-500])
    assert "'scan.mha' cannot be read; it is damaged or incomplete" in refusal(path)


def test_a_compressed_file_that_ends_within_the_header(a_far_oblique_image, tmp_path):
    path = write(a_far_oblique_image, tmp_path / "scan.nii.gz")
    path.write_bytes(path.read_bytes()[:60])
    assert "'scan.nii.gz' is damaged or incomplete" in refusal(path)


def test_a_detached_header_without_its_data(a_far_oblique_image, tmp_path):
    path = write(a_far_oblique_image, tmp_path / "scan.nhdr")
    for other in set(tmp_path.iterdir()) - {path}:
        other.unlink()
    assert "'scan.nhdr' cannot be read as NRRD" in refusal(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_counted(a_far_oblique_image, tmp_path, suffix, wrong):
    values = a_far_oblique_image.values.clone()
    values[2:4, 3, 5] = wrong
    path = write(a_far_oblique_image.with_values(values), tmp_path / f"scan{suffix}")
    assert refusal(path) == (
        "'scan' has 2 voxels that are not numbers (NaN or infinite). "
        "Replace them, for instance by 0, and save the image again."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_constant_image(a_far_oblique_image, tmp_path, suffix):
    path = write(
        a_far_oblique_image.with_values(a_far_oblique_image.values * 0 + 7), tmp_path / f"scan{suffix}"
    )
    assert refusal(path) == (
        "'scan' is constant: every voxel has the value 7, so there is nothing to align. Choose another image."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mask_without_a_voxel(a_far_oblique_image, tmp_path, suffix):
    empty = a_far_oblique_image.with_values(torch.zeros(11, 13, 16, dtype=torch.uint8))
    path = write(empty, tmp_path / f"mask{suffix}")
    assert refusal(path, labels=True) == (
        "The mask or label image 'mask' is empty: all 2288 voxels are 0. Choose another one, or leave it out."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_with_one_slice(tmp_path, suffix):
    geometry = oblique_geometry((1, 13, 16), (0.7, 1.3, 2.9), FAR)
    path = write(Volume(torch.rand(1, 13, 16), geometry), tmp_path / f"slice{suffix}")
    assert refusal(path) == (
        "'slice' has one slice (16 x 13 x 1 voxels); 3D registration needs at least 2. "
        "Choose a 3D volume; for DICOM give the folder with all slices."
    )


@pytest.mark.parametrize("suffix", [".png", ".nii.gz", ".nrrd"])
def test_a_flat_picture(tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    sitk.WriteImage(sitk.Image(16, 13, sitk.sitkUInt8), str(path))
    assert "'picture' has one slice (16 x 13 voxels)" in refusal(path).replace("picture.png", "picture")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_series_of_volumes(a_far_oblique_image, tmp_path, suffix):
    series = sitk.JoinSeries([to_sitk(a_far_oblique_image)] * 3)
    path = tmp_path / f"series{suffix}"
    sitk.WriteImage(series, str(path))
    assert refusal(path) == (
        "'series' has 4 dimensions (16 x 13 x 11 x 3); 3D registration needs a single volume. "
        "Export one volume of the series, or one labelmap of the segmentation."
    )


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_a_colour_image(tmp_path, suffix):
    path = tmp_path / f"colours{suffix}"
    sitk.WriteImage(sitk.Image([8, 8, 8], sitk.sitkVectorUInt8, 3), str(path))
    text = "'colours' has 3 values per voxel (colour or vectors); one grey value is needed. "
    assert refusal(path) == text + "Convert it to a grey image first."


def test_labels_with_fractions(a_far_oblique_image, tmp_path):
    write_nrrd(a_far_oblique_image.with_values(a_far_oblique_image.values / 1000), tmp_path / "soft.nrrd")
    text = refusal(tmp_path / "soft.nrrd", labels=True)
    assert "'soft' has 2" in text
    assert "voxels that are not whole numbers. Threshold it" in text


def test_labels_that_need_more_than_32_bits(tmp_path):
    labels = np.zeros((2, 3, 4), dtype=np.int64)
    labels[0, 0, 0] = 2**40
    nrrd.write(str(tmp_path / "big.nrrd"), labels, index_order="C")
    assert "must fit into 32 bits. Renumber them." in refusal(tmp_path / "big.nrrd", labels=True)


def test_nrrd_in_an_unknown_space(tmp_path):
    header = {"space": "scanner-xyz", "space directions": np.eye(3), "space origin": np.zeros(3)}
    nrrd.write(str(tmp_path / "a.nrrd"), np.random.default_rng(0).random((3, 3, 3)), header)
    assert "'a' is stored in the space 'scanner-xyz'; known are left-posterior" in refusal(
        tmp_path / "a.nrrd"
    )


def test_nrrd_in_metres(tmp_path):
    header = {
        "space": "left-posterior-superior",
        "space directions": np.eye(3),
        "space origin": np.zeros(3),
        "space units": ["m", "m", "m"],
    }
    nrrd.write(str(tmp_path / "a.nrrd"), np.random.default_rng(0).random((3, 3, 3)), header)
    assert "'a' is stored in m; positions must be in mm." in refusal(tmp_path / "a.nrrd")


def test_nrrd_with_sheared_axes(tmp_path):
    directions = np.eye(3)
    directions[0, 1] = 0.1
    header = {"space": "LPS", "space directions": directions, "space origin": np.zeros(3)}
    nrrd.write(str(tmp_path / "a.nrrd"), np.random.default_rng(0).random((3, 3, 3)), header)
    assert "The axes of 'a' are sheared: two of them are 5.7 degrees" in refusal(tmp_path / "a.nrrd")


def test_a_folder_without_dicom(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("no image")
    assert refusal(tmp_path / "photos").startswith(
        "The folder 'photos' holds no DICOM series. Give the folder"
    )


def test_a_file_that_may_not_be_read_is_named(a_far_oblique_image, tmp_path, monkeypatch):
    path = tmp_path / "secret.nii.gz"
    write_nifti(a_far_oblique_image, path)

    def no_permission(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    # chmod does not stop the root user of a container
    monkeypatch.setattr(type(path), "open", no_permission)
    text = "'secret.nii.gz' cannot be opened (Permission denied). Check that you may read it."
    assert refusal(path) == text


def test_bytes_after_the_image_and_several_gzip_blocks_are_no_damage(a_far_oblique_image, tmp_path):
    write_nifti(a_far_oblique_image, tmp_path / "plain.nii")
    content = (tmp_path / "plain.nii").read_bytes()
    path = tmp_path / "blocks.nii.gz"
    path.write_bytes(gzip.compress(content[:5000]) + gzip.compress(content[5000:] + b"more"))
    assert torch.equal(read_volume(path).values, a_far_oblique_image.values)
    path.write_bytes(gzip.compress(content[:5000]) + gzip.compress(content[5000:-9]))
    assert "'blocks.nii.gz' is damaged or incomplete" in refusal(path)


def test_an_image_without_voxels_is_refused():
    with pytest.raises(InputError, match=r"'none' has no voxels \(4 x 0 x 3\)\. Export"):
        check_image(Volume(torch.zeros(3, 0, 4), oblique_geometry((3, 0, 4), (1, 1, 1), FAR), "none"))


def test_a_mask_on_another_grid_is_refused_with_what_differs(a_far_oblique_image):
    geometry = a_far_oblique_image.geometry
    values = torch.ones(11, 13, 16, dtype=torch.int32)
    shifted = Volume(values, geometry.moved(rigid((0, 0, 0), (3.0, 0.0, 0.0))), "mask")
    with pytest.raises(InputError, match=r"'mask' lies on another grid than 'brain': corners up to 3\.00 mm"):
        check_same_grid(shifted, a_far_oblique_image)
    smaller = Volume(values[1:], oblique_geometry((10, 13, 16), (0.7, 1.3, 2.9), FAR), "mask")
    with pytest.raises(
        InputError, match=r"16 x 13 x 10 voxels instead of 16 x 13 x 11.*Resample it onto 'brain'"
    ):
        check_same_grid(smaller, a_far_oblique_image)


def test_good_images_and_masks_pass(a_far_oblique_image):
    mask = a_far_oblique_image.with_values((a_far_oblique_image.values > 500).int(), "mask")
    check_image(a_far_oblique_image)
    check_labels(mask)
    check_same_grid(mask, a_far_oblique_image)


@pytest.mark.parametrize("missing", ["space directions", "space origin"])
def test_nrrd_with_half_a_place(a_far_oblique_image, tmp_path, missing):
    write_nrrd(a_far_oblique_image, tmp_path / "whole.nrrd", compress=False)
    start, _, voxels = (tmp_path / "whole.nrrd").read_bytes().partition(b"\n\n")
    half = {"space directions": b"none none none", "space origin": b"(1,2)"}[missing]
    lines = [line for line in start.split(b"\n") if not line.startswith(missing.encode())]
    content = b"\n".join([*lines, missing.encode() + b": " + half]) + b"\n\n" + voxels
    (tmp_path / "half.nrrd").write_bytes(content)
    assert "The header of 'half' does not tell where the image lies" in refusal(tmp_path / "half.nrrd")
