"""Slices taken out of volumes: where they lie, what they show, that they fit together again."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createVolume, rasFromIjk
from DeepRegistrationSlicer.MrmlSlices import fillFrom, numberedSlice, planeOf, planeThrough, sliceAxis

from Testing.Slicer.nodes import obliqueMatrix, obliqueVolume, rotation


def rasOf(volume, ijk) -> np.ndarray:
    return (rasFromIjk(volume) @ [*ijk, 1.0])[:3]


def aRamp(shape_kji=(9, 11, 13), spacing_mm=(0.7, 1.1, 2.3)):
    """An oblique volume whose value at each voxel is its first RAS coordinate."""
    matrix = obliqueMatrix(spacing_mm)
    k, j, i = np.indices(shape_kji)
    points = np.stack([i, j, k, np.ones(shape_kji)], axis=-1) @ matrix.T
    return createVolume(points[..., 0].astype(np.float64), matrix, "ramp")


def test_the_slices_of_a_stack_lie_across_its_thickest_axis():
    assert sliceAxis(obliqueVolume()) == 2
    turned = createVolume(np.zeros((5, 6, 7)), obliqueMatrix(spacing_mm=(3.0, 1.0, 1.0)), "turned")
    assert sliceAxis(turned) == 0


def test_the_slices_of_an_isotropic_volume_are_counted_along_k():
    assert sliceAxis(createVolume(np.zeros((5, 6, 7)), obliqueMatrix(spacing_mm=(1, 1, 1)), "same")) == 2


@pytest.mark.parametrize("shape_kji", [(1, 11, 13), (9, 1, 13), (9, 11, 1)])
def test_the_axis_with_one_voxel_is_across_the_slice(shape_kji):
    volume = createVolume(np.zeros(shape_kji), obliqueMatrix(), "single")
    assert sliceAxis(volume) == 2 - shape_kji.index(1)


@pytest.mark.parametrize("spacing_mm", [(0.7, 1.1, 2.3), (3.0, 1.1, 0.8), (1.1, 3.0, 0.8)])
def test_a_numbered_slice_shows_at_each_place_what_the_volume_shows_there(spacing_mm):
    volume = aRamp(spacing_mm=spacing_mm)
    taken = numberedSlice(volume, 4, "slice 4")
    columns, rows, count = taken.GetImageData().GetDimensions()
    assert count == 1
    array = slicer.util.arrayFromVolume(taken)
    for i, j in [(0, 0), (columns - 1, 0), (2, rows - 1)]:
        assert array[0, j, i] == pytest.approx(rasOf(taken, (i, j, 0))[0], abs=1e-6)
    assert np.linalg.det(rasFromIjk(taken)[:3, :3]) == pytest.approx(
        np.linalg.det(rasFromIjk(volume)[:3, :3]), rel=1e-6
    )
    assert taken.GetScene() is None


def test_a_plane_along_a_slice_shows_that_slice():
    volume = aRamp()
    plane = planeOf(volume, 4)
    taken = planeThrough(volume, plane, "plane")
    own = numberedSlice(volume, 4, "slice")
    # pixels of the smallest spacing: the columns agree, the rows are finer
    assert taken.GetImageData().GetDimensions()[0] == own.GetImageData().GetDimensions()[0]
    assert taken.GetSpacing()[2] == pytest.approx(2.3)
    np.testing.assert_allclose(plane[:3, 2] @ (plane[:3, 3] - rasOf(taken, (0, 0, 0))), 0, atol=1e-6)


def test_an_oblique_plane_shows_what_lies_on_it():
    volume = aRamp()
    plane = planeOf(volume) @ rotation((25, 30, 10))
    taken = planeThrough(volume, plane, "plane")
    array = slicer.util.arrayFromVolume(taken)[0]
    rows, columns = array.shape
    middle = (columns // 2, rows // 2, 0)
    assert array[middle[1], middle[0]] == pytest.approx(rasOf(taken, middle)[0], abs=1e-4)
    # it is as large as what it cuts: the border of the image holds pixels of the volume
    assert (array[:, [0, -1]] != 0).any()
    assert (array[[0, -1]] != 0).any()


def test_a_plane_beside_the_volume_shows_nothing():
    volume = aRamp()
    plane = planeOf(volume)
    plane[:3, 3] += 100 * plane[:3, 2]
    assert planeThrough(volume, plane, "plane") is None


def test_a_slice_filled_from_a_volume_shows_it_where_the_pose_says():
    volume = aRamp()
    target = numberedSlice(volume, 4, "target")
    pose = np.eye(4)
    pose[:3, 3] = (0.5, -0.4, 0.3)
    fillFrom(target, volume, pose)
    expected = (pose @ [*rasOf(target, (6, 5, 0)), 1.0])[0]
    assert arrayOf(target)[0, 5, 6] == pytest.approx(expected, abs=1e-4)


def test_the_plane_of_a_slice_passes_through_its_centre():
    volume = obliqueVolume(shape_kji=(1, 11, 13))
    plane = planeOf(volume)
    np.testing.assert_allclose(plane[:3, 3], rasOf(volume, (6, 5, 0)), atol=1e-9)
    np.testing.assert_allclose(plane[:3, :3].T @ plane[:3, :3], np.eye(3), atol=1e-6)
