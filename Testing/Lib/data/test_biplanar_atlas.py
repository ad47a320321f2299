"""Atlases whose bone the image cuts, and shape models as files and as principal modes."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.biplanar_atlas import prepare_atlas
from DeepRegistrationLib.data.biplanar_shape_model import (
    build_shape_model,
    control_grid,
    principal_modes,
    read_shape_model,
    write_shape_model,
)
from DeepRegistrationLib.data.femur_folder import CtPair
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM
from Testing.Lib.pictures import FAR, oblique_geometry, positions
from Testing.Lib.xray_case import a_body

GRID = oblique_geometry((30, 40, 44), (1.5, 1.8, 2.2), FAR)


def a_shaft(leaning=0.3, first_k=0, last_k=30):
    """CT and labels of a straight shaft along k that leans towards i."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in GRID.shape_kji), indexing="ij")
    inside = ((i - 22 - leaning * (k - 15)) ** 2 + (j - 20) ** 2 < 36) & (k >= first_k) & (k < last_k)
    ct = Volume(torch.from_numpy(np.where(inside, 900.0, 40.0).astype(np.float32)), GRID, "shaft")
    return ct, ct.with_values(torch.from_numpy(inside.astype(np.int32)), "labels")


def test_a_bone_that_ends_within_the_image_stays_as_it_is():
    ct, labels = a_shaft(first_k=5, last_k=25)
    atlas = prepare_atlas(ct, labels)
    assert atlas.labels is labels
    assert (atlas.continued_mm, atlas.ends) == (0.0, None)


def test_a_cut_bone_goes_on_in_its_own_direction_where_it_was():
    ct, labels = a_shaft(last_k=25)  # cut at the first slice only
    atlas = prepare_atlas(ct, labels)
    added = atlas.labels.geometry.shape_kji[0] - 30
    assert added * 2.2 == pytest.approx(atlas.continued_mm, abs=2.2)
    assert torch.equal(atlas.labels.values[added:], labels.values)
    # the old voxels lie where they lay
    old = atlas.labels.geometry.ras_from_ijk @ [0, 0, added, 1]
    assert np.allclose(old, GRID.ras_from_ijk @ [0, 0, 0, 1])
    middles = [torch.nonzero(plane).double().mean(0) for plane in atlas.labels.values[: added + 10]]
    leaning = np.diff(torch.stack(middles)[:, 1].numpy())
    assert leaning.mean() == pytest.approx(0.3, abs=0.05)
    # the end is what was added and 12 mm more
    ends = torch.nonzero(atlas.ends.values.flatten(1).any(1)).flatten()
    assert int(ends[-1]) - added == pytest.approx(12 / 2.2, abs=1)


def test_voxels_are_averaged_and_bone_keeps_its_place_and_volume():
    ct, labels = a_shaft(first_k=5, last_k=25)
    atlas = prepare_atlas(ct, labels)
    grid = atlas.grid(4.0)
    share = atlas.channels(grid, torch.device("cpu"))[0, 1].double()
    fine = float(labels.values.sum()) * GRID.voxel_volume_mm3
    assert float(share.sum()) * grid.voxel_volume_mm3 == pytest.approx(fine, rel=0.05)
    centre = (share[..., None].numpy() * positions(grid)).sum((0, 1, 2)) / float(share.sum())
    assert np.linalg.norm(centre - atlas.centre_ras) < 0.3


def test_a_bone_takes_from_the_rays_what_it_adds_to_the_water_in_its_place():
    ct, labels = a_shaft(first_k=5, last_k=25)
    atlas = prepare_atlas(ct, labels)
    grid, cpu = atlas.grid(2.0), torch.device("cpu")
    attenuation, share = atlas.channels(grid, cpu)[0]
    inside = share > 0.999
    assert int(inside.sum()) > 100
    torch.testing.assert_close(
        attenuation[inside], torch.full((int(inside.sum()),), 0.9 * WATER_PER_MM), rtol=1e-4, atol=0
    )
    # a bone that is as dense as water is not seen, and one of fat lets more rays through
    for hu, sign in ((0.0, 0), (-100.0, -1)):
        soft = prepare_atlas(ct.with_values(torch.full_like(ct.values, hu)), labels).channels(grid, cpu)[0]
        torch.testing.assert_close(soft[1], share)
        assert torch.equal(soft[0][inside].sign(), torch.full_like(soft[0][inside], sign))


def test_labels_without_bone_are_refused():
    ct, labels = a_shaft()
    with pytest.raises(InputError, match="mark no bone"):
        prepare_atlas(ct, labels.with_values(torch.zeros_like(labels.values)))


def a_model(count=6):
    control = control_grid(prepare_atlas(*a_body(4.0)))
    generator = torch.Generator().manual_seed(4)
    first, second = torch.randn(2, *control.shape_kji, 3, generator=generator)
    shares = torch.randn(count, 2, generator=generator)
    shapes = 2.0 + shares[:, :1, None, None, None] * first + 0.4 * shares[:, 1:, None, None, None] * second
    stretches = 0.03 * torch.randn(count, 6, generator=generator)
    return principal_modes(control, stretches, shapes), shapes, stretches


def test_modes_explain_the_shapes_they_come_from():
    model, shapes, stretches = a_model()
    assert model.count == 2
    rows = model.modes.flatten(1)
    rest = (shapes - model.mean).flatten(1)
    weights = torch.linalg.lstsq(rows.T, rest.T).solution
    assert float((rest.T - rows.T @ weights).abs().max()) < 1e-3
    assert torch.allclose(weights.square().sum(1) / (len(shapes) - 1), torch.ones(2), atol=1e-3)
    covariance = model.stretch_root @ model.stretch_root.T
    assert torch.allclose(covariance, torch.cov(stretches.T), atol=5e-6)


def test_a_model_comes_back_from_its_file_and_a_damaged_one_is_refused(tmp_path):
    model, _, _ = a_model()
    write_shape_model(model, tmp_path / "model.safetensors")
    found = read_shape_model(tmp_path / "model.safetensors")
    assert found.control.is_close(model.control, 1e-6)
    assert torch.allclose(found.modes, model.modes, atol=0.01)
    assert found.local_mm == pytest.approx(model.local_mm)
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(InputError, match="no shape model"):
        read_shape_model(tmp_path / "model.safetensors")


@pytest.mark.slow
def test_a_model_of_three_bodies_knows_how_they_are_stretched(tmp_path):
    ct, labels = a_body(4.0)
    atlas = prepare_atlas(ct, labels)
    pairs = []
    for number, scale in enumerate((0.94, 1.0, 1.06)):
        matrix = ct.geometry.ras_from_ijk.copy()
        matrix[:3, 2] *= scale  # taller and smaller bodies
        matrix[:3, 3] += (ct.geometry.ras_from_ijk - matrix)[:3, :3] @ ((ct.geometry.size_ijk - 1) / 2)
        geometry = type(ct.geometry)(ct.geometry.shape_kji, matrix)
        names = [tmp_path / f"{number}_{what}.nrrd" for what in ("ct", "labels")]
        write_nrrd(Volume(ct.values, geometry), names[0])
        write_nrrd(Volume(labels.values, geometry), names[1])
        pairs.append(CtPair(str(number), *names))
    model = build_shape_model(atlas, pairs)
    heights = torch.linalg.eigvalsh(model.stretch_root @ model.stretch_root.T)
    assert float(heights[-1].sqrt()) == pytest.approx(0.06, abs=0.015)
    assert float(heights[-2].sqrt()) < 0.02


def test_too_few_patients_make_no_model():
    with pytest.raises(InputError, match="at least 3"):
        build_shape_model(prepare_atlas(*a_body(4.0)), [])
