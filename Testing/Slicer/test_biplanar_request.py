"""What is written for an atlas and two radiographs: masks on pixels, the start, the atlas, names of nodes."""

import json

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.AtlasSource import AtlasInScene, BoneAtlas
from DeepRegistrationSlicer.BiplanarRequest import BiplanarRequest
from DeepRegistrationSlicer.BoneAtlasFiles import ensureNode, imagesOf, middleOfAtlas, nodeOf
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createVolume, rasFromIjk, readVolume
from DeepRegistrationSlicer.MrmlSlices import middleOf
from DeepRegistrationSlicer.XrayGeometry import KnownNumbers, RadiographSource

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import read_job
from Testing.Slicer.biplanar_nodes import LABELS
from Testing.Slicer.nodes import movedBy, obliqueMatrix, obliqueVolume

NUMBERS = KnownNumbers(1000.0, 925.0, 0.0, 0.0, 1.5, 1.5)
SHAPE_KJI = (1, 40, 60)


def radiograph(name, primaryDeg):
    """A picture that lies obliquely somewhere in the scene, taken by a C-arm."""
    values = np.random.default_rng(3).normal(100, 20, SHAPE_KJI).astype(np.float32)
    numbers = KnownNumbers(**{**vars(NUMBERS), "primaryAngle": primaryDeg})
    return RadiographSource(createVolume(values, obliqueMatrix(), name), entered=numbers)


@pytest.fixture
def views():
    return radiograph("Front", 0.0), radiograph("Side", 90.0)


@pytest.fixture
def an_atlas():
    """A volume far from the origin, and labels of it."""
    volume = obliqueVolume("Bone")
    marked = np.zeros(arrayOf(volume).shape, np.int16)
    marked[3:6, 4:8, 5:9] = 2
    return AtlasInScene(volume, createVolume(marked, rasFromIjk(volume), "Bone labels", LABELS))


def test_a_mask_is_written_on_the_pixels_of_its_radiograph_without_a_flip(views, an_atlas, tmp_path):
    marked = np.zeros(SHAPE_KJI, np.int16)
    marked[0, 5:20, 8:50] = 1
    marked[0, 5:9, 8:12] = 0  # one corner alone is cut: every flip is seen
    mask = createVolume(marked, rasFromIjk(views[1].volume), "Shadow", LABELS)
    request = BiplanarRequest(views, (None, mask), an_atlas)
    written = request.write(tmp_path)
    files = read_job(written.file).files
    assert files.masks == (None, tmp_path / "mask2.nrrd")
    np.testing.assert_array_equal(arrayOf(readVolume(files.masks[1])), marked)
    np.testing.assert_array_equal(arrayOf(readVolume(files.xrays[1])), arrayOf(views[1].volume))
    assert written.inNodeNames("'mask2' and 'xray' and 'atlas'") == "'Shadow' and 'Front' and 'Bone'"


def test_a_mask_that_was_moved_with_its_radiograph_still_lies_on_it(views, an_atlas, tmp_path):
    marked = np.zeros(SHAPE_KJI, np.int16)
    marked[0, 5:20, 8:30] = 1
    mask = createVolume(marked, rasFromIjk(views[0].volume), "Shadow", LABELS)
    transform = movedBy(views[0].volume)
    mask.SetAndObserveTransformNodeID(transform.GetID())
    BiplanarRequest(views, (mask, None), an_atlas).write(tmp_path)
    np.testing.assert_array_equal(arrayOf(readVolume(tmp_path / "mask.nrrd")), marked)


def test_where_the_atlas_stands_is_the_start_and_the_isocentre_stays(views, an_atlas, tmp_path):
    request = BiplanarRequest(views, atlas=an_atlas)
    np.testing.assert_array_equal(request.start(), np.eye(4))
    source = request.cameras()[0].source_ras
    transform = movedBy(an_atlas.volume)
    an_atlas.labels.SetAndObserveTransformNodeID(transform.GetID())
    np.testing.assert_allclose(request.start(), slicer.util.arrayFromTransformMatrix(transform))
    np.testing.assert_allclose(request.cameras()[0].source_ras, source)
    np.testing.assert_allclose(request.isocentreRas(), middleOf(an_atlas.volume))
    written = request.write(tmp_path)
    assert "start.tfm" in json.loads(written.file.read_text(encoding="utf-8"))["files"]["initial_pose"]
    # ITK has the way back: from the world to the atlas
    numbers = (tmp_path / "start.tfm").read_text(encoding="utf-8").split("Parameters: ")[1].split("\n")[0]
    turn = np.array(numbers.split()[:9], float).reshape(3, 3)
    flip = np.diag([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(flip @ turn @ flip, np.linalg.inv(request.start())[:3, :3], atol=1e-6)


def test_labels_of_an_atlas_in_the_scene_keep_their_names(views, an_atlas, tmp_path):
    written = BiplanarRequest(views, atlas=an_atlas).write(tmp_path)
    assert set(written.labelNames) == {2}
    assert read_job(written.file).files.atlas_labels == tmp_path / "atlas-labels.nrrd"


def test_the_femur_of_the_program_stays_where_it_is_on_disk(views, tmp_path):
    atlas = BoneAtlas()
    request = BiplanarRequest(views, atlas=atlas)
    request.check()
    files = read_job(request.write(tmp_path).file).files
    assert (files.atlas, files.atlas_dir) == (None, None)
    assert nodeOf(atlas) is None
    ct, labels = imagesOf(atlas)
    assert ct.GetScene() is None
    assert labels.GetScene() is None
    np.testing.assert_allclose(middleOfAtlas(atlas), middleOf(ct))
    node = ensureNode(atlas)
    assert nodeOf(atlas) is node
    assert ensureNode(atlas) is node


def test_an_atlas_that_is_its_own_labels_is_refused(views):
    volume = obliqueVolume("Bone")
    with pytest.raises(InputError, match="as atlas and as its labels"):
        BiplanarRequest(views, atlas=AtlasInScene(volume, volume)).check()


def test_the_key_changes_with_images_and_geometry_and_not_with_the_pose(views, an_atlas):
    request = BiplanarRequest(views, atlas=an_atlas)
    key = request.key()
    movedBy(an_atlas.volume)
    assert request.key() == key
    assert BiplanarRequest(views, atlas=BoneAtlas()).key() != key
    assert BiplanarRequest((views[1], views[0]), atlas=an_atlas).key() != key
