import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from typer.testing import CliRunner

from DeepRegistrationLib.cli import app
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.camera_file import read_camera, write_camera
from DeepRegistrationLib.images.read_radiograph import read_radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume
from Testing.Lib.pictures import FAR, oblique_geometry

SMALL = ("--image-size", 60, 50, "--pixel-spacing", 3, 4)


def program(*words):
    """Runs the command in this process: torch is loaded once."""
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def a_ct(tmp_path_factory):
    """Folder with `ct.nrrd`, `labels.nrrd` and the CT itself: tissue with a bone, oblique, 7 m away."""
    folder = tmp_path_factory.mktemp("ct")
    geometry = oblique_geometry((24, 30, 28), (4.0, 3.0, 3.5), FAR)
    values = torch.full(geometry.shape_kji, -1000.0)
    values[4:20, 5:25, 5:23] = 40
    values[8:14, 10:18, 9:13] = 900
    ct = Volume(values, geometry, "ct")
    write_nrrd(ct, folder / "ct.nrrd")
    write_nrrd(ct.with_values((values > 500).to(torch.int16) * 3), folder / "labels.nrrd")
    return folder, ct


def pixels(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_a_drr_is_the_projection_of_the_attenuation_and_lies_on_the_detector(a_ct, tmp_path):
    folder, ct = a_ct
    done = program(
        *("drr", "--ct", folder / "ct.nrrd", "--primary-angle", 30, "--secondary-angle", -10, *SMALL),
        *("--output", tmp_path / "o"),
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"Radiograph and camera.json: {tmp_path / 'o'}\n"
    camera = CArm(1020, 620, 30, -10, (3, 4), (60, 50)).camera(ct.geometry.centre_ras)
    expected = project_volume(ct.with_values(attenuation_from_hu(ct.values)), camera)
    image = sitk.ReadImage(str(tmp_path / "o" / "drr.nrrd"))
    assert sitk.GetArrayFromImage(image)[0] == pytest.approx(expected.numpy(), abs=1e-4)
    corner = np.array(image.TransformIndexToPhysicalPoint((59, 0, 0))) * [-1, -1, 1]  # LPS
    assert corner == pytest.approx(camera.ras_from_pixels(np.array([59, 0])), abs=1e-3)
    written = read_camera(tmp_path / "o" / "camera.json")
    assert written.projection_matrix == pytest.approx(camera.projection_matrix)
    assert pixels(tmp_path / "o" / "drr.png").max() == 255
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["camera.json", "drr.nrrd", "drr.png"]


def test_bones_can_be_projected_alone_and_are_outlined(a_ct, tmp_path):
    folder, _ = a_ct
    files = ("--ct", folder / "ct.nrrd", "--ct-labels", folder / "labels.nrrd", "--label", 3)
    done = program("drr", *files, *SMALL, "--bones-only", "--output", tmp_path / "o")
    assert done.exit_code == 0, done.stderr
    bone = pixels(tmp_path / "o" / "drr.nrrd")[0]
    assert 0 < (bone > 0).mean() < 0.2
    outline = pixels(tmp_path / "o" / "drr-outline.png")
    coloured = (outline[..., 0] != outline[..., 2]).nonzero()
    shadow = (bone > 0.05).nonzero()
    for axis in range(2):
        assert coloured[axis].min() == pytest.approx(shadow[axis].min(), abs=2)
        assert coloured[axis].max() == pytest.approx(shadow[axis].max(), abs=2)


def test_a_simulated_radiograph_can_be_read_again_and_one_seed_gives_one_image(a_ct, tmp_path):
    folder, ct = a_ct
    write_camera(
        CArm(1020, 620, 0, 0, (3, 4), (60, 50)).camera(ct.geometry.centre_ras), tmp_path / "camera.json"
    )
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        done = program(
            *("simulate-xray", "--ct", folder / "ct.nrrd", "--geometry", tmp_path / "camera.json"),
            *("--voltage", 100, "--blades", 0.8, 0.7, 0.9, 0.9, "--blade-angle", 10, "--levels", 256),
            *("--meaning", "attenuation", "--seed", seed, "--output", tmp_path / name),
        )
        assert done.exit_code == 0, done.stderr
    images = [pixels(tmp_path / name / "xray.png") for name in "abc"]
    assert images[0].dtype == np.uint8
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])
    field = pixels(tmp_path / "a" / "field.nrrd")[0] > 0
    truth = pixels(tmp_path / "a" / "attenuation.nrrd")[0]
    assert np.corrcoef(images[0][field], truth[field])[0, 1] > 0.95
    stored = read_radiograph(tmp_path / "a" / "xray.nrrd")
    assert np.array_equal(stored.values.numpy(), images[0])
    told = json.loads((tmp_path / "a" / "simulation.json").read_text("utf-8"))
    assert (told["seed"], told["tube"]["voltage_kv"], told["meaning"]) == (5, 100, "attenuation")
    assert read_camera(tmp_path / "a" / "camera.json").image_size_px == (60, 50)


def test_everything_can_be_drawn_by_chance(a_ct, tmp_path):
    folder, _ = a_ct
    words = ("simulate-xray", "--ct", folder / "ct.nrrd", *SMALL, "--random", "--seed", 3)
    assert program(*words, "--output", tmp_path / "o").exit_code == 0
    told = json.loads((tmp_path / "o" / "simulation.json").read_text("utf-8"))
    assert told["tube"]["voltage_kv"] not in (80, 60, 120)


@pytest.mark.parametrize("command", ["drr", "simulate-xray"])
def test_the_help_tells_units_and_frames(command):
    text = " ".join(program(command, "--help").stdout.split())
    for words in ("Hounsfield", "[mm]", "[degrees]", "[mm, RAS]", "LPS", "[pixels]"):
        assert words in text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("drr", "--bones-only"), "no label image of the CT was given"),
        (("drr", "--source-to-isocenter", 2000), "isocentre must lie between source and detector"),
        (("drr", "--isocenter", 0, 0, 0), "does not see 'ct'"),
        (("simulate-xray", "--blades", 0.5, -0.5, 1, 1), "leave no field"),
        (("simulate-xray", "--geometry", "no.json"), "cannot be opened"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(a_ct, tmp_path, words, text):
    folder, _ = a_ct
    done = program(*words, "--ct", folder / "ct.nrrd", *SMALL, "--output", tmp_path / "o", "--quiet")
    assert done.exit_code == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_not_touched(a_ct, tmp_path):
    folder, _ = a_ct
    (tmp_path / "mine.txt").write_text("mine")
    done = program("drr", "--ct", folder / "ct.nrrd", *SMALL, "--output", tmp_path)
    assert done.exit_code == 2
    assert "new or empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
