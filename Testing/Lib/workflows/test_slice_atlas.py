"""Slices that end at the cortex are compared with an atlas that ends there too."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.workflows.fetal_slice_methods import _search_from
from DeepRegistrationLib.workflows.fetal_slice_search import size_cost, size_costs
from DeepRegistrationLib.workflows.fetal_slice_starts import propose_starts
from DeepRegistrationLib.workflows.prepared_atlas import prepare_atlas
from DeepRegistrationLib.workflows.prepared_slice import prepare_slice
from DeepRegistrationLib.workflows.slice_atlas import cerebrum_of
from DeepRegistrationLib.workflows.slice_poses import about, pose_of_matrix, towards
from Testing.Lib.workflows.phantom_slices import angle_deg, mirrored_pose, slices_of_head

CPU = torch.device("cpu")
LEFT_OUT = (94, 100, 101, 124)
"""Brainstem, both sides of the cerebellum, and the fluid around the brain."""


@pytest.fixture(scope="module")
def a_whole_brain(a_phantom_atlas):
    return prepare_atlas(a_phantom_atlas.nearest(28.0)[0], CPU)


def test_the_cerebrum_is_the_brain_without_the_fluid_around_it(a_whole_brain):
    _, mask, labels = fetal_brain_phantom(28, spacing_mm=2.0)
    left_out = float(torch.isin(labels.values, torch.tensor(LEFT_OUT)).sum() / mask.values.sum())
    kept = cerebrum_of(a_whole_brain).brain.volume_ml / a_whole_brain.brain.volume_ml
    # folds keep their fluid, so a little less than all of it goes
    assert 0.99 - left_out < kept < 1 - 0.5 * left_out


def test_an_atlas_without_labels_has_no_cerebrum(a_whole_brain):
    atlas = replace(a_whole_brain, source=replace(a_whole_brain.source, labels=None))
    assert cerebrum_of(atlas) is None


def test_a_slice_stripped_to_the_cortex_is_found_and_fits_the_cerebrum_better(a_whole_brain):
    image, mask, truth = slices_of_head(seed=3)
    cerebrum = cerebrum_of(a_whole_brain)
    geometry, inside = cerebrum.brain.mask.geometry, cerebrum.brain.mask.values
    ijk = _atlas_places(image, truth) @ geometry.ijk_from_ras[:3, :3].T + geometry.ijk_from_ras[:3, 3]
    i, j, k = np.rint(ijk).astype(int).clip(0, np.array(inside.shape[::-1]) - 1).T
    stripped = mask.with_values((inside[k, j, i] > 0.5).reshape(mask.values.shape) & mask.values)
    assert float(stripped.values.sum() / mask.values.sum()) < 0.95
    part = prepare_slice(image, stripped, None, CPU)
    settings = FetalSliceSettings(gestational_age_weeks=28.0, method=FetalSliceMethod.BANK)
    without, whole = (
        _search_from(
            propose_starts(atlas, part, settings, 1.0, None, unheard),
            atlas,
            part,
            settings,
            None,
            unheard,
        )
        for atlas in (cerebrum, a_whole_brain)
    )
    assert float(without.similarity[0]) > float(whole.similarity[0])
    found = without.poses.rigid().moving_from_fixed(0)
    assert min(angle_deg(found, pose) for pose in (truth, mirrored_pose(truth, image))) < 3.0


def unheard(fraction):
    """Nobody is told how far it is."""


def _atlas_places(image, truth):
    """(P, 3); where the pixels of a slice lie in the atlas, k slowest [mm, RAS]."""
    k, j, i = np.indices(image.values.shape).reshape(3, -1)
    points = np.stack([i, j, k, np.ones_like(i)], 1) @ (truth @ image.geometry.ras_from_ijk).T
    return points[:, :3]


def test_the_expected_size_costs_nothing_and_both_sides_the_same(a_whole_brain):
    image, mask, truth = slices_of_head(seed=1)
    part = prepare_slice(image, mask, None, CPU)
    poses = [pose_of_matrix(truth, part, a_whole_brain, scale) for scale in (1.0, 1.1, 1 / 1.1)]
    expected, larger, smaller = (float(size_costs(pose, 1.0)[0]) for pose in poses)
    assert expected == pytest.approx(0.0, abs=1e-9)
    assert larger == pytest.approx(smaller, rel=1e-4)
    assert larger == pytest.approx(size_cost(np.log(1.1)), rel=1e-4)
    assert larger > 0.02


def test_a_pose_about_other_points_is_the_same_map(a_whole_brain):
    image, mask, truth = slices_of_head(seed=2)
    part = prepare_slice(image, mask, None, CPU)
    pose = pose_of_matrix(truth, part, a_whole_brain, 1.07)
    moved = towards(about(pose, part.centre_ras + np.array([9.0, -4.0, 2.0])), np.array([3.0, 5.0, -7.0]))
    point = np.append(part.centre_ras + np.array([11.0, -20.0, 5.0]), 1.0)
    np.testing.assert_allclose(moved.moving_from_fixed() @ point, pose.moving_from_fixed() @ point, atol=1e-3)
