"""Voxel sizes of the public CTs: a wrong header makes bones too small, and every error in mm with them."""

from pathlib import Path

import numpy as np
import pytest

from DeepRegistrationLib.data.xray_split import TS0561_HEADER_FACTOR, XRAY_CTS
from DeepRegistrationLib.images.read import read_volume

CTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct-bone"
pytestmark = pytest.mark.skipif(
    not CTS.is_dir(), reason="the public CTs are not there: ../shared/data beside the checkout"
)
# labels of lumbar vertebrae; from middle to middle two of them are as far as one and its disc
L1, L4 = 20, 23
FACTOR = {"ts0561": TS0561_HEADER_FACTOR}


def labels_of(name):
    entry = next(ct for ct in XRAY_CTS if ct.name == name)
    return read_volume(entry.paths(CTS)[1], labels=True)


def points_of(labels, chosen):
    """(N, 3) voxels with one of the labels [mm]."""
    matrix = labels.geometry.ras_from_ijk
    ijk = np.argwhere(np.isin(labels.values.numpy(), list(chosen)))[:, ::-1]
    return ijk @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("name", ["colon0532", "colon0646", "verse081", "ts0561"])
def test_lumbar_vertebrae_lie_as_far_apart_as_those_of_adults(name):
    labels = labels_of(name)
    there = [value for value in range(L1, L4 + 1) if (labels.values == value).any()]
    middles = np.array([points_of(labels, [value]).mean(0) for value in there])
    steps = np.linalg.norm(np.diff(middles, axis=0), axis=1) * FACTOR.get(name, 1.0)
    assert (steps > 28).all()
    assert (steps < 38).all()


@pytest.mark.parametrize(
    ("name", "pelvis"),
    [
        ("pelvis001", range(1, 31)),
        ("pelvis002", range(1, 31)),
        ("pelvis003", range(1, 31)),
        ("colon0243", range(1, 4)),
        ("ts0561", range(50, 53)),
    ],
)
def test_pelves_are_as_wide_as_those_of_adults(name, pelvis):
    points = points_of(labels_of(name), pelvis)
    assert 240 < np.ptp(points[:, 0]) * FACTOR.get(name, 1.0) < 310


def test_the_header_of_ts0561_alone_makes_a_child_of_an_adult():
    points = points_of(labels_of("ts0561"), range(50, 53))
    assert np.ptp(points[:, 0]) < 200
