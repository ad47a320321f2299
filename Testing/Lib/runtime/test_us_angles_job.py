"""The job of ultrasound frames from files to the result folder."""

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs, read_job, write_job
from DeepRegistrationLib.jobs.us_angles import UsAnglesFiles, UsAnglesMethod, UsAnglesSettings
from Testing.Lib.ultrasound import in_machine, moved_frame

SETTINGS = UsAnglesSettings(method=UsAnglesMethod.SEARCH_REFINE, pixel_size_mm=(0.2, 0.2))
ANGLES = (-3.0, 0.0, 5.0, 6.0)


def pictures():
    return np.stack([in_machine(moved_frame(angle, (0.0, 0.0), 240)) for angle in ANGLES])


@pytest.fixture(scope="module")
def three_pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    paths = tuple(folder / f"{name}.png" for name in ("before", "middle", "after"))
    for path, picture in zip(paths, pictures(), strict=False):
        sitk.WriteImage(sitk.GetImageFromArray(picture), str(path))
    return paths


@pytest.fixture(scope="module")
def a_result(three_pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("us") / "result"
    job = Job(JobKind.US_ANGLES, UsAnglesFiles(three_pictures), SETTINGS, folder)
    return job, run_job(job)


def content(job):
    return json.loads((job.output_folder / "result.json").read_text(encoding="utf-8"))


def test_three_frames_end_well_with_their_angles_in_the_result(a_result):
    job, outcome = a_result
    assert outcome.exit_code == ExitCode.DONE
    angles = content(job)["angles_deg"]
    np.testing.assert_allclose(angles["before"], [0, 0, -3], atol=0.05)
    np.testing.assert_allclose(angles["after"], [0, 0, 5], atol=0.05)
    assert "before -3.0" in outcome.message
    names = {path.name for path in job.output_folder.iterdir()}
    assert names >= {
        "result.json",
        "transform.tfm",
        "warped.nrrd",
        "angles.csv",
        "frames.igs.mha",
        "sweep.seq.mha",
        "report.html",
    }


def test_itk_lays_the_frame_before_onto_the_middle_one_with_the_transform(a_result, three_pictures):
    job, _ = a_result

    def as_image(path):
        image = sitk.JoinSeries(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat32))
        image.SetSpacing((0.2, 0.2, 1.0))
        return image

    before, middle = (as_image(path) for path in three_pictures[:2])
    transform = sitk.ReadTransform(str(job.output_folder / "transform.tfm"))
    aligned = sitk.GetArrayFromImage(sitk.Resample(before, middle, transform))[0]
    inside = (slice(70, 210), slice(110, 250))
    still = np.abs(sitk.GetArrayFromImage(before)[0] - sitk.GetArrayFromImage(middle)[0])[inside].mean()
    left = np.abs(aligned - sitk.GetArrayFromImage(middle)[0])[inside].mean()
    assert left < 0.2 * still
    ours = sitk.GetArrayFromImage(sitk.ReadImage(str(job.output_folder / "warped.nrrd")))[0]
    assert np.abs(ours.astype(float) - aligned)[inside].mean() < 1.0


def test_a_sweep_is_written_for_a_volume_reconstruction(tmp_path):
    path = tmp_path / "sweep.igs.mha"
    write_metaimage_frames(pictures(), (1, 1), {}, np.ones(4, bool), np.arange(4) / 20, path)
    job = Job(JobKind.US_ANGLES, UsAnglesFiles(sequence=path), SETTINGS, tmp_path / "result")
    assert run_job(job).exit_code == ExitCode.DONE
    written = read_ultrasound(tmp_path / "result" / "frames.igs.mha")
    placed = written.poses.transforms["ImageToReference"]
    np.testing.assert_allclose(np.diff(placed[:, 2, 3]), 0.5)
    # the last frame's content is turned by 9 degrees against the first: the frame stands turned back
    angle = np.degrees(np.arctan2(placed[3, 1, 0], placed[3, 0, 0]))
    assert angle == pytest.approx(-9.0, abs=0.1)
    np.testing.assert_allclose(written.times_s, np.arange(4) / 20)
    with (tmp_path / "result" / "angles.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    np.testing.assert_allclose([float(row["angle_deg"]) for row in rows], [3, 5, 1], atol=0.05)
    assert float(rows[-1]["summed_angle_deg"]) == pytest.approx(9.0, abs=0.1)
    # the same chain in result.json, without the distance between frames
    chain = np.array(content(job)["first_from_frame"])
    np.testing.assert_allclose(chain[0], np.eye(4))
    assert np.degrees(np.arctan2(chain[3, 1, 0], chain[3, 0, 0])) == pytest.approx(angle, abs=1e-3)


def test_a_job_is_the_same_after_it_was_written(three_pictures, tmp_path):
    job = Job(
        JobKind.US_ANGLES, UsAnglesFiles(three_pictures), SETTINGS, tmp_path / "out", Outputs(report=False)
    )
    write_job(job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job


def test_frames_of_different_places_end_with_not_trusted(tmp_path):
    paths = tuple(tmp_path / f"{seed}.png" for seed in (0, 4, 8))
    for path in paths:
        picture = in_machine(moved_frame(0.0, (0.0, 0.0), 240, int(path.stem)))
        sitk.WriteImage(sitk.GetImageFromArray(picture), str(path))
    job = Job(JobKind.US_ANGLES, UsAnglesFiles(paths), SETTINGS, tmp_path / "result", Outputs(report=False))
    assert run_job(job).exit_code == ExitCode.NOT_TRUSTED


def test_what_contradicts_itself_is_refused(three_pictures, tmp_path):
    with pytest.raises(InputError, match="neither was given"):
        UsAnglesFiles()
    with pytest.raises(InputError, match="2 frames were given"):
        UsAnglesFiles(three_pictures[:2])
    with pytest.raises(InputError, match="both must be positive"):
        UsAnglesSettings(pixel_size_mm=(0.1, 0.0))
    plus = tmp_path / "plus.xml"
    matrix = "0.1 0 0 0 0 0.1 0 0 0 0 0.1 0 0 0 0 1"
    plus.write_text(
        "<PlusConfiguration><CoordinateDefinitions>"
        f'<Transform From="Image" To="Probe" Matrix="{matrix}"/>'
        "</CoordinateDefinitions></PlusConfiguration>"
    )
    files = UsAnglesFiles(three_pictures, calibration=plus)
    with pytest.raises(InputError, match="is not that of the calibration"):
        run_job(Job(JobKind.US_ANGLES, files, SETTINGS, tmp_path / "result"))
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize("components", [1, 3], ids=["grey", "colour"])
def test_a_mask_of_the_whole_frame_leaves_nothing_out(three_pictures, tmp_path, components):
    white = np.full((300, 400) + ((3,) if components == 3 else ()), 255, np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(white, isVector=components == 3), str(tmp_path / "mask.png"))
    files = UsAnglesFiles(three_pictures, mask=tmp_path / "mask.png")
    job = Job(JobKind.US_ANGLES, files, SETTINGS, tmp_path / "result", Outputs(report=False))
    run_job(job)
    # what stands still around the sector is in it now, and pulls towards no motion
    np.testing.assert_allclose(content(job)["angles_deg"]["before"][2], -3, atol=1.0)
