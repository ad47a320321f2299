"""The job of CT and radiographs from files to the result folder: program, worker, function."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.images.camera_file import read_camera
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from DeepRegistrationLib.results.transform_file import read_transform
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case, write_case

PROGRAM = [sys.executable, "-W", "error", "-m", "DeepRegistrationLib.cli", "xray-ct"]
ALWAYS = {"result.json", "transform.tfm", "drr.nrrd", "bones.nrrd", "xray.nrrd"}
NEAR = XrayCtSettings(search_rotation_deg=10.0, search_translation_mm=15.0)


@pytest.fixture(scope="module")
def two_views(tmp_path_factory):
    """Folder with a case of two views, and the truth."""
    folder = tmp_path_factory.mktemp("two-views")
    case = a_case((a_camera(10.0, -5.0, 96), a_camera(95.0, 5.0, 96)), voxel_mm=3.0)
    write_case(case, folder)
    return folder, case


def job_of(folder, output, views=2, settings=NEAR, **outputs):
    numbers = range(1, views + 1)
    return Job(
        JobKind.XRAY_CT,
        XrayCtFiles(
            folder / "ct.nrrd",
            tuple(folder / f"xray{number}.nrrd" for number in numbers),
            tuple(folder / f"camera{number}.json" for number in numbers),
            folder / "bones.nrrd",
        ),
        settings,
        output,
        Outputs(**{"warped": False, "segmentation": False, "report": False} | outputs),
    )


@pytest.fixture(scope="module")
def a_finished_job(two_views, tmp_path_factory):
    folder, case = two_views
    everything = {"warped": True, "segmentation": True, "report": True, "pictures": True}
    job = job_of(folder, tmp_path_factory.mktemp("finished") / "out", **everything)
    seen = []
    outcome = run_job(job, lambda progress: seen.append(progress) or True)
    return job, outcome, case, seen


def content_of(job):
    return json.loads((job.output_folder / "result.json").read_text(encoding="utf-8"))


def apart(found, true):
    """How far bones are from where they belong [mm]."""
    points = MIDDLE + 40 * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    return float(np.linalg.norm((points @ (found - true)[:3, :3].T + (found - true)[:3, 3]), axis=1).max())


def test_the_ct_is_found_where_it_was_and_trusted(a_finished_job):
    job, outcome, case, _ = a_finished_job
    assert outcome.exit_code == ExitCode.DONE, outcome.message
    found = np.array(content_of(job)["transforms"]["world_from_ct"]["matrix"])
    assert apart(found, case.world_from_ct) < 1.0
    assert apart(np.eye(4), case.world_from_ct) > 10.0
    assert "Residual on the detector: " in outcome.message


def test_every_file_is_there(a_finished_job):
    job, *_ = a_finished_job
    names = {path.name for path in job.output_folder.iterdir()}
    assert {
        *ALWAYS,
        "drr2.nrrd",
        "xray2.nrrd",
        "warped.nrrd",
        "segmentation.seg.nrrd",
        "report.html",
    } <= names
    assert {"report.html", "picture-view1.png", "picture-view2.png", "picture-stand.png"} <= names


def test_each_view_tells_its_camera_from_ct(a_finished_job):
    job, *_ = a_finished_job
    content = content_of(job)
    world_from_ct = np.array(content["transforms"]["world_from_ct"]["matrix"])
    assert content["transforms"]["world_from_ct"]["from"] == "CT RAS"
    for view, name in enumerate(("camera_from_ct", "camera2_from_ct")):
        entry = content["transforms"][name]
        assert entry["from"] == "CT RAS"
        assert "camera" in entry["to"]
        camera = read_camera(job.files.geometries[view])
        np.testing.assert_allclose(entry["matrix"], camera.camera_from_world @ world_from_ct, atol=1e-9)
        assert content["views"][view]["residual_mm"] < content["views"][view]["residual_start_mm"]
    assert set(content["inputs"]) == {"ct", "ct_labels", "xray", "xray2", "geometry", "geometry2"}


def test_the_transform_file_is_what_itk_resamples_the_ct_with(a_finished_job):
    job, _, case, _ = a_finished_job
    found = read_transform(job.output_folder / "transform.tfm")
    assert apart(found, case.world_from_ct) < 1.0
    # ITK asks where a point of the world lies in the CT, in LPS: x and y change sign
    itk = sitk.ReadTransform(str(job.output_folder / "transform.tfm"))
    signs = np.array([-1.0, -1.0, 1.0])
    in_world = found[:3, :3] @ MIDDLE + found[:3, 3]
    np.testing.assert_allclose(itk.TransformPoint((in_world * signs).tolist()), MIDDLE * signs, atol=1e-6)


def test_the_drr_lies_on_the_detector_and_looks_like_the_radiograph(a_finished_job):
    job, _, case, _ = a_finished_job
    for number, radiograph in enumerate(case.radiographs, 1):
        stem = "" if number == 1 else str(number)
        drr, seen = (read_flat(job.output_folder / f"{name}{stem}.nrrd") for name in ("drr", "xray"))
        corner = drr.TransformIndexToPhysicalPoint((0, 0, 0))
        np.testing.assert_allclose(
            np.array(corner) * (-1, -1, 1), radiograph.camera.detector_origin_ras, atol=1e-6
        )
        both = [sitk.GetArrayFromImage(image).ravel() for image in (drr, seen)]
        assert np.corrcoef(both)[0, 1] > 0.9


def read_flat(path):
    return sitk.ReadImage(str(path))


def test_the_ct_in_the_world_keeps_its_voxels(a_finished_job):
    job, _, case, _ = a_finished_job
    warped = read_volume(job.output_folder / "warped.nrrd")
    assert torch.equal(warped.values, case.ct.values)
    found = read_transform(job.output_folder / "transform.tfm")
    assert warped.geometry.is_close(case.ct.geometry.moved(found))
    labels = read_volume(job.output_folder / "segmentation.seg.nrrd", labels=True)
    assert torch.equal(labels.values, case.labels.values)


def test_the_pose_is_told_while_it_is_refined(a_finished_job):
    _, _, case, seen = a_finished_job
    poses = [np.reshape(progress.pose, (4, 4)) for progress in seen if progress.pose is not None]
    assert len(poses) > 3
    assert apart(poses[-1], case.world_from_ct) < apart(poses[0], case.world_from_ct)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)


def test_the_report_shows_views_stand_residuals_and_uncertainty(a_finished_job):
    job, *_ = a_finished_job
    page = (job.output_folder / "report.html").read_text(encoding="utf-8")
    for words in (
        "CT to radiographs",
        "Radiograph 1",
        "Radiograph 2",
        "Source, detector and CT",
        "Residual on the detector",
        "How sure each direction is",
        "along the beam (depth)",
        "Convergence",
    ):
        assert words in page, words


def test_an_earlier_result_is_a_start(a_finished_job, two_views, tmp_path):
    folder, case = two_views
    earlier, *_ = a_finished_job
    job = job_of(folder, tmp_path / "out", views=1)
    files = dataclasses.replace(job.files, initial_pose=earlier.output_folder / "transform.tfm")
    run_job(dataclasses.replace(job, files=files))
    start = np.array(content_of(job)["start"]["matrix"])
    assert apart(start, case.world_from_ct) < 1.0


@pytest.mark.parametrize("text", ["Reading the images", "Writing the result"])
def test_stopping_leaves_nothing(two_views, tmp_path, text):
    with pytest.raises(Cancelled):
        run_job(job_of(two_views[0], tmp_path / "out"), lambda progress: progress.text != text)
    assert list(tmp_path.iterdir()) == []


def test_stopping_while_the_pose_is_refined_leaves_nothing(two_views, tmp_path):
    with pytest.raises(Cancelled):
        run_job(job_of(two_views[0], tmp_path / "out"), lambda progress: progress.pose is None)
    assert list(tmp_path.iterdir()) == []


def test_the_scene_holds_ct_radiographs_and_stand(two_views, tmp_path):
    pytest.importorskip("slicer_core", reason="needs slicer-core")
    job = job_of(two_views[0], tmp_path / "out", scene=True)
    run_job(job)
    with zipfile.ZipFile(job.output_folder / "scene.mrb") as scene:
        names = scene.namelist()
        mrml = next(scene.read(name).decode("utf-8") for name in names if name.endswith(".mrml"))
    for words in ("<LinearTransform", "radiograph 2", "DRR 2", "X-ray machine"):
        assert words in mrml, words


def test_the_worker_tells_poses_and_finishes(a_worker, two_views, tmp_path):
    job = job_of(two_views[0], tmp_path / "out")
    a_worker.run(job, "x", tmp_path)
    events = a_worker.wait_for("finished", "failed", job_id="x", timeout_s=400.0)
    assert events[-1]["event"] == "finished", events[-1]
    told = [event for event in events if "pose" in event]
    assert told
    assert all(len(event["pose"]) == 16 for event in told)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= ALWAYS


def test_the_worker_is_cancelled_in_the_middle(a_worker, two_views, tmp_path):
    a_worker.run(job_of(two_views[0], tmp_path / "out"), "c", tmp_path)
    while "pose" not in a_worker.next_event(timeout_s=400.0):
        pass
    a_worker.send(command="cancel", id="c")
    ended = a_worker.wait_for("cancelled", "finished", job_id="c", timeout_s=400.0)[-1]
    assert ended["exit_code"] == ExitCode.CANCELLED
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]


@pytest.fixture
def program(environment):
    def run(*words):
        command = [*PROGRAM, *map(str, words)]
        return subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, check=False, timeout=240
        )

    return run


def test_the_program_registers_one_view(program, two_views, tmp_path):
    folder, case = two_views
    done = program(
        *("--ct", folder / "ct.nrrd", "--ct-labels", folder / "bones.nrrd"),
        *("--xray", folder / "xray1.nrrd", "--geometry", folder / "camera1.json"),
        *("--search-rotation", 10, "--search-translation", 15),
        *("--output", tmp_path / "out", "--json", "--no-report"),
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["job"] == "xray-ct"
    assert apart(np.array(content["transforms"]["world_from_ct"]["matrix"]), case.world_from_ct) < 5.0
    assert {path.name for path in (tmp_path / "out").iterdir()} == ALWAYS


def test_the_help_says_units_and_frames(program):
    text = " ".join(program("--help").stdout.split())
    for words in (
        "Hounsfield units",
        "[degrees]",
        "[mm]",
        "LPS",
        "XMALab",
        "camera_from_ct",
        "--initial-pose",
    ):
        assert words in text, words


def test_a_radiograph_of_something_else_is_not_trusted(program, two_views, tmp_path):
    folder, case = two_views
    noise = torch.rand(case.radiographs[0].values.shape, generator=torch.Generator().manual_seed(1))
    image = sitk.GetImageFromArray(noise.numpy()[None])
    sitk.WriteImage(image, str(tmp_path / "noise.nrrd"))
    done = program(
        *("--ct", folder / "ct.nrrd", "--ct-labels", folder / "bones.nrrd"),
        *("--xray", tmp_path / "noise.nrrd", "--geometry", folder / "camera1.json", "--time-limit", 5),
        *("--output", tmp_path / "out", "--no-report"),
    )
    assert done.returncode == ExitCode.NOT_TRUSTED, done.stderr + done.stdout
    assert "not to be trusted" in done.stdout
    assert (tmp_path / "out" / "result.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_the_program_with_3_and_leaves_nothing(environment, two_views, tmp_path):
    folder, _ = two_views
    command = [*PROGRAM, "--ct", folder / "ct.nrrd", "--xray", folder / "xray1.nrrd"]
    command += ["--geometry", folder / "camera1.json", "--output", tmp_path / "out"]
    started = subprocess.Popen(
        list(map(str, command)),
        env=dict(environment),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stderr.readline()  # the first line of progress
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=120)
    assert started.returncode == ExitCode.CANCELLED
    assert list(tmp_path.iterdir()) == []
