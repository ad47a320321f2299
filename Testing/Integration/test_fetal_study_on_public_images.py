"""A small part of the study, on real brains: what `make evaluate` measures in full."""

import pytest

from DeepRegistrationLib.evaluation.fetal_volume_study import StudySettings, run_study
from DeepRegistrationLib.evaluation.metrics import largest_disagreement_deg
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.trials import AS_IT_IS, KNOWN_POSE, Trial, TrialFile
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod

pytestmark = pytest.mark.slow


def turned_trials(public_images, output, group, rotations):
    settings = StudySettings(
        groups=(group,),
        methods=(FetalVolumeMethod.AUTO,),
        rotations=rotations,
        per_bin=0,
        device=Device.CPU,
        seed=1,
    )
    run_study(public_images, output, settings)
    trials = TrialFile(output / "trials.csv", Trial).trials
    return [trial for trial in trials if trial.draw not in (AS_IT_IS, KNOWN_POSE)]


@pytest.mark.parametrize("group", [PairGroup.STA, PairGroup.SPINA_BIFIDA])
def test_no_orientation_of_an_atlas_brain_is_lost(public_images, tmp_path, group):
    trials = turned_trials(public_images, tmp_path, group, rotations=2)
    assert len(trials) == {PairGroup.STA: 28, PairGroup.SPINA_BIFIDA: 10}[group]
    assert max(trial.rotation_error_deg for trial in trials) <= 2.0
    assert max(trial.translation_error_mm for trial in trials) <= 2.0
    assert all(trial.trust != "low" for trial in trials)


def test_a_newborn_in_another_contrast_is_never_lost(public_images, tmp_path):
    trials = turned_trials(public_images, tmp_path, PairGroup.NEWBORN, rotations=4)
    assert max(trial.rotation_error_deg for trial in trials) <= 10.0


def test_a_reconstructed_fetus_ends_in_one_pose_from_any_orientation(public_images, tmp_path):
    trials = turned_trials(public_images, tmp_path, PairGroup.FETUS, rotations=5)
    assert largest_disagreement_deg([trial.matrix for trial in trials]) <= 2.0
