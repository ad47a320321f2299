import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer import MrmlBridge
from DeepRegistrationSlicer.MrmlLabels import Label, renameSegments, writeLabelsOnGrid

from DeepRegistrationLib.errors import InputError
from Testing.Slicer.nodes import bentBy, movedBy, nodeIds, obliqueMatrix, obliqueVolume, rotation

BOX = (slice(2, 6), slice(3, 9), slice(1, 8))


def blocks(shape_kji=(9, 11, 13)):
    """Label 3 in a box, 7 in a corner of it."""
    values = np.zeros(shape_kji, np.int16)
    values[BOX] = 3
    values[2:4, 3:5, 1:3] = 7
    return values


def labelVolume(matrix=None, values=None):
    return MrmlBridge.createVolume(
        blocks() if values is None else values,
        obliqueMatrix() if matrix is None else matrix,
        "labels",
        "vtkMRMLLabelMapVolumeNode",
    )


def segmentationOf(volume):
    """A segmentation with the labels of a volume; the label volume is removed."""
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "segmentation")
    slicer.vtkSlicerSegmentationsModuleLogic.ImportLabelmapToSegmentationNode(volume, segmentation)
    slicer.mrmlScene.RemoveNode(volume)
    for index in range(segmentation.GetSegmentation().GetNumberOfSegments()):
        segmentation.GetSegmentation().GetNthSegment(index).SetName(("Brain", "Tumour")[index])
    segmentation.GetSegmentation().GetNthSegment(0).SetColor(0.25, 0.5, 0.75)
    return segmentation


def writeOnGrid(labels, grid, path):
    return writeLabelsOnGrid(labels, grid, grid.GetParentTransformNode(), path)


def writtenLabels(labels, grid, tmp_path):
    names = writeOnGrid(labels, grid, tmp_path / "labels.nrrd")
    node = MrmlBridge.loadVolume(tmp_path / "labels.nrrd", "written", "vtkMRMLLabelMapVolumeNode")
    np.testing.assert_allclose(MrmlBridge.rasFromIjk(node), MrmlBridge.rasFromIjk(grid), atol=1e-6)
    return names, MrmlBridge.arrayOf(node)


def test_labels_on_the_same_grid_are_written_voxel_by_voxel(tmp_path):
    _, values = writtenLabels(labelVolume(), obliqueVolume(), tmp_path)
    np.testing.assert_array_equal(values, blocks())


def test_labels_on_another_grid_are_found_where_they_lie(tmp_path):
    coarse = obliqueMatrix() @ np.diag([0.5, 0.5, 0.5, 1.0])
    fine = np.kron(blocks(), np.ones((2, 2, 2), np.int16))
    # the centre of a coarse voxel is the middle of its eight fine ones
    coarse[:3, 3] -= obliqueMatrix()[:3, :3] @ [0.25, 0.25, 0.25]
    _, values = writtenLabels(labelVolume(coarse, fine), obliqueVolume(), tmp_path)
    np.testing.assert_array_equal(values, blocks())


def test_a_transform_on_labels_and_volume_alike_changes_nothing(tmp_path):
    labels, volume = labelVolume(), obliqueVolume()
    transform = movedBy(volume)
    labels.SetAndObserveTransformNodeID(transform.GetID())
    _, values = writtenLabels(labels, volume, tmp_path)
    np.testing.assert_array_equal(values, blocks())


def test_labels_under_a_linear_transform_are_written_where_the_views_show_them(tmp_path):
    """Labels are drawn in a frame of their own; their transform lays them onto the volume."""
    volume = obliqueVolume()
    world_from_volume = MrmlBridge.matrixOf(movedBy(volume))
    labels = labelVolume(rotation((5, 6, 7)) @ obliqueMatrix())
    labelTransform = MrmlBridge.createLinearTransform(
        world_from_volume @ np.linalg.inv(rotation((5, 6, 7))), "of labels"
    )
    labels.SetAndObserveTransformNodeID(labelTransform.GetID())
    _, values = writtenLabels(labels, volume, tmp_path)
    np.testing.assert_array_equal(values, blocks())


def test_labels_under_a_bent_transform_are_written_where_the_views_show_them(tmp_path):
    shift_mm = np.array([3.0, -2.0, 4.0])
    matrix = obliqueMatrix()
    matrix[:3, 3] -= shift_mm
    labels = labelVolume(matrix)
    bentBy(labels, shift_mm)
    _, values = writtenLabels(labels, obliqueVolume(), tmp_path)
    np.testing.assert_array_equal(values, blocks())


def test_a_segmentation_is_written_with_its_names_and_colours(tmp_path):
    names, values = writtenLabels(segmentationOf(labelVolume()), obliqueVolume(), tmp_path)
    np.testing.assert_array_equal(values > 0, blocks() > 0)
    np.testing.assert_array_equal(values == 2, blocks() == 7)
    assert names[1] == Label("Brain", (0.25, 0.5, 0.75))
    assert names[2].name == "Tumour"


def test_a_segmentation_of_surfaces_is_turned_into_voxels_and_stays_as_it_was(tmp_path):
    segmentation = segmentationOf(labelVolume(values=np.where(blocks() > 0, 1, 0).astype(np.int16)))
    segments = segmentation.GetSegmentation()
    segments.CreateRepresentation("Closed surface")
    segments.SetSourceRepresentationName("Closed surface")
    segments.RemoveRepresentation("Binary labelmap")
    _, values = writtenLabels(segmentation, obliqueVolume(), tmp_path)
    overlap = 2 * np.sum((values > 0) & (blocks() > 0)) / (np.sum(values > 0) + np.sum(blocks() > 0))
    assert overlap > 0.85  # the surface is smoothed, and the box is 4 voxels thin
    assert not segments.ContainsRepresentation("Binary labelmap")


def test_colours_of_a_label_volume_come_from_its_colour_table(tmp_path):
    labels = labelVolume()
    labels.CreateDefaultDisplayNodes()
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", "key")
    table.SetTypeToUser()
    table.SetNumberOfColors(8)
    table.SetColor(7, "Thalamus", 0.1, 0.2, 0.3, 1.0)
    labels.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
    names, _ = writtenLabels(labels, obliqueVolume(), tmp_path)
    assert names[7].name == "Thalamus"
    np.testing.assert_allclose(names[7].colour, (0.1, 0.2, 0.3), atol=1 / 255)


def test_writing_labels_changes_neither_scene_nor_nodes(tmp_path):
    labels, volume = segmentationOf(labelVolume()), obliqueVolume()
    movedBy(labels, angles_deg=(0, 0, 0), translation_mm=(1, 0, 0))
    before, modified = nodeIds(), (labels.GetMTime(), volume.GetMTime())
    writeOnGrid(labels, volume, tmp_path / "labels.nrrd")
    assert nodeIds() == before
    assert (labels.GetMTime(), volume.GetMTime()) == modified


def test_labels_that_miss_the_volume_are_refused(tmp_path):
    labels = labelVolume()
    movedBy(labels, translation_mm=(900, 0, 0))
    with pytest.raises(InputError, match="'labels' marks no voxel of the volume 'subject'"):
        writeOnGrid(labels, obliqueVolume(), tmp_path / "labels.nrrd")
    assert not (tmp_path / "labels.nrrd").exists()


def test_a_segmentation_without_segments_is_refused(tmp_path):
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
    with pytest.raises(InputError, match="'empty' has no segments"):
        writeOnGrid(empty, obliqueVolume(), tmp_path / "labels.nrrd")


def test_segments_are_renamed_by_their_label_value(tmp_path):
    segmentation = segmentationOf(labelVolume())
    value = segmentation.GetSegmentation().GetNthSegment(1).GetLabelValue()
    renameSegments(segmentation, {value: Label("Left thalamus", (1.0, 0.5, 0.0))})
    segment = segmentation.GetSegmentation().GetNthSegment(1)
    assert (segment.GetName(), segment.GetColor()) == ("Left thalamus", (1.0, 0.5, 0.0))
    assert segmentation.GetSegmentation().GetNthSegment(0).GetName() == "Brain"


def test_a_mask_of_one_slice_lies_on_that_slice(tmp_path):
    values = blocks()[2:3]
    mask = labelVolume(values=values)
    writeLabelsOnGrid(mask, obliqueVolume(shape_kji=values.shape), None, tmp_path / "mask.nrrd")
    written = MrmlBridge.loadVolume(tmp_path / "mask.nrrd", "written", "vtkMRMLLabelMapVolumeNode")
    np.testing.assert_array_equal(MrmlBridge.arrayOf(written), values)
