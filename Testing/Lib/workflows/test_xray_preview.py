"""The CT where it is put, projected at once: on the detector, at the pose asked for, nothing registered."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.geometry.frames import resampling_lps_from_to_parent_ras
from DeepRegistrationLib.images.camera_file import read_camera
from DeepRegistrationLib.images.write import from_sitk
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from DeepRegistrationLib.progress import Progress
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows import xray_preview
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
from Testing.Lib.xray_case import a_camera, a_case, write_case

PREVIEW = XrayCtSettings(preview=True)


@pytest.fixture(scope="module")
def a_written_case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    case = a_case((a_camera(10.0, -5.0, 384), a_camera(95.0, 5.0, 384)), voxel_mm=3.0)
    write_case(case, folder)
    return folder, case


def read_image(path: Path):
    """A volume of one slice."""
    return from_sitk(sitk.ReadImage(str(path)), path.stem)


def write_pose(matrix: np.ndarray, path: Path) -> Path:
    lps = resampling_lps_from_to_parent_ras(matrix)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation(lps[:3, 3].tolist())
    sitk.WriteTransform(transform, str(path))
    return path


def preview(folder: Path, output: Path, pose: np.ndarray):
    output.mkdir()
    files = XrayCtFiles(
        folder / "ct.nrrd",
        (folder / "xray1.nrrd", folder / "xray2.nrrd"),
        (folder / "camera1.json", folder / "camera2.json"),
        initial_pose=write_pose(pose, output / "pose.tfm"),
    )
    job = Job(JobKind.XRAY_CT, files, PREVIEW, output / "result", Outputs(False, False, False))
    outcome = run_job(job)
    content = json.loads((job.output_folder / "result.json").read_text(encoding="utf-8"))
    return outcome, content, [read_image(job.output_folder / name) for name in ("drr.nrrd", "drr2.nrrd")]


def test_the_bones_are_projected_at_the_pose_asked_for_and_nothing_is_registered(a_written_case, tmp_path):
    folder, case = a_written_case
    outcome, content, drrs = preview(folder, tmp_path / "one", case.world_from_ct)
    assert outcome.exit_code == ExitCode.NOT_TRUSTED
    assert content["method"] == "preview"
    found = content["transforms"]["world_from_ct"]["matrix"]
    np.testing.assert_allclose(found, case.world_from_ct, atol=1e-9)
    bone = prepare_anatomy(case.ct, None, (), torch.device("cpu")).bone
    for view, drr in enumerate(drrs):
        camera = read_camera(folder / f"camera{view + 1}.json")
        # smaller pixels on the same detector
        small = camera.resized((camera.image_size_px[0] // 2, camera.image_size_px[1] // 2))
        assert tuple(drr.values.shape[1:]) == small.shape_px
        np.testing.assert_allclose(drr.geometry.ras_from_ijk, small.ras_from_ijk, atol=1e-3)
        expected = project_volume(bone, small, case.world_from_ct)
        both = torch.stack([drr.values[0].flatten(), expected.flatten()])
        assert float(torch.corrcoef(both)[0, 1]) > 0.99


def test_another_pose_gives_another_picture_from_what_was_read_before(a_written_case, tmp_path):
    folder, case = a_written_case
    _, at_truth, first = preview(folder, tmp_path / "one", case.world_from_ct)
    hits = xray_preview._shown.cache_info().hits
    _, away, second = preview(folder, tmp_path / "two", np.eye(4))
    assert xray_preview._shown.cache_info().hits == hits + 1
    assert float((first[0].values - second[0].values).abs().max()) > 0.1
    measure = next(iter(at_truth["similarity"]))
    assert at_truth["similarity"][measure] > away["similarity"][measure]


def test_pictures_of_the_poses_so_far_lie_in_the_live_folder(a_written_case, tmp_path):
    _, case = a_written_case
    heard = []
    report = xray_preview.followed(
        case.inputs(), XrayCtSettings(), tmp_path, lambda progress: heard.append(progress) or False
    )
    pose = tuple(case.world_from_ct.ravel().tolist())
    assert report(Progress(0.1, "no pose yet")) is False
    assert not list(tmp_path.iterdir())
    assert report(Progress(0.5, "on the way", pose=pose)) is False
    assert {path.name for path in tmp_path.iterdir()} == {"drr.nrrd", "drr2.nrrd"}
    assert len(heard) == 2
    assert read_image(tmp_path / "drr2.nrrd").values.max() > 0.1
