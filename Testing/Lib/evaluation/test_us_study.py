import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from safetensors.torch import save_file

from DeepRegistrationLib.data.us_subjects import FrameSet
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.bootstrap import bootstrap_interval
from DeepRegistrationLib.evaluation.us_paper import (
    PAPER_SIZE,
    TABLE_1,
    PaperErrors,
    errors_of_method,
    errors_of_training,
    joined_single,
    paper_table,
    signed,
)
from DeepRegistrationLib.evaluation.us_study import UsStudySettings, known_motion_table, run_us_study
from DeepRegistrationLib.evaluation.us_tracked import (
    TrackedSweep,
    distance_table,
    drift_table,
    tracked_table,
)
from DeepRegistrationLib.evaluation.us_trials import UsTrial
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_triplet_net import UsTripletNet
from Testing.Lib.ultrasound import in_machine, moved_frame


def test_a_bootstrap_interval_holds_the_mean_and_shrinks_with_more_values():
    random = np.random.default_rng(1)
    few, many = random.normal(3, 1, 20), random.normal(3, 1, 400)
    (low, high), (low_many, high_many) = bootstrap_interval(few), bootstrap_interval(many)
    assert low < few.mean() < high
    assert high_many - low_many < 0.5 * (high - low)


def test_blocks_widen_the_interval_of_values_that_are_like_their_neighbours():
    steps = np.repeat(np.random.default_rng(0).normal(0, 1, 20), 8)
    (low, high), (low_block, high_block) = bootstrap_interval(steps), bootstrap_interval(steps, block=8)
    assert high_block - low_block > 1.5 * (high - low)
    with pytest.raises(ValueError, match="does not fit"):
        bootstrap_interval(steps, block=0)


def trial(subject, error, protocol="continuous", method="network"):
    return UsTrial(protocol, subject, 0, method, 5.0, error, 0.3, 0.9)


def test_the_table_names_the_subjects_of_failures():
    text = known_motion_table([trial("a", 0.1), trial("a", -0.3), trial("b", 2.0)])
    assert "0.800" in text  # mean of 0.1, 0.3, 2.0
    assert "1 of 3: b" in text


def test_the_papers_figures_stand_beside_ours_with_their_signs():
    ours = [PaperErrors("ours, 1", False, {"-1": np.array([-2.0, 4.0]), "+1": np.array([1.0, 1.0])})]
    text = paper_table(TABLE_1, joined_single(ours))
    assert "-63.39" in text
    assert "+1.00 (3.00)" in text


def test_trainings_of_single_angles_become_one_row():
    one = PaperErrors("its network, 2e-05, 64 x 32", False, {"-1": np.zeros(2), "+1": np.zeros(2)})
    three = PaperErrors("its network, 2e-05, 64 x 32", False, {"-3": np.ones(2), "+3": np.ones(2)})
    (row,) = joined_single([one, three])
    assert set(row.percent) == {"-1", "+1", "-3", "+3"}


@pytest.fixture
def two_frames():
    values = torch.stack([moved_frame(0.0, (0.0, 0.0), 96, seed) for seed in (0, 1)])[:, None]
    first, count = torch.tensor([0, 1]), torch.tensor([1, 1])
    return FrameSet(values, torch.ones_like(values), first, count, ("a", "b"))


def test_a_training_of_the_papers_network_is_measured_by_its_folder(two_frames, tmp_path):
    torch.manual_seed(0)
    save_file(UsTripletNet().state_dict(), tmp_path / "weights.safetensors")
    recipe = {"angles_deg": [1.0, 3.0], "columns": 64, "rows": 32, "training": {"learning_rate": 2e-4}}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    own = errors_of_training(tmp_path, two_frames)
    assert own.mixed
    assert own.name == "its network, 0.0002, 64 x 32"
    assert {name: len(errors) for name, errors in own.percent.items()} == dict.fromkeys(signed([1, 3]), 2)
    assert set(errors_of_training(tmp_path, two_frames, (2.0,)).percent) == {"-2", "+2"}
    with pytest.raises(InputError, match="Name its output folder"):
        errors_of_training(tmp_path / "none", two_frames)


def test_frames_of_the_papers_size_give_the_angle_too(two_frames):
    found = errors_of_method(UsAnglesMethod.SEARCH_REFINE, two_frames, None, PAPER_SIZE, (5.0,))
    assert found.name == "search+refine, 64 x 32"
    assert all(np.abs(found.percent[column]).max() < 10 for column in ("-5", "+5"))


def tracked(true, found, first=None, out_of_plane=None, confidence=None):
    count = len(true)
    return TrackedSweep(
        "bone, freehand",
        1,
        "network",
        np.array(true),
        np.array(found),
        np.zeros(count) if out_of_plane is None else np.array(out_of_plane),
        np.arange(count) if first is None else np.array(first),
        np.ones(count) if confidence is None else np.array(confidence),
    )


def test_the_guesses_of_a_tracked_sweep_need_no_image():
    true = np.array([0.1, -0.2, 0.3, 0.2, 0.1])
    sweep = tracked(true, true + 0.01)
    errors = sweep.errors()
    np.testing.assert_allclose(errors["network"], 0.01)
    np.testing.assert_allclose(errors["zero motion"], np.abs(true))
    assert errors["mean motion"][0] == pytest.approx(abs(true[1:].mean() - true[0]))
    assert "0.010" in tracked_table([sweep])


def test_errors_of_chained_motions_add_up_and_do_not_cross_a_gap_of_the_tracker():
    true = np.array([0.1, 0.2, 0.3, 0.4])
    sweep = tracked(true, true + 0.01, first=[0, 1, 5, 6])
    errors = sweep.chained_errors(2)
    np.testing.assert_allclose(errors["network"], [0.02, 0.02])
    np.testing.assert_allclose(errors["zero motion"], [0.3, 0.7])
    np.testing.assert_allclose(errors["mean motion"], [abs(0.7 - 0.3), abs(0.3 - 0.7)])


def test_the_drift_of_a_short_sweep_has_no_interval():
    true = np.linspace(0.1, 0.4, 9)
    text = drift_table([tracked(true, true + 0.01)])
    assert "| 4 | 6 | network | 0.040 |" in text
    assert "too short for an interval" in text
    assert "| bone, freehand | 8 |" not in text


def test_refusals_are_counted_by_the_distance_out_of_the_image():
    sweep = tracked([0.1] * 3, [0.1, 0.3, 0.6], out_of_plane=[0.5, -0.5, 3.0], confidence=[0.9, 0.4, 0.2])
    text = distance_table([sweep])
    assert "| network | 0 to 0.75 | 2 | 0.10 | 0.18 | 50 % | 0.650 |" in text
    assert "| network | 2.75 to 3.25 | 1 | 0.50 | 0.50 | 100 % | 0.200 |" in text


def test_a_small_study_runs_from_files_to_its_page(tmp_path):
    for folder, name, seed in (("busi", "benign_014", 0), ("busi", "benign_016", 1)):
        (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
        picture = in_machine(moved_frame(0.0, (0.0, 0.0), 240, seed))
        sitk.WriteImage(sitk.GetImageFromArray(picture), str(tmp_path / "data" / folder / f"{name}.png"))
    settings = UsStudySettings((UsAnglesMethod.SEARCH_REFINE,), triplets=2)
    page = run_us_study(tmp_path / "data", tmp_path / "out", settings).read_text(encoding="utf-8")
    assert "busi/benign_014" in page
    assert (tmp_path / "out" / "us_errors.png").is_file()
    assert (tmp_path / "out" / "us_trials.csv").read_text().count("\n") == 1 + 4 * 2 * 2 * 2
