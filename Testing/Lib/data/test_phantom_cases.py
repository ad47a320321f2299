"""The synthetic cases: their files register to what truth.json says."""

import json

import numpy as np
import pytest

from DeepRegistrationLib.data.phantom_cases import TRUTH, write_phantom_case
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.camera_file import read_camera
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.slices import read_slices
from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume


def truth_of(folder):
    return json.loads((folder / TRUTH).read_text("utf-8"))


def test_the_brain_lies_in_the_atlas_where_the_truth_puts_it(tmp_path):
    write_phantom_case(JobKind.FETAL_VOLUME, tmp_path)
    truth = truth_of(tmp_path)
    assert (truth["from"], truth["to"]) == ("subject RAS", "atlas RAS")
    middles = []
    for path, matrix in (("mask.nii.gz", truth["matrix"]), ("atlas/PHA28_mask.nii.gz", np.eye(4))):
        mask = read_volume(tmp_path / path, labels=True)
        ijk = mask.values.nonzero().double().mean(0).flip(0).numpy()
        ras = mask.geometry.ras_from_ijk @ np.append(ijk, 1.0)
        middles.append((np.asarray(matrix) @ ras)[:3])
    np.testing.assert_allclose(*middles, atol=0.5)


def test_the_slice_is_one_of_the_brain(tmp_path):
    write_phantom_case(JobKind.FETAL_SLICE, tmp_path)
    image, brain = read_slices(tmp_path / "slice.nrrd"), read_volume(tmp_path / "brain.nii.gz")
    assert image.values.shape[0] == 1
    corner = image.geometry.ras_from_ijk[:3, 3]
    number = np.linalg.inv(brain.geometry.ras_from_ijk) @ np.append(corner, 1.0)
    np.testing.assert_allclose(number[:2], 0, atol=1e-3)
    np.testing.assert_array_equal(image.values[0], brain.values[round(number[2])])


def test_the_radiographs_show_the_ct_where_the_truth_puts_it(tmp_path):
    write_phantom_case(JobKind.XRAY_CT, tmp_path)
    ct, truth = read_volume(tmp_path / "ct.nrrd"), truth_of(tmp_path)
    camera = read_camera(tmp_path / "camera2.json")
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    expected = project_volume(attenuation, camera, np.array(truth["matrix"]))
    stored = read_slices(tmp_path / "xray2.nrrd")
    np.testing.assert_allclose(stored.values[0], expected, atol=1e-3)


def test_the_shadows_are_those_of_the_bones_where_the_truth_puts_and_stretches_them(tmp_path):
    write_phantom_case(JobKind.BIPLANAR, tmp_path)
    labels = read_volume(tmp_path / "atlas" / "atlas_labels.nrrd", labels=True)
    camera, truth = read_camera(tmp_path / "camera1.json"), truth_of(tmp_path)
    assert (truth["from"], truth["to"]) == ("atlas RAS", "world RAS")
    world_from_atlas = np.array(truth["matrix"])
    assert np.linalg.det(world_from_atlas[:3, :3]) == pytest.approx(1.04 * 0.97 * 1.06)
    shadow = read_slices(tmp_path / "mask1.nrrd").values[0] > 0
    ijk = labels.values.nonzero().flip(1).double().numpy()
    atlas = ijk @ labels.geometry.ras_from_ijk[:3, :3].T + labels.geometry.ras_from_ijk[:3, 3]
    pixels, _ = camera.project(atlas @ world_from_atlas[:3, :3].T + world_from_atlas[:3, 3])
    pixels = np.rint(pixels).astype(int)
    inside = ((pixels >= 0) & (pixels < camera.image_size_px)).all(-1)
    assert inside.mean() > 0.9
    columns, rows = pixels[inside].T
    assert shadow[rows, columns].float().mean() > 0.98
    # and nowhere else: voxels are some pixels wide
    hit = np.unique(pixels[inside], axis=0)
    seen = shadow.nonzero().flip(1).numpy()
    apart = np.linalg.norm(seen[:, None] - hit, axis=-1).min(1)
    assert apart.max() < 3.0


def test_the_sweep_begins_with_the_three_frames(tmp_path):
    write_phantom_case(JobKind.US_ANGLES, tmp_path)
    sweep = read_ultrasound(tmp_path / "sweep.igs.mha")
    truth = truth_of(tmp_path)
    assert len(sweep) == len(truth["angles_deg"])
    assert sweep.spacing_mm == pytest.approx((truth["pixel_mm"],) * 2)
    for number in range(3):
        frame = read_ultrasound(tmp_path / f"frame{number + 1}.nrrd")
        np.testing.assert_array_equal(frame.values[0], sweep.values[number])


def test_a_job_without_a_phantom_is_told(tmp_path, monkeypatch):
    from DeepRegistrationLib.data import phantom_cases

    monkeypatch.delitem(phantom_cases._WRITERS, JobKind.XRAY_CT)
    with pytest.raises(
        InputError, match=r"no synthetic case for the job 'xray-ct'\. Choose one of: fetal-vol"
    ):
        write_phantom_case(JobKind.XRAY_CT, tmp_path / "new")
    assert not (tmp_path / "new").exists()
