import numpy as np

from DeepRegistrationLib.report.outlines import with_outlines
from DeepRegistrationLib.workflows.result import Segment

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def two_squares():
    labels = np.zeros((60, 60), dtype=np.int32)
    labels[10:50, 10:30], labels[10:50, 30:50] = 5, 300
    return labels


def test_each_label_gets_a_thin_edge_in_its_own_colour():
    picture = with_outlines(
        np.full((60, 60), 0.4), two_squares(), [Segment(5, "a", RED), Segment(300, "b", BLUE)], 2
    )
    assert picture[30, 29].tolist() == list(RED)
    assert picture[30, 30].tolist() == list(BLUE)
    np.testing.assert_allclose(picture[30, 20], 0.4)  # the inside stays visible
    np.testing.assert_allclose(picture[30, 5], 0.4)
    coloured = (picture.max(-1) - picture.min(-1)) > 0.5
    assert 150 < coloured.sum() < 300  # lines, no areas


def test_a_label_without_a_segment_is_grey():
    picture = with_outlines(np.zeros((60, 60)), two_squares(), [Segment(5, "a", RED)], 2)
    np.testing.assert_allclose(picture[30, 30], 0.7)


def test_the_steps_of_large_voxels_are_rounded():
    coarse = np.add.outer(np.arange(30), np.arange(30)) > 29  # a diagonal edge
    labels = np.kron(coarse, np.ones((4, 4))).astype(np.int32)

    def length(voxel_px):
        picture = with_outlines(np.zeros(labels.shape), labels, [Segment(1, "a", RED)], voxel_px)
        return int((picture[..., 0] > 0.5).sum())

    assert length(4) < 0.8 * length(0.1)
