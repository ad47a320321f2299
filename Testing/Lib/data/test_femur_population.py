"""Patients from surfaces: correspondence, shape model, CT, population, folder, command."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from DeepRegistrationLib.data.biplanar_split import BiplanarSplit
from DeepRegistrationLib.data.femur_correspondence import bend_template, surface_distance
from DeepRegistrationLib.data.femur_ct import BoneDensity, FemurLabel, femur_ct, femur_field
from DeepRegistrationLib.data.femur_folder import (
    ATLAS,
    find_atlas,
    find_pairs,
    read_landmarks,
    table_row,
    write_pair,
    write_table,
)
from DeepRegistrationLib.data.femur_frame import FemurFrame
from DeepRegistrationLib.data.femur_meshes import RealFemur, Side
from DeepRegistrationLib.data.femur_population import FemurPopulation, PopulationSettings
from DeepRegistrationLib.data.femur_regions import find_regions
from DeepRegistrationLib.data.femur_shape_model import build_femur_shapes, fit_shape_model
from DeepRegistrationLib.errors import Cancelled, InputError
from Testing.Lib.data.tube_femur import tube_femur, write_binary_stl
from Testing.Lib.pictures import FAR, oblique_geometry, rigid

COARSE = PopulationSettings(shape_kji=(64, 44, 64), spacing_mm=(2.0, 2.0, 3.0))
SHAPES = {"a": (24.0, 45.0, 14.0, 380.0), "b": (22.0, 50.0, 13.0, 350.0), "c": (26.0, 47.0, 15.0, 400.0)}


def a_real_femur(name, split, radius_mm, neck_mm, shaft_mm, length_mm):
    mesh = tube_femur(radius_mm, length_mm, neck_mm, shaft_mm, rings=130, sides=28)
    frame = FemurFrame(np.eye(4), radius_mm, 0.1 if name == "a" else 0.2, None)
    return RealFemur(name, name, split, Side.RIGHT, mesh, frame)


@pytest.fixture(scope="module")
def femora():
    splits = (BiplanarSplit.TRAIN, BiplanarSplit.TRAIN, BiplanarSplit.TEST)
    return tuple(
        a_real_femur(name, split, *sizes) for (name, sizes), split in zip(SHAPES.items(), splits, strict=True)
    )


@pytest.fixture(scope="module")
def shapes(femora):
    return build_femur_shapes(femora)


@pytest.fixture(scope="module")
def train(shapes):
    return FemurPopulation(shapes, BiplanarSplit.TRAIN, (), COARSE)


@pytest.fixture(scope="module")
def patient(train):
    return train.draw(0, seed=5)


def volume_at(patient, point):
    """Label at a position [mm, RAS]."""
    ijk_from_ras = patient.labels.geometry.ijk_from_ras
    i, j, k = np.round(ijk_from_ras[:3, :3] @ point + ijk_from_ras[:3, 3]).astype(int)
    return int(patient.labels.values[k, j, i])


def test_the_template_takes_the_shape_of_another_femur(femora):
    template, other = femora[0].mesh, femora[1].mesh
    before = surface_distance(template, other)
    bent = bend_template(template, other, scale=22 / 24)
    after = surface_distance(bent, other)
    assert before.mean() > 1.0
    assert after.mean() < 0.15
    assert np.percentile(after, 99) < 1.0


def test_below_a_cut_bone_the_template_goes_on_smoothly(femora):
    template = femora[0].mesh
    upper = tube_femur(24.0, 120.0, 52.0, 14.0, rings=130, sides=28)
    bent = bend_template(template, upper, scale=1.0)
    seen = bent.vertices[:, 2] > upper.vertices[:, 2].min() + 10
    assert surface_distance(bent, upper)[seen].mean() < 0.25
    assert np.ptp(bent.vertices[:, 2]) == pytest.approx(np.ptp(template.vertices[:, 2]), rel=0.03)


def test_a_shape_model_says_each_of_its_shapes_exactly():
    random = np.random.default_rng(0)
    shapes = random.normal(size=(4, 30, 3)) * 5
    model = fit_shape_model(shapes)
    assert model.modes.shape == (3, 30, 3)
    for shape in shapes:
        np.testing.assert_allclose(model.shape(model.coefficients(shape)), shape, atol=1e-9)
    coefficients = np.stack([model.coefficients(shape) for shape in shapes])
    np.testing.assert_allclose(coefficients.std(0, ddof=1), 1.0)


def test_the_shape_model_knows_training_subjects_only(femora, shapes):
    without_test = build_femur_shapes([femur for femur in femora if femur.split is BiplanarSplit.TRAIN])
    np.testing.assert_array_equal(without_test.model.mean, shapes.model.mean)
    np.testing.assert_array_equal(without_test.model.modes, shapes.model.modes)
    assert len(shapes.model.modes) == 1


def test_bending_can_be_stopped(femora):
    with pytest.raises(Cancelled):
        build_femur_shapes(femora, lambda progress: progress.fraction < 0.3)


def test_one_training_femur_is_too_few(femora):
    with pytest.raises(InputError, match=r"at least 2 training femora.*found 1"):
        build_femur_shapes([femora[0], femora[2]])


def a_ct(geometry, femur_from_ras, density=None):
    mesh = tube_femur()
    field = femur_field(find_regions(mesh, 24.0), mesh.vertices, geometry, femur_from_ras)
    outside = torch.full(geometry.shape_kji, 40.0)
    generator = torch.Generator().manual_seed(0)
    voxel_mm = float(np.cbrt(geometry.voxel_volume_mm3))
    return (mesh, *femur_ct(field, density or BoneDensity(texture=0.0), outside, voxel_mm, generator))


def test_an_oblique_far_ct_shows_the_same_bone_as_a_straight_one():
    femur_from_ras = np.linalg.inv(rigid((20, -35, 50), FAR))
    turned = oblique_geometry((50, 60, 70), (1.1, 1.3, 1.6), FAR, degrees_xyz=(20, -35, 50))
    straight = oblique_geometry((50, 60, 70), (1.1, 1.3, 1.6), np.zeros(3), degrees_xyz=(0, 0, 0))
    _, values, labels = a_ct(turned, femur_from_ras)
    _, wanted, wanted_labels = a_ct(straight, np.eye(4))
    torch.testing.assert_close(values, wanted, atol=2.0, rtol=1e-3)
    assert (labels != wanted_labels).float().mean() < 1e-3


def test_labels_and_densities_are_where_anatomy_has_them():
    geometry = oblique_geometry((120, 56, 80), (1.3, 1.1, 1.5), (20.0, 0.0, -60.0), degrees_xyz=(0, 0, 0))
    mesh, values, labels = a_ct(geometry, np.eye(4))
    shaft = mesh.vertices[:, 2] < -95
    middle = mesh.vertices[shaft].mean(0)
    ijk_from_ras = geometry.ijk_from_ras

    def at(point):
        i, j, k = np.round(ijk_from_ras[:3, :3] @ point + ijk_from_ras[:3, 3]).astype(int)
        return float(values[k, j, i]), int(labels[k, j, i])

    in_shaft = np.array([middle[0], 0.0, -120.0])
    assert at(in_shaft)[1] == FemurLabel.MARROW
    assert -80 < at(in_shaft)[0] < 0
    assert at(in_shaft + np.array([11.5, 0, 0]))[1] == FemurLabel.CORTICAL
    assert at(in_shaft + np.array([11.5, 0, 0]))[0] > 1300
    assert at(np.zeros(3))[1] == FemurLabel.HEAD
    assert 250 < at(np.zeros(3))[0] < 600
    assert at(in_shaft + np.array([20.0, 0, 0])) == (40.0, 0)
    assert at(np.array([45.0, 0.0, -40.0]))[1] == FemurLabel.CANCELLOUS
    # thickness of the cortex along a line from the middle of the shaft outwards
    i, j, k = np.round(ijk_from_ras @ [*in_shaft, 1]).astype(int)[:3]
    wall = (values[k, j, i:] > 750).sum() * geometry.spacing_mm[0]
    assert float(wall) == pytest.approx(6.0, abs=1.3)  # one voxel


def test_the_labels_have_the_volume_of_the_surface():
    geometry = oblique_geometry((330, 48, 80), (1.2, 1.2, 1.5), (18.0, 0.0, -205.0), degrees_xyz=(0, 0, 0))
    mesh, _, labels = a_ct(geometry, np.eye(4))
    assert float((labels > 0).sum()) * geometry.voxel_volume_mm3 == pytest.approx(mesh.volume_mm3, rel=0.02)


def test_weak_bone_has_a_thinner_cortex():
    geometry = oblique_geometry((60, 40, 40), (1.3, 1.3, 1.5), (45.0, 0.0, -110.0), degrees_xyz=(0, 0, 0))
    counts = [
        int((a_ct(geometry, np.eye(4), BoneDensity(thickness=factor))[2] == FemurLabel.CORTICAL).sum())
        for factor in (0.7, 1.3)
    ]
    assert 1.3 < counts[1] / counts[0] < 1.9


def test_equal_seeds_make_equal_patients(train, patient):
    again = train.draw(0, seed=5)
    assert torch.equal(again.ct.values, patient.ct.values)
    assert torch.equal(again.labels.values, patient.labels.values)
    assert again.drawn == patient.drawn


@pytest.mark.parametrize(("index", "seed"), [(1, 5), (0, 6)])
def test_other_numbers_and_seeds_make_other_patients(train, patient, index, seed):
    other = train.draw(index, seed)
    assert not torch.equal(other.labels.values, patient.labels.values)
    assert other.drawn["size"] != patient.drawn["size"]


def test_a_patient_is_whole_and_inside_the_grid(patient):
    labels = patient.labels.values
    assert set(labels.unique().tolist()) == {0, *(int(label) for label in FemurLabel)}
    for face in (labels[-1], labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        assert not face.any()
    assert labels[0].any()  # the shaft goes on below
    assert patient.ct.values.min() >= -1024
    assert patient.ct.values[labels == FemurLabel.CORTICAL].mean() > 700


def test_landmarks_lie_on_the_bone_of_their_patient(patient):
    points = patient.landmarks
    assert volume_at(patient, points["head_centre"]) == FemurLabel.HEAD
    outward = points["head_top"] - points["head_centre"]
    unit = outward / np.linalg.norm(outward)
    assert volume_at(patient, points["head_top"] - 4 * unit) == FemurLabel.HEAD
    assert volume_at(patient, points["head_top"] + 4 * unit) == 0
    assert points["lateral_trochanter"][0] > points["head_centre"][0] + 40


def test_patients_of_a_split_come_from_its_subjects(shapes):
    drawn = FemurPopulation(shapes, BiplanarSplit.TEST, (), COARSE).draw(0, 1).drawn
    assert drawn["source"] == "c"
    with pytest.raises(InputError, match="No femur belongs to the split 'validation'"):
        FemurPopulation(shapes, BiplanarSplit.VALIDATION, (), COARSE)


def test_turns_and_shifts_stay_within_their_range(train):
    drawn = [train.draw(index, 3).drawn for index in range(4)]
    for key, limit in (("flexion_deg", 10), ("abduction_deg", 10), ("rotation_deg", 10), ("shift_x_mm", 3)):
        values = [abs(row[key]) for row in drawn]
        assert max(values) <= limit
        assert len(set(values)) == 4


def test_a_folder_gives_back_what_was_written(tmp_path, train, patient):
    write_pair(patient, "train_0000", tmp_path)
    write_pair(train.atlas(), ATLAS, tmp_path)
    write_table([table_row(patient, "train_0000")], tmp_path)
    (pair,) = find_pairs(tmp_path)
    ct, labels = pair.read()
    assert torch.equal(ct.values, patient.ct.values)
    assert torch.equal(labels.values, patient.labels.values.int())
    assert ct.geometry.is_close(patient.ct.geometry)
    assert find_atlas(tmp_path).name == ATLAS
    found = read_landmarks(tmp_path)["train_0000"]
    assert found.keys() == patient.landmarks.keys()
    for name, point in found.items():
        np.testing.assert_allclose(point, patient.landmarks[name], atol=1e-3)


def test_a_ct_without_labels_and_a_folder_without_atlas_are_refused(tmp_path, patient):
    with pytest.raises(InputError, match="holds no CT with labels"):
        find_pairs(tmp_path)
    pair = write_pair(patient, "mine", tmp_path)
    with pytest.raises(InputError, match="has no atlas"):
        find_atlas(tmp_path)
    pair.labels.unlink()
    with pytest.raises(InputError, match=r"'mine_ct\.nii\.gz' has no labels"):
        find_pairs(tmp_path)


def test_the_command_makes_a_population_of_own_surfaces(tmp_path):
    from DeepRegistrationLib.cli import app

    meshes, output = tmp_path / "meshes", tmp_path / "out"
    meshes.mkdir()
    for name, sizes in SHAPES.items():
        radius_mm, neck_mm, shaft_mm, length_mm = sizes
        mesh = tube_femur(radius_mm, length_mm, neck_mm, shaft_mm, rings=110, sides=24)
        write_binary_stl(mesh, meshes / f"{name}_femur_r.stl")
    assigned = [
        f"--assign={name}={split}" for name, split in zip("abc", ("train", "train", "test"), strict=True)
    ]
    arguments = [
        "population",
        "--data",
        str(meshes),
        "--output",
        str(output),
        "--count",
        "1",
        "--split",
        "test",
    ]
    done = CliRunner().invoke(app, [*arguments, "--coarser", "4", "--quiet", *assigned])
    assert done.exit_code == 0, done.output
    (pair,) = find_pairs(output)
    assert pair.name == "test_0000"
    assert pair.read()[0].geometry.shape_kji == (48, 32, 48)
    assert find_atlas(output).ct.is_file()
    assert set(read_landmarks(output)) == {ATLAS, "test_0000"}
    again = CliRunner().invoke(app, [*arguments, "--coarser", "4", "--quiet", *assigned])
    assert again.exit_code == 2  # the folder is not empty
