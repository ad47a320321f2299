"""Displacement grids of the biplanar job as Slicer reads them: from the parent, and the right way round."""

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
import vtk

SHAPE_KJI = (12, 14, 16)
ORIGIN_LPS = np.array([-512.0, 233.0, 871.0])
SPACING_MM = np.array([3.0, 4.0, 5.0])
LPS = np.array([-1.0, -1.0, 1.0])


@pytest.fixture
def a_grid_file(tmp_path):
    """A field that grows linearly, as `results/grid_transform_file.py` writes them; slope in LPS."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in SHAPE_KJI), indexing="ij")
    points = np.stack([i, j, k], -1) * SPACING_MM
    slope = np.array([[0.05, -0.02, 0.01], [0.03, -0.04, 0.02], [0.01, 0.02, 0.06]])
    image = sitk.GetImageFromArray(points @ slope.T + [4.0, -7.0, 2.0], isVector=True)
    image.SetOrigin(ORIGIN_LPS.tolist())
    image.SetSpacing(SPACING_MM.tolist())
    path = tmp_path / "transform.h5"
    sitk.WriteTransform(sitk.DisplacementFieldTransform(image), str(path))
    return path


def test_a_grid_on_the_atlas_lays_it_where_itk_would_resample_it_from(a_grid_file):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "grid")
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(a_grid_file))
    assert storage.ReadData(node)
    to_world, from_world = vtk.vtkGeneralTransform(), vtk.vtkGeneralTransform()
    node.GetTransformToWorld(to_world)
    node.GetTransformFromWorld(from_world)
    itk = sitk.ReadTransform(str(a_grid_file))
    for index in ((5.2, 6.1, 4.4), (9.0, 3.3, 7.9)):
        world_lps = ORIGIN_LPS + SPACING_MM * index
        atlas_lps = np.array(itk.TransformPoint(world_lps.tolist()))
        assert np.linalg.norm(atlas_lps - world_lps) > 3
        # a point of the world comes from the point of the atlas that ITK samples there
        np.testing.assert_allclose(from_world.TransformPoint(world_lps * LPS), atlas_lps * LPS, atol=1e-3)
        # and the atlas's node, put under the transform, carries that point there
        np.testing.assert_allclose(to_world.TransformPoint(atlas_lps * LPS), world_lps * LPS, atol=1e-2)
