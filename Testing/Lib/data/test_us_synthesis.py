from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.data.us_paper_triplets import paper_triplets
from DeepRegistrationLib.data.us_speckle import decorrelated, regained, speckle
from DeepRegistrationLib.data.us_split import split_of_subject, subject_of, ultrasound_files
from DeepRegistrationLib.data.us_subjects import FrameSet, load_frame_set
from DeepRegistrationLib.data.us_synthesis import TripletSynthesis, synthesize_triplets
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.optimize.us_pairs import PairMotion, brought_back
from Testing.Lib.ultrasound import in_machine, moved_frame

DATA = Path(__file__).parents[4] / "shared" / "data" / "ultrasound"
PLAIN = TripletSynthesis(speckle=0, noise=0, gain=0, depth_gain=0, gamma=0, whole_picture=0, fan=0)


@pytest.fixture
def two_subjects():
    frames = torch.stack([moved_frame(0.0, (0.0, 0.0), 96, seed) for seed in (0, 1)])[:, None]
    return FrameSet(frames, torch.ones_like(frames), torch.tensor([0, 1]), torch.tensor([1, 1]), ("a", "b"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_angle_and_shift_of_a_triplet_bring_its_frames_onto_the_middle_one(two_subjects):
    made = synthesize_triplets(two_subjects, torch.tensor([0, 1, 0]), 64, PLAIN, generator())
    for side, frame in ((0, 0), (1, 2)):
        motion = PairMotion(made.angle[:, side], made.shift[:, side])
        both = torch.cat([made.frames[:, frame : frame + 1], made.mask], 1)
        back, seen = brought_back(both, motion).split(1, 1)
        inside = (seen > 0.99) * made.mask
        assert inside.sum() > 1000
        error = (back - made.frames[:, 1:2]).abs() * inside
        assert error.sum() / inside.sum() < 0.015  # of 1; interpolation
        still = (made.frames[:, frame : frame + 1] - made.frames[:, 1:2]).abs() * inside
        assert still.sum() > 5 * error.sum()


def test_one_seed_gives_one_triplet(two_subjects):
    chosen = torch.tensor([0, 1])
    one, same, other = (
        synthesize_triplets(two_subjects, chosen, 64, TripletSynthesis(), generator(seed))
        for seed in (3, 3, 4)
    )
    assert torch.equal(one.frames, same.frames)
    assert not torch.equal(one.frames, other.frames)
    assert one.frames.min() >= 0
    assert one.frames.max() <= 1


def test_the_sector_stays_where_it_is_while_its_content_turns(two_subjects):
    made = synthesize_triplets(
        two_subjects, torch.tensor([0, 1]), 64, TripletSynthesis(fan=1.0, whole_picture=0.0), generator(1)
    )
    assert not (made.frames * (1 - made.mask)).any()
    # the upper corners lie outside every fan, the middle inside
    assert not made.mask[..., 0, [0, -1]].any()
    assert made.mask[..., 32, 32].all()


def test_speckle_has_unit_variance_and_is_wider_than_deep():
    made = speckle(4, 96, generator())
    torch.testing.assert_close(made.mean(), torch.tensor(0.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(made.std(), torch.tensor(1.0), atol=1e-2, rtol=0)
    across, along = (made[..., 1:] * made[..., :-1]).mean(), (made[:, :, 1:] * made[:, :, :-1]).mean()
    assert across > along > 0.1


def test_frames_with_speckle_of_their_own_correlate_the_less_the_stronger_it_is(two_subjects):
    frames = two_subjects.values[:1].expand(-1, 2, -1, -1)
    correlations = []
    for strength in (0.05, 0.2, 0.5):
        made = decorrelated(frames, torch.tensor(strength).reshape(1, 1, 1, 1), generator())
        correlations.append(float(torch.corrcoef(made[0].flatten(1))[0, 1]))
    assert correlations == sorted(correlations, reverse=True)
    assert torch.equal(decorrelated(frames, torch.zeros(1, 1, 1, 1), generator()), frames)


def test_a_change_of_gain_leaves_where_things_are(two_subjects):
    frames = two_subjects.values
    made = regained(frames, 0.2, 0.1, 0.2, generator())
    assert torch.corrcoef(torch.stack([made.flatten(), frames.flatten()]))[0, 1] > 0.9
    assert torch.equal(regained(frames, 0.0, 0.0, 0.0, generator()), frames.clamp(0, 1))


def test_the_papers_triplets_turn_the_whole_picture_by_the_angle_and_its_opposite(two_subjects):
    made = paper_triplets(two_subjects, torch.tensor([0, 1]), (5.0,), (96, 96), generator(), vary=0.0)
    torch.testing.assert_close(made.angle.rad2deg(), torch.tensor([[-5.0, 5.0]] * 2))
    # unturned is the frame itself, corners of the others are black
    assert (made.frames[:, 1] - two_subjects.values[:, 0]).abs().mean() < 0.02
    assert made.frames[:, 0, 0, -1].max() == 0
    back = brought_back(made.frames[:, 2:], PairMotion(made.angle[:, 1], torch.zeros(2, 2)))
    middle = (slice(None), slice(None), slice(20, 76), slice(20, 76))
    assert (back[middle] - made.frames[:, 1:2][middle]).abs().mean() < 0.01


def test_the_papers_triplets_have_its_sizes_and_each_angle_equally_often(two_subjects):
    made = paper_triplets(two_subjects, torch.zeros(6).long(), (1.0, 3.0, 5.0), (64, 32), generator())
    assert made.frames.shape == (6, 3, 32, 64)
    found = [round(angle, 3) for angle in made.angle[:, 1].rad2deg().tolist()]
    assert sorted(found) == [1.0, 1.0, 3.0, 3.0, 5.0, 5.0]


def test_every_subject_has_one_use_and_cases_of_one_subject_stay_together():
    assert split_of_subject(subject_of(Path("hip-us/171555.dcm"))) == Split.TRAIN
    assert subject_of(Path("hip-us/171555.dcm")) == subject_of(Path("hip-us/171554.dcm"))
    assert split_of_subject(subject_of(Path("plus/BoneUltrasound_L14.igs.mha"))) == Split.TEST
    lesion = {subject_of(Path(f"busi/malignant_00{number}.png")) for number in (4, 5, 7, 8)}
    assert lesion == {"busi/malignant_004"}


@pytest.mark.skipif(
    not DATA.is_dir(), reason="the public ultrasound is not there: ../shared/data beside the checkout"
)
def test_the_public_subjects_are_divided_without_rest():
    of = {split: {subject for subject, _ in ultrasound_files(DATA, split)} for split in Split}
    assert [len(of[split]) for split in Split] == [13, 6, 10]
    assert not of[Split.TRAIN] & (of[Split.TEST] | of[Split.VALIDATION])


def test_frames_of_a_folder_are_loaded_by_subject(tmp_path):
    (tmp_path / "busi").mkdir()
    for name in ("benign_001", "benign_002", "benign_014"):
        picture = in_machine(moved_frame(0.0, (0.0, 0.0)))
        sitk.WriteImage(sitk.GetImageFromArray(picture), str(tmp_path / "busi" / f"{name}.png"))
    loaded = load_frame_set(tmp_path, Split.TRAIN, 48, torch.device("cpu"))
    assert loaded.subjects == ("busi/benign_001", "busi/benign_002")
    assert loaded.values.shape == (2, 1, 48, 48)
    assert np.isclose(float(loaded.mask.mean()), 1.0, atol=0.05)
    with pytest.raises(InputError, match="holds no ultrasound frames"):
        load_frame_set(tmp_path, Split.VALIDATION, 48, torch.device("cpu"))
