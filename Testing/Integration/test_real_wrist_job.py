"""A small bone on large radiographs: files and settings, as a user gives them, lead where the study does."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.evaluation.wrist_images import PLACED, SOURCE_TO_DETECTOR_MM, read_bone
from DeepRegistrationLib.evaluation.xray_wrist_study import CANDIDATES, ROUNDS, START_DEG, START_MM
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings, XrayPolarity
from DeepRegistrationLib.results.transform_file import write_transform
from DeepRegistrationLib.workflows.result import NamedTransform
from DeepRegistrationLib.workflows.xray_result import CT, WORLD

WRIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "xray" / "autoscoper-wrist"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not WRIST.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
    ),
]


def test_the_job_finds_the_radius_in_both_views_as_the_study_does(tmp_path):
    ct, label = read_bone(WRIST, "radius")
    write_nrrd(ct, tmp_path / "radius.nrrd")
    write_nrrd(label, tmp_path / "label.nrrd")
    placed = PLACED["radius", 99]
    start = placed.copy()
    turn = matrix_from_rotation_vector(torch.tensor([0.09, -0.11, 0.10], dtype=torch.float64)).numpy()
    start[:3, :3] = turn @ placed[:3, :3]
    start[:3, 3] += (5.0, -6.0, 4.0)
    write_transform(NamedTransform(start, CT, WORLD), tmp_path / "start.tfm")
    job = Job(
        kind=JobKind.XRAY_CT,
        files=XrayCtFiles(
            tmp_path / "radius.nrrd",
            tuple(WRIST / f"cam0{view}_frame0099.tif" for view in (1, 2)),
            tuple(WRIST / f"calib_cam0{view}.txt" for view in (1, 2)),
            ct_labels=tmp_path / "label.nrrd",
            initial_pose=tmp_path / "start.tfm",
            source_to_detector_mm=SOURCE_TO_DETECTOR_MM,
        ),
        settings=XrayCtSettings(
            search_rotation_deg=START_DEG,
            search_translation_mm=START_MM,
            candidates=CANDIDATES,
            rounds=ROUNDS,
            polarity=XrayPolarity.BONE_DARK,
        ),
        output_folder=tmp_path / "result",
        outputs=Outputs(warped=False, segmentation=False, report=False),
    )
    assert run_job(job).exit_code in (ExitCode.DONE, ExitCode.NOT_TRUSTED)
    result = json.loads((tmp_path / "result" / "result.json").read_text(encoding="utf-8"))
    found = np.array(result["transforms"]["world_from_ct"]["matrix"])
    assert rotation_error_deg(found, placed) < 0.5
    assert np.linalg.norm(found[:3, 3] - placed[:3, 3]) < 0.3
