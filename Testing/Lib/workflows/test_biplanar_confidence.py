"""How far a bent atlas may be trusted."""

from dataclasses import replace

import pytest

from DeepRegistrationLib.workflows.biplanar_confidence import BiplanarEvidence, judge
from DeepRegistrationLib.workflows.result import Trust

GOOD = BiplanarEvidence(edges=0.6, outline_mm=0.5, unusual=0.6, uncertainty_mm=2.0, folded=0, masked=1.0)


def test_outlines_and_edges_that_agree_are_trusted():
    found = judge(GOOD)
    assert found.trust is Trust.HIGH
    assert found.reason.startswith("Atlas and radiographs agree (outlines 0.5 mm apart")


@pytest.mark.parametrize(
    ("worse", "reason"),
    [
        ({"edges": 0.05}, "Edges within the bone's shadow"),
        ({"outline_mm": 6.0}, "The outline of the bent atlas"),
        ({"unusual": 1.2}, "The shape or its start is far"),
        ({"uncertainty_mm": 15.0}, "The views leave the place"),
        ({"folded": 1}, "The deformation folds"),
    ],
)
def test_one_piece_of_evidence_that_is_bad_is_enough_to_doubt(worse, reason):
    found = judge(replace(GOOD, **worse))
    assert found.trust is Trust.LOW
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(("outline_mm", "masked"), [(float("nan"), 0.0), (0.5, 0.5)])
def test_a_fit_without_the_outline_in_every_view_is_to_be_looked_at(outline_mm, masked):
    found = judge(replace(GOOD, outline_mm=outline_mm, masked=masked))
    assert found.trust is Trust.LOW
    assert found.reason.startswith("Without the bone's outline in every view")
