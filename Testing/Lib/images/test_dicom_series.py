import numpy as np
import pytest
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.itk_image import to_sitk
from DeepRegistrationLib.images.read import read_volume


def write_series(
    volume, folder, uid="1.2.826.0.1.3680043.2.1125.1", description="T2 haste", offsets_lps=None
):
    """One file per slice, named against the order of the slices."""
    image = sitk.Cast(to_sitk(volume), sitk.sitkInt16)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(image.GetSize()[2]):
        position = np.array(image.TransformIndexToPhysicalPoint((0, 0, k)))
        if offsets_lps is not None:
            position = position + offsets_lps[k]
        tags = {
            "0008|0060": "MR",
            "0008|0018": f"{uid}.{k}",
            "0008|103e": description,
            "0020|000d": "1.2.3.4",
            "0020|000e": uid,
            "0020|0013": str(k + 1),
            "0020|0032": "\\".join(f"{x:.7f}" for x in position),
            "0020|0037": "\\".join(f"{x:.10f}" for x in [*direction[:, 0], *direction[:, 1]]),
        }
        flat = image[:, :, k]
        flat.SetSpacing(image.GetSpacing()[:2])
        for tag, value in tags.items():
            flat.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{uid[-1]}_{99 - k}.dcm"))
        writer.Execute(flat)
    return folder


def refusal(folder):
    with pytest.raises(InputError) as caught:
        read_volume(folder)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mri").mkdir()
    return tmp_path / "mri"


def test_a_series_is_read_where_its_slices_lie(a_far_oblique_image, folder):
    found = read_volume(write_series(a_far_oblique_image, folder))
    np.testing.assert_allclose(
        found.geometry.corners_ras(), a_far_oblique_image.geometry.corners_ras(), rtol=0, atol=1e-4
    )
    np.testing.assert_array_equal(found.values, a_far_oblique_image.values.trunc())
    assert found.name == "mri"


def test_several_series_are_refused_by_name(a_far_oblique_image, folder):
    write_series(a_far_oblique_image, folder)
    write_series(a_far_oblique_image, folder, "1.2.826.0.1.3680043.2.1125.2", "localizer")
    text = refusal(folder)
    assert "The folder 'mri' holds 2 DICOM series: " in text
    assert "'T2 haste' (11 files)" in text
    assert "'localizer' (11 files)" in text
    assert text.endswith("Move the one to be registered into a folder of its own.")


def test_a_missing_slice_is_refused_and_itk_prints_nothing(a_far_oblique_image, folder, capfd):
    write_series(a_far_oblique_image, folder)
    (folder / "1_95.dcm").unlink()
    assert "has gaps: the 10 slices are 2.90 to 5.80 mm apart. Add the missing slices" in refusal(folder)
    assert capfd.readouterr().err == ""


def test_slices_shifted_by_a_tilted_gantry_are_refused(a_far_oblique_image, folder):
    row = a_far_oblique_image.geometry.ras_from_ijk[:3, 1] / 1.3 * [-1, -1, 1]
    write_series(a_far_oblique_image, folder, offsets_lps=[0.5 * k * row for k in range(11)])
    assert "is sheared: each slice is shifted by 0.50 mm against the one before" in refusal(folder)


def test_several_slices_at_one_position_are_refused(a_far_oblique_image, folder):
    step = a_far_oblique_image.geometry.ras_from_ijk[:3, 2] * [-1, -1, 1]
    write_series(a_far_oblique_image, folder, offsets_lps=[-k * step for k in range(11)])
    assert "several slices at one position, so it holds more than one volume" in refusal(folder)


def test_a_single_slice_is_refused_as_a_folder_and_as_a_file(a_far_oblique_image, folder):
    write_series(a_far_oblique_image, folder)
    for file in folder.iterdir():
        if file.name != "1_95.dcm":
            file.unlink()
    assert "'mri' has one slice (16 x 13 x 1 voxels)" in refusal(folder)
    assert "for DICOM give the folder with all slices" in refusal(folder / "1_95.dcm")


def test_a_folder_without_dicom_makes_itk_print_nothing(folder, capfd):
    (folder / "a.txt").write_text("no image")
    assert "holds no DICOM series" in refusal(folder)
    assert capfd.readouterr().err == ""
    assert sitk.ProcessObject.GetGlobalWarningDisplay()
