"""CTs of the collection, read with voxels of their true size."""

import numpy as np
import torch

from DeepRegistrationLib.data.xray_ct_files import read_xray_ct
from DeepRegistrationLib.data.xray_split import XrayCt, XraySplit
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from Testing.Lib.pictures import oblique_geometry

FAR = (400.0, -250.0, 900.0)


def a_volume(dtype):
    geometry = oblique_geometry((4, 5, 6), (1.0, 2.0, 3.0), FAR)
    return Volume(torch.arange(120, dtype=dtype).reshape(4, 5, 6), geometry)


def test_a_wrong_header_is_made_good_in_ct_and_labels(tmp_path):
    ct, labels = a_volume(torch.float32), a_volume(torch.int16)
    write_nrrd(ct, tmp_path / "ct.nrrd")
    write_nrrd(labels, tmp_path / "labels.nrrd")
    entry = XrayCt("one", "ct.nrrd", "labels.nrrd", XraySplit.REPORT, header_factor=1.5)
    for read, written in zip(read_xray_ct(entry, tmp_path), (ct, labels), strict=True):
        assert np.allclose(read.geometry.spacing_mm, (1.5, 3.0, 4.5))
        expected = 1.5 * written.geometry.ras_from_ijk[:3]
        assert np.allclose(read.geometry.ras_from_ijk[:3], expected, atol=1e-4)
        assert torch.equal(read.values.double(), written.values.double())


def test_a_header_that_runs_backwards_is_turned_round_in_ct_and_labels(tmp_path):
    ct, labels = a_volume(torch.float32), a_volume(torch.int16)
    write_nrrd(ct, tmp_path / "ct.nrrd")
    write_nrrd(labels, tmp_path / "labels.nrrd")
    entry = XrayCt("one", "ct.nrrd", "labels.nrrd", XraySplit.REPORT, header_factor=1.5, reversed_axis=1)
    for read, written in zip(read_xray_ct(entry, tmp_path), (ct, labels), strict=True):
        # the first voxel of each row along j is where the last one was
        for before, after in (((2, 0, 3), (2, 4, 3)), ((0, 1, 0), (0, 3, 0))):
            k, j, i = after
            expected = 1.5 * written.geometry.ras_from_ijk[:3] @ [i, j, k, 1]
            k, j, i = before
            assert np.allclose(read.geometry.ras_from_ijk[:3] @ [i, j, k, 1], expected, atol=1e-3)
        assert torch.equal(read.values.double(), written.values.double())


def test_a_ct_without_labels_has_none(tmp_path):
    write_nrrd(a_volume(torch.float32), tmp_path / "ct.nrrd")
    ct, labels = read_xray_ct(XrayCt("one", "ct.nrrd", None, XraySplit.TUNING), tmp_path)
    assert labels is None
    assert np.allclose(ct.geometry.spacing_mm, (1.0, 2.0, 3.0))
