"""Femora cut out of a CT: surface of a mask, sides, frames, a header that is wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from DeepRegistrationLib.data.femur_ct import FemurLabel
from DeepRegistrationLib.data.femur_folder import find_pairs, read_landmarks
from DeepRegistrationLib.data.femur_from_ct import femora_from_ct
from DeepRegistrationLib.data.femur_meshes import Side
from DeepRegistrationLib.data.femur_population import PopulationSettings
from DeepRegistrationLib.data.femur_population_writer import coarser_settings, write_ct_femora
from DeepRegistrationLib.data.mask_surface import mask_surface
from DeepRegistrationLib.data.signed_distance import signed_distance
from DeepRegistrationLib.data.xray_split import TS0561_HEADER_FACTOR
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nifti
from Testing.Lib.data.tube_femur import tube_femur
from Testing.Lib.pictures import FAR, oblique_geometry, positions

CTS = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct-bone" / "x2s"
COARSE = PopulationSettings(shape_kji=(64, 44, 64), spacing_mm=(2.0, 2.0, 3.0))


def test_points_of_a_ball_lie_on_it_and_look_outwards():
    geometry = oblique_geometry((22, 30, 40), (1.5, 2.0, 2.6), FAR)
    mask = np.linalg.norm(positions(geometry) - FAR, axis=-1) < 22
    surface = mask_surface(mask, geometry, "ball")
    offset = surface.vertices - FAR
    distance = np.linalg.norm(offset, axis=1)
    assert np.abs(distance - 22).mean() < 0.35
    assert np.abs(distance.mean() - 22) < 0.25
    assert ((surface.normals * offset).sum(1) / distance).min() > 0.8
    assert surface.areas.sum() == pytest.approx(4 * np.pi * 22**2, rel=0.05)


def test_where_the_image_ends_there_is_no_surface():
    geometry = oblique_geometry((20, 20, 20), (1.0, 1.0, 1.0), np.zeros(3), degrees_xyz=(0, 0, 0))
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[:12, 4:16, 4:16] = True  # goes on below
    surface = mask_surface(mask, geometry, "post")
    assert surface.normals[:, 2].min() > -0.5
    assert (surface.normals[:, 2] > 0.9).any()


def test_a_mask_of_few_voxels_is_refused():
    geometry = oblique_geometry((9, 9, 9), (1.0, 1.0, 1.0), FAR)
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = True
    with pytest.raises(InputError, match="too few voxels"):
        mask_surface(mask, geometry, "dot")


@pytest.fixture(scope="module")
def a_ct_with_both_femora():
    """A right and a left femur, mirrored, 180 mm apart; far from the origin, coarse voxels."""
    right = tube_femur(rings=130, sides=28)
    middle = FAR + np.array([0.0, 0.0, -55.0])
    geometry = oblique_geometry((60, 30, 105), (3.0, 2.6, 3.1), middle, degrees_xyz=(4, -3, 5))
    points = positions(geometry).reshape(-1, 3) - FAR
    labels = np.zeros(len(points), dtype=np.int32)
    for label, side in ((54, 1.0), (53, -1.0)):
        own = points * [side, 1, 1] - [90.0, 0, 0]
        near = (np.abs(own) < [80, 35, 200]).all(1)
        inside = np.zeros(len(points), dtype=bool)
        inside[near] = signed_distance(right, own[near], np.zeros((len(right.vertices), 0)))[0] < 0
        labels[inside] = label
    values = np.where(labels > 0, 500.0, 40.0)
    shape = geometry.shape_kji
    ct = Volume(torch.from_numpy(values.reshape(shape)).float(), geometry, "two")
    return ct, ct.with_values(torch.from_numpy(labels.reshape(shape)), "two labels")


def test_both_femora_of_a_ct_come_out_as_the_same_right_one(a_ct_with_both_femora):
    found = femora_from_ct(*a_ct_with_both_femora, {Side.LEFT: 53, Side.RIGHT: 54}, COARSE)
    for femur in found.values():
        assert femur.drawn["head_radius_mm"] == pytest.approx(24, abs=0.5)
        head = femur.landmarks["head_centre"]
        i, j, k = np.round((femur.ct.geometry.ijk_from_ras @ [*head, 1])[:3]).astype(int)
        assert femur.labels.values[k, j, i] == FemurLabel.HEAD
        assert femur.ct.values[femur.labels.values > 0].mean() > 400
        # the shaft lies laterally of the head: to the right
        below = positions(femur.ct.geometry)[5][femur.labels.values[5].numpy() > 0]
        assert below[:, 0].mean() > head[0] + 20
    first, second = (femur.labels.values > 0 for femur in found.values())
    common = (first & second).sum() * 2 / (first.sum() + second.sum())
    assert common > 0.9  # voxels of 3 mm, and they differ by the tilt of the grid


def test_the_command_writes_both_femora_as_a_folder_of_pairs(a_ct_with_both_femora, tmp_path):
    from DeepRegistrationLib.cli import app

    ct, labels = a_ct_with_both_femora
    # a header that makes everything half as large
    write_nifti(ct.with_voxels_scaled(0.5), tmp_path / "two_ct.nii.gz")
    write_nifti(labels.with_voxels_scaled(0.5), tmp_path / "two_labels.nii.gz")
    files = ["--ct", str(tmp_path / "two_ct.nii.gz"), "--labels", str(tmp_path / "two_labels.nii.gz")]
    arguments = ["femora-from-ct", *files, "--output", str(tmp_path / "out"), "--quiet", "--coarser", "4"]
    assert CliRunner().invoke(app, arguments).exit_code == 2  # no femur is named
    done = CliRunner().invoke(app, [*arguments, "--left", "53", "--right", "54", "--header-factor", "2"])
    assert done.exit_code == 0, done.output
    pairs = find_pairs(tmp_path / "out")
    assert [pair.name for pair in pairs] == ["two_left", "two_right"]
    assert pairs[0].read()[1].values.max() == FemurLabel.HEAD
    assert set(read_landmarks(tmp_path / "out")) == {"two_left", "two_right"}


def test_a_header_that_runs_backwards_is_turned_round(a_ct_with_both_femora, tmp_path):
    ct, labels = a_ct_with_both_femora
    turned = [volume.with_axis_reversed(1) for volume in (ct, labels)]
    assert np.linalg.det(turned[0].geometry.ras_from_ijk[:3, :3]) == pytest.approx(
        -np.linalg.det(ct.geometry.ras_from_ijk[:3, :3])
    )
    np.testing.assert_allclose(turned[0].geometry.centre_ras, ct.geometry.centre_ras, atol=1e-9)
    last = ct.geometry.size_ijk[1] - 1
    np.testing.assert_allclose(
        turned[0].geometry.ras_from_ijk @ [3, 0, 5, 1], ct.geometry.ras_from_ijk @ [3, last, 5, 1]
    )
    for volume, name in zip(turned, ("ct", "labels"), strict=True):
        write_nifti(volume, tmp_path / f"one_{name}.nii.gz")
    wanted = femora_from_ct(ct, labels, {Side.RIGHT: 54}, coarser_settings(4))[Side.RIGHT]
    write_ct_femora(
        tmp_path / "one_ct.nii.gz",
        tmp_path / "one_labels.nii.gz",
        {Side.RIGHT: 54},
        tmp_path / "out",
        reversed_axis=1,
        coarser=4,
    )
    found = find_pairs(tmp_path / "out")[0].read()[1]
    torch.testing.assert_close(found.values > 0, wanted.labels.values > 0)


def test_a_label_that_is_not_there_is_named(a_ct_with_both_femora):
    with pytest.raises(InputError, match=r"no voxel with the label 7 \(left femur\)"):
        femora_from_ct(*a_ct_with_both_femora, {Side.LEFT: 7}, COARSE)


@pytest.mark.skipif(
    not CTS.is_dir(), reason="the public CTs are not there: ../shared/data beside the checkout"
)
def test_the_femora_of_ts0561_have_the_size_of_an_adult_with_the_corrected_header():
    ct, labels = (
        read_volume(CTS / "ts0561_ct.nii.gz"),
        read_volume(CTS / "ts0561_bones_label.nii.gz", labels=True),
    )
    scaled = [volume.with_voxels_scaled(TS0561_HEADER_FACTOR) for volume in (ct, labels)]
    found = femora_from_ct(*scaled, {Side.LEFT: 53, Side.RIGHT: 54}, COARSE)
    radii = [femur.drawn["head_radius_mm"] for femur in found.values()]
    assert all(20 < radius < 27 for radius in radii)
    assert radii[0] == pytest.approx(radii[1], abs=1.0)
    # as the header has it, the sacrum lies before the femora: rows run the other way
    for volume, behind in ((scaled[1], False), (scaled[1].with_axis_reversed(1), True)):
        sacrum, femur = (positions(volume.geometry)[volume.values == label] for label in (50, 54))
        assert bool(sacrum[:, 1].mean() < femur[:, 1].mean() - 20) is behind
    # as the header has it, the head is that of a child
    (child,) = femora_from_ct(ct, labels, {Side.LEFT: 53}, COARSE).values()
    assert child.drawn["head_radius_mm"] < 16
