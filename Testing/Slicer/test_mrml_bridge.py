import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from DeepRegistrationSlicer import MrmlBridge

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.geometry.frames import ras_from_ijk_of_itk, to_parent_ras_from_resampling_lps
from Testing.Slicer.nodes import bentBy, movedBy, nodeIds, obliqueMatrix, obliqueVolume

FARTHEST_MM = 1e-4


def cornerDistance_mm(first, second, shape_kji=(9, 11, 13)):
    corners = np.array([(i, j, k, 1) for k in (0, shape_kji[0]) for j in (0, shape_kji[1]) for i in (0, 13)])
    return np.linalg.norm(((first - second) @ corners.T)[:3], axis=0).max()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_a_volume_written_and_loaded_has_the_same_voxels_at_the_same_places(tmp_path, dtype):
    volume = obliqueVolume(dtype=dtype)
    MrmlBridge.writeVolume(volume, tmp_path / "volume.nrrd")
    back = MrmlBridge.loadVolume(tmp_path / "volume.nrrd", "back")
    np.testing.assert_array_equal(MrmlBridge.arrayOf(back), MrmlBridge.arrayOf(volume))
    assert MrmlBridge.arrayOf(back).dtype == dtype
    assert cornerDistance_mm(MrmlBridge.rasFromIjk(back), obliqueMatrix()) < FARTHEST_MM


def test_itk_sees_a_written_volume_where_slicer_shows_it(tmp_path):
    volume = obliqueVolume()
    MrmlBridge.writeVolume(volume, tmp_path / "volume.nrrd")
    image = sitk.ReadImage(str(tmp_path / "volume.nrrd"))
    matrix = ras_from_ijk_of_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    assert cornerDistance_mm(matrix, MrmlBridge.rasFromIjk(volume)) < FARTHEST_MM


@pytest.mark.parametrize("place", [movedBy, bentBy], ids=["linear", "not linear"])
def test_a_transform_above_a_volume_stays_out_of_the_file(tmp_path, place):
    volume = obliqueVolume()
    transform = place(volume)
    MrmlBridge.writeVolume(volume, tmp_path / "volume.nrrd")
    back = MrmlBridge.loadVolume(tmp_path / "volume.nrrd", "back")
    assert cornerDistance_mm(MrmlBridge.rasFromIjk(back), obliqueMatrix()) < FARTHEST_MM
    assert volume.GetParentTransformNode() is transform


def test_writing_a_volume_changes_neither_scene_nor_volume(tmp_path):
    volume = obliqueVolume()
    before, modified = nodeIds(), volume.GetMTime()
    MrmlBridge.writeVolume(volume, tmp_path / "volume.nrrd")
    assert nodeIds() == before
    assert volume.GetMTime() == modified
    assert volume.GetStorageNode() is None


def test_a_linear_transform_comes_back_as_it_was_given():
    matrix = obliqueMatrix(spacing_mm=(1, 1, 1))
    transform = MrmlBridge.createLinearTransform(matrix, "transform")
    np.testing.assert_allclose(MrmlBridge.matrixOf(transform), matrix, atol=1e-12)


def test_itk_resamples_with_the_inverse_of_what_the_node_holds(tmp_path):
    """What `transform.tfm` holds and what the node holds are one map, read in two directions."""
    matrix = obliqueMatrix(spacing_mm=(1, 1, 1), origin_ras=(30, -20, 10))
    transform = MrmlBridge.createLinearTransform(matrix, "transform")
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(tmp_path / "transform.tfm"))
    assert storage.WriteData(transform)
    itk = sitk.AffineTransform(sitk.ReadTransform(str(tmp_path / "transform.tfm")))
    resampling_lps = np.eye(4)
    resampling_lps[:3, :3] = np.reshape(itk.GetMatrix(), (3, 3))
    resampling_lps[:3, 3] = np.array(itk.TransformPoint((0, 0, 0)))
    np.testing.assert_allclose(to_parent_ras_from_resampling_lps(resampling_lps), matrix, atol=1e-6)


def test_a_bent_transform_has_no_matrix():
    transform = bentBy(obliqueVolume())
    with pytest.raises(InputError, match="'bent' is not linear"):
        MrmlBridge.matrixOf(transform)


def test_a_missing_file_is_named_and_leaves_no_node(tmp_path):
    before = nodeIds()
    with pytest.raises(InputError, match=r"missing\.nrrd.*cannot be read"):
        MrmlBridge.loadVolume(tmp_path / "missing.nrrd", "missing")
    assert nodeIds() == before


def test_a_damaged_file_is_named_and_leaves_no_node(tmp_path):
    (tmp_path / "damaged.nrrd").write_text("no image")
    before = nodeIds()
    with pytest.raises(InputError, match=r"damaged\.nrrd.*cannot be read"):
        MrmlBridge.loadVolume(tmp_path / "damaged.nrrd", "damaged")
    assert nodeIds() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RegistrationError, match="could not be written"):
        MrmlBridge.writeVolume(obliqueVolume(), tmp_path / "file" / "volume.nrrd")


def test_no_volume_is_refused_by_its_role():
    with pytest.raises(InputError, match="No volume is chosen as fetal brain"):
        MrmlBridge.checkVolume(None, "fetal brain")


def test_a_volume_taken_out_of_the_scene_counts_as_none():
    volume = obliqueVolume()
    slicer.mrmlScene.RemoveNode(volume)
    with pytest.raises(InputError, match="No volume is chosen"):
        MrmlBridge.checkVolume(volume, "fetal brain")


def test_a_volume_without_voxels_is_refused():
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    with pytest.raises(InputError, match=r"'empty' .* has no voxels"):
        MrmlBridge.checkVolume(volume, "fetal brain")


def test_a_colour_volume_is_refused():
    volume = MrmlBridge.createVolume(
        np.zeros((3, 4, 5, 3), np.uint8), np.eye(4), "photo", "vtkMRMLVectorVolumeNode"
    )
    with pytest.raises(InputError, match=r"'photo' .* has 3 values in each voxel"):
        MrmlBridge.checkVolume(volume, "fetal brain")


def test_a_single_slice_is_refused():
    volume = MrmlBridge.createVolume(np.zeros((1, 4, 5), np.float32), np.eye(4), "slice")
    with pytest.raises(InputError, match=r"single slice \(5 x 4 x 1 voxels\)"):
        MrmlBridge.checkVolume(volume, "fetal brain")
