"""The fetal volume job on phantoms: any orientation, contrast and age; how it refuses and stops."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.geometry.rigid import rotation_error_deg, translation_error_mm
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import (
    Device,
    FetalVolumeMethod,
    FetalVolumeSettings,
    FinalMeasure,
    TransformModel,
)
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register
from DeepRegistrationLib.workflows.result import Trust
from Testing.Lib.pictures import FAR, oblique_geometry
from Testing.Lib.workflows.conftest import head_turned_by

WEEK_28 = FetalVolumeSettings(gestational_age_weeks=28.0)


def errors(result, subject_from_atlas):
    """Degrees, and mm at the centre of the brain."""
    found = result.transforms["atlas_from_subject"].matrix
    true = np.linalg.inv(subject_from_atlas)
    return float(rotation_error_deg(found, true)), float(translation_error_mm(found, true, FAR))


@pytest.mark.parametrize("angle_deg", [0, 40, 75, 105, 140, 179])
def test_any_orientation_is_found(a_phantom_atlas, angle_deg):
    image, mask, _, truth = head_turned_by(angle_deg, seed=angle_deg)
    result = register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28)
    degrees, mm = errors(result, truth)
    assert degrees < 0.5
    assert mm < 0.5
    assert result.confidence.trust == Trust.HIGH


def test_without_a_mask_the_brain_is_found_first(a_phantom_atlas):
    image, _, _, truth = head_turned_by(130, seed=7)
    degrees, mm = errors(register(FetalVolumeInputs(image, None, a_phantom_atlas), WEEK_28), truth)
    assert degrees < 0.5
    assert mm < 0.5


@pytest.mark.parametrize("measure", list(FinalMeasure))
def test_another_contrast_is_found_too(a_phantom_atlas, measure):
    image, mask, _, truth = head_turned_by(160, seed=3)
    dark_fluid = image.with_values(torch.where(mask.values, 1250 - image.values, torch.zeros(1)))
    settings = dataclasses.replace(WEEK_28, measure=measure)
    degrees, mm = errors(register(FetalVolumeInputs(dark_fluid, mask, a_phantom_atlas), settings), truth)
    assert degrees < 1
    assert mm < 0.5


def test_the_bank_alone_finds_the_same_contrast(a_phantom_atlas):
    image, mask, _, truth = head_turned_by(115, seed=5)
    settings = dataclasses.replace(WEEK_28, method=FetalVolumeMethod.BANK)
    result = register(FetalVolumeInputs(image, mask, a_phantom_atlas), settings)
    assert errors(result, truth)[0] < 0.5
    assert "normalized-correlation" in result.similarity


def test_a_baseline_finds_a_small_turn(a_phantom_atlas):
    image, mask, _, truth = head_turned_by(12, seed=2)
    settings = dataclasses.replace(WEEK_28, method=FetalVolumeMethod.VVR_GC)
    result = register(FetalVolumeInputs(image, mask, a_phantom_atlas), settings)
    degrees, mm = errors(result, truth)
    assert degrees < 2
    assert mm < 1


def test_the_age_is_estimated_from_size_and_similarity(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(60, seed=4, week=32)
    result = register(FetalVolumeInputs(image, mask, a_phantom_atlas), FetalVolumeSettings())
    assert result.settings["atlas_age_weeks"] == 32


def test_an_age_that_the_atlas_lacks_is_reported(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(60, seed=4, week=32)
    settings = FetalVolumeSettings(gestational_age_weeks=36.0)
    result = register(FetalVolumeInputs(image, mask, a_phantom_atlas), settings)
    assert "no image within 2 weeks of 36 weeks; week 32 was used" in result.warnings[0]


def test_the_size_is_fitted_and_left_out_of_a_rigid_answer(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(60, seed=4, week=31)
    rigid = register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28)
    settings = dataclasses.replace(WEEK_28, transform_model=TransformModel.SIMILARITY)
    similar = register(FetalVolumeInputs(image, mask, a_phantom_atlas), settings)
    scale = np.linalg.det(similar.fixed_from_moving[:3, :3]) ** (1 / 3)
    assert np.linalg.det(rigid.fixed_from_moving[:3, :3]) == pytest.approx(1, abs=1e-9)
    # the phantoms' radii follow the cube root of the brain volumes of both ages
    assert scale == pytest.approx((215 / 284) ** (1 / 3), abs=0.03)


def test_the_warped_image_looks_like_the_atlas_and_labels_fit_the_subject(a_phantom_atlas):
    image, mask, labels, _ = head_turned_by(100, seed=9)
    result = register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28)
    both = torch.stack([result.warped.values.flatten(), result.fixed.values.flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.97
    assert result.warped.geometry.is_close(result.fixed.geometry)
    assert result.segmentation.geometry.is_close(image.geometry)
    for value in (112, 101, 94):  # left cortex, right cerebellum, brainstem
        found, true = result.segmentation.values == value, labels.values == value
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.8


def test_two_runs_give_the_same_answer(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(150, seed=11)
    first, second = (register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28) for _ in range(2))
    assert np.array_equal(first.fixed_from_moving, second.fixed_from_moving)
    assert first.confidence == second.confidence


def test_progress_only_grows_and_names_its_stages(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(20)
    seen = []
    register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28, lambda p: seen.append(p) or True)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9
    assert len({progress.text for progress in seen}) == 5


@pytest.mark.parametrize("after", [0, 3, 9, 15, 20])
def test_a_refused_report_stops_at_once(a_phantom_atlas, after):
    image, mask, _, _ = head_turned_by(20)
    seen = []

    def report(progress):
        seen.append(progress)
        return len(seen) <= after

    with pytest.raises(Cancelled):
        register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28, report)
    assert len(seen) == after + 1


def other_objects():
    grid = oblique_geometry((70, 76, 72), (1.8, 1.7, 1.9), FAR)
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape_kji), indexing="ij")
    points = np.stack([i, j, k], -1) @ grid.ras_from_ijk[:3, :3].T + grid.ras_from_ijk[:3, 3] - FAR
    inside = ((points / [34, 44, 32]) ** 2).sum(-1) < 1
    generator = np.random.default_rng(0)
    smooth = 400 + 200 * np.cos(points[..., 0] / 20) * inside
    return {
        "smooth ellipsoid": inside * 500.0,
        "shaded ellipsoid": inside * smooth,
        "noisy ellipsoid": inside * generator.uniform(300, 700, inside.shape),
        "noise": generator.uniform(0, 1000, inside.shape),
    }, grid


@pytest.mark.parametrize("name", ["smooth ellipsoid", "shaded ellipsoid", "noisy ellipsoid", "noise"])
def test_other_objects_are_not_trusted(a_phantom_atlas, name):
    objects, grid = other_objects()
    values = torch.tensor(objects[name], dtype=torch.float32)
    result = register(
        FetalVolumeInputs(Volume(values, grid, name), None, a_phantom_atlas), FetalVolumeSettings()
    )
    assert result.confidence.trust == Trust.LOW
    assert result.confidence.reason.startswith("This does not look like a fetal brain")


def test_a_brain_of_adult_size_is_not_trusted(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(30)
    matrix = image.geometry.ras_from_ijk.copy()
    matrix[:3, :3] *= 1.9  # 1500 mL
    grown = dataclasses.replace(image.geometry, ras_from_ijk=matrix)
    inputs = FetalVolumeInputs(
        Volume(image.values, grown, "head"), Volume(mask.values, grown, "mask"), a_phantom_atlas
    )
    result = register(inputs, FetalVolumeSettings())
    assert result.confidence.trust == Trust.LOW
    assert "mL, fetal brains have" in result.confidence.reason


def test_an_empty_mask_is_refused(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(30)
    empty = mask.with_values(torch.zeros_like(mask.values))
    with pytest.raises(InputError, match=r"is empty.*Choose another mask"):
        register(FetalVolumeInputs(image, empty, a_phantom_atlas), WEEK_28)


def test_a_mask_on_another_grid_is_refused(a_phantom_atlas):
    image, _, _, _ = head_turned_by(30)
    other = oblique_geometry((20, 20, 20), (2, 2, 2), FAR)
    mask = Volume(torch.ones((20, 20, 20), dtype=torch.bool), other, "mask")
    with pytest.raises(InputError, match="lies on another grid"):
        register(FetalVolumeInputs(image, mask, a_phantom_atlas), WEEK_28)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that must be missing here")
def test_a_missing_device_is_named(a_phantom_atlas):
    image, mask, _, _ = head_turned_by(30)
    settings = dataclasses.replace(WEEK_28, device=Device.CUDA)
    with pytest.raises(RegistrationError, match=r"'cuda' was asked for.*offers only: cpu"):
        register(FetalVolumeInputs(image, mask, a_phantom_atlas), settings)
