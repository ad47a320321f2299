"""Which slice is meant: a node, a number, what a view shows; and the node that a slice becomes."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createVolume, rasFromIjk
from DeepRegistrationSlicer.SliceSource import SliceSource

from DeepRegistrationLib.errors import InputError
from Testing.Slicer.nodes import bentBy, movedBy, obliqueVolume, rotation
from Testing.Slicer.slices import sliceVolume


def aRedView(worldFromView=None):
    """A slice view without a window."""
    view = slicer.vtkMRMLSliceNode()
    view.SetSingletonTag("Red")
    view.SetLayoutName("Red")
    view = slicer.mrmlScene.AddNode(view)
    showPlane(view, np.eye(4) if worldFromView is None else worldFromView)
    return view


def showPlane(view, worldFromView) -> None:
    view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(worldFromView))
    view.UpdateMatrices()


def centred(shape_kji=(9, 11, 13), spacing_mm=(1.0, 1.0, 2.0)):
    """A volume of noise around the origin."""
    matrix = np.diag([*spacing_mm, 1.0])
    matrix[:3, 3] = -(np.array(shape_kji[::-1]) - 1) / 2 * spacing_mm
    values = np.random.default_rng(3).normal(100, 20, shape_kji).astype(np.float32)
    return createVolume(values, matrix, "Stack")


def test_a_node_of_one_slice_is_taken_as_it_is():
    volume = sliceVolume()
    source = SliceSource(volume)
    source.check()
    assert source.take() is volume
    assert source.node() is volume


def test_a_numbered_slice_becomes_a_node_of_its_own_beside_the_volume():
    volume = obliqueVolume("Stack")
    parent = movedBy(volume)
    source = SliceSource(volume, number=3)
    assert source.node() is None
    node = source.place(source.take())
    assert node.GetName() == "Stack slice 3"
    assert node.GetParentTransformNode() is parent
    assert source.node() is node
    np.testing.assert_array_equal(arrayOf(node)[0], arrayOf(volume)[3])
    assert SliceSource(volume, number=4).node() is None


def test_a_slice_taken_again_updates_its_node():
    volume = obliqueVolume("Stack")
    source = SliceSource(volume, number=3)
    node = source.place(source.take())
    slicer.util.arrayFromVolume(volume)[3] += 50
    slicer.util.arrayFromVolumeModified(volume)
    assert source.place(source.take()) is node
    np.testing.assert_array_equal(arrayOf(node)[0], arrayOf(volume)[3])


def test_what_the_red_view_shows_is_taken():
    volume = centred()
    source = SliceSource(volume, view="Red")
    plane = np.eye(4)
    plane[2, 3] = 2.0
    view = aRedView(plane)
    np.testing.assert_allclose(arrayOf(source.take())[0], arrayOf(volume)[5], rtol=1e-5)
    before = source.state()
    plane[2, 3] = 4.0
    showPlane(view, plane)
    assert source.state() != before
    np.testing.assert_allclose(arrayOf(source.take())[0], arrayOf(volume)[6], rtol=1e-5)


def test_a_view_of_a_moved_volume_cuts_it_where_it_stands():
    volume = centred()
    parent = movedBy(volume, translation_mm=(5, -7, 30))
    plane = slicer.util.arrayFromTransformMatrix(parent) @ rotation((0, 0, 20))
    aRedView(plane)
    taken = SliceSource(volume, view="Red").take()
    centre = np.linalg.inv(rasFromIjk(taken)) @ [0, 0, 0, 1]
    assert centre[2] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (lambda: SliceSource(None), "No volume is chosen as slice or stack"),
        (lambda: SliceSource(centred(), number=9), "has no slice 9: its slices have the numbers 0 to 8"),
        (lambda: SliceSource(centred(), view="Blue"), "There is no Blue slice view"),
        (lambda: SliceSource(sliceVolume(shape_kji=(1, 1, 9))), "is a line of voxels"),
    ],
    ids=["no node", "no such number", "no such view", "a line"],
)
def test_what_is_no_slice_is_refused(source, text):
    with pytest.raises(InputError, match=text):
        source().check()


def test_a_view_beside_the_volume_is_refused_when_the_slice_is_taken():
    aRedView(np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 500.0], [0, 0, 0, 1]]))
    with pytest.raises(InputError, match="The Red view shows nothing of the volume 'Stack'"):
        SliceSource(centred(), view="Red").take()


def test_a_view_of_a_bent_volume_is_refused():
    volume = centred()
    aRedView()
    bentBy(volume)
    with pytest.raises(InputError, match="not linear"):
        SliceSource(volume, view="Red").check()
