"""The study of CT and radiographs: a small body for a public CT, from the terminal, stopped and joined."""

import dataclasses

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.data.xray_split import XraySplit, cts_of
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.trials import TrialFile
from DeepRegistrationLib.evaluation.xray_ct_study import TRIALS_FILE, XrayStudySettings, run_xray_study
from DeepRegistrationLib.evaluation.xray_study_cts import draw_poses, load_study_ct
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.evaluation.xray_targets import radiographs_of, random_acquisition
from DeepRegistrationLib.evaluation.xray_trials import XrayTrial
from DeepRegistrationLib.images.write import write_nifti
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod
from Testing.Lib.xray_case import a_body

NAME, BONE_ONLY = "ts0561", "pelvis001"
SMALL = XrayStudySettings(
    targets=(XrayTarget.TWO_VIEWS,), methods=(XrayCtMethod.AUTO,), trials=1, cts=(NAME,), device=Device.CPU
)


@pytest.fixture(scope="module")
def a_collection(tmp_path_factory):
    """Folder in which a body of ellipsoids lies under the names of public CTs."""
    folder = tmp_path_factory.mktemp("ct-bone")
    ct, labels = a_body(4.0)
    for entry in cts_of(XraySplit.REPORT):
        if entry.name in (NAME, BONE_ONLY):
            for image, path in zip((ct, labels), entry.paths(folder), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_nifti(image, path)
    return folder


@pytest.fixture(scope="module")
def a_finished_study(a_collection, tmp_path_factory):
    output = tmp_path_factory.mktemp("study")
    words = ["evaluate", "xray-ct", "--data", a_collection, "--output", output, "--target", "two-views"]
    words += ["--method", "auto", "--trials", 1, "--ct", NAME, "--device", "cpu", "--quiet"]
    done = CliRunner().invoke(app, list(map(str, words)))
    return output, done


def test_the_program_measures_and_prints_the_tables(a_finished_study):
    output, done = a_finished_study
    assert done.exit_code == 0, done.output
    (trial,) = TrialFile(output / TRIALS_FILE, XrayTrial).trials
    assert (trial.ct, trial.target, trial.method, trial.error) == (NAME, "two-views", "auto", "")
    assert trial.start_deg > 1.0
    assert trial.start_mm > 1.0
    assert np.isfinite([trial.error_deg, trial.error_mm, trial.tre_mm, trial.residual_mm]).all()
    assert trial.error_deg == pytest.approx(np.linalg.norm(trial.turns_deg), rel=1e-4)
    assert 0 <= trial.judged.value <= 1
    assert "| all | auto | 1 |" in done.output
    assert "paper: net+grad-ncc" not in done.output  # no bones alone, so nothing to compare with
    assert (output / "xray_ct.md").is_file()


def test_a_finished_study_is_not_done_again(a_collection, a_finished_study):
    output, _ = a_finished_study
    before = (output / TRIALS_FILE).read_bytes()
    seen = []
    run_xray_study(a_collection, output, SMALL, lambda progress: seen.append(progress) or True)
    assert seen == []
    assert (output / TRIALS_FILE).read_bytes() == before


def test_trials_of_another_folder_are_taken_over(a_collection, a_finished_study, tmp_path):
    finished, _ = a_finished_study
    run_xray_study(a_collection, tmp_path / "new", dataclasses.replace(SMALL, join=(finished,)))
    assert (tmp_path / "new" / TRIALS_FILE).read_bytes() == (finished / TRIALS_FILE).read_bytes()
    with pytest.raises(InputError, match="does not exist"):
        run_xray_study(a_collection, tmp_path / "n", dataclasses.replace(SMALL, join=(tmp_path / "nowhere",)))


def test_a_stopped_study_keeps_its_trials_and_goes_on(a_collection, tmp_path):
    methods = (XrayCtMethod.GRAD_NCC, XrayCtMethod.AUTO)
    settings = dataclasses.replace(SMALL, targets=(XrayTarget.BONES,), methods=methods, cts=(BONE_ONLY,))

    def stop_after_one(progress):
        return "grad-ncc, 1 of 2" not in progress.text

    with pytest.raises(Cancelled):
        run_xray_study(a_collection, tmp_path, settings, stop_after_one)
    assert [trial.method for trial in TrialFile(tmp_path / TRIALS_FILE, XrayTrial).trials] == ["grad-ncc"]
    run_xray_study(a_collection, tmp_path, settings)
    trials = TrialFile(tmp_path / TRIALS_FILE, XrayTrial).trials
    assert [trial.method for trial in trials] == ["grad-ncc", "auto"]
    assert trials[0].start_mm == trials[1].start_mm  # the same pair of poses
    text = (tmp_path / "xray_ct.md").read_text(encoding="utf-8")
    assert "paper: net+grad-ncc" in text
    assert (tmp_path / "xray_shifts.png").is_file()


def test_a_ct_that_is_not_reported_is_refused(a_collection, tmp_path):
    with pytest.raises(InputError, match="'colon0532' is not measured in this study; there are: pelvis001"):
        run_xray_study(a_collection, tmp_path, dataclasses.replace(SMALL, cts=("colon0532",)))


def test_a_missing_ct_is_named(a_collection, tmp_path):
    with pytest.raises(InputError, match=r"colon0243_ct\.nii\.gz' does not exist"):
        run_xray_study(a_collection, tmp_path, dataclasses.replace(SMALL, cts=("colon0243",)))


def test_bone_in_air_is_no_patient_to_be_simulated(a_collection, tmp_path):
    settings = dataclasses.replace(SMALL, targets=(XrayTarget.REALISTIC,), cts=(BONE_ONLY,))
    path = run_xray_study(a_collection, tmp_path, settings)
    assert not (tmp_path / TRIALS_FILE).exists()
    assert "Not part of this run." in path.read_text(encoding="utf-8")


def test_methods_without_their_network_are_refused(a_collection, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(tmp_path / "models"))
    with pytest.raises(InputError, match="net cannot be measured without trained networks"):
        run_xray_study(a_collection, tmp_path, dataclasses.replace(SMALL, methods=(XrayCtMethod.NET,)))


def test_realistic_radiographs_repeat_with_their_seed_and_lie_on_fine_pixels(a_collection):
    entry = next(entry for entry in cts_of(XraySplit.REPORT) if entry.name == NAME)
    study = load_study_ct(entry, a_collection)
    ((true, _),) = draw_poses(study, 1, seed=2)
    first, again, other = (radiographs_of(study, XrayTarget.REALISTIC, true, seed)[0] for seed in (5, 5, 6))
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.values, other.values)
    assert first.values.shape == (512, 512)
    plain = radiographs_of(study, XrayTarget.DRR, true, 5)[0]
    # the same detector in smaller pixels
    np.testing.assert_allclose(first.camera.detector_corners_ras(), plain.camera.detector_corners_ras())


def test_acquisitions_differ_in_what_real_ones_differ_in():
    drawn = [random_acquisition(torch.Generator().manual_seed(seed)) for seed in range(40)]
    assert {settings.meaning for settings in drawn} == {"intensity", "attenuation"}
    assert 0 < sum(settings.collimation.circle_radius is not None for settings in drawn) < 40
    doses = [settings.photons_per_mm2 for settings in drawn]
    assert max(doses) > 5 * min(doses)
