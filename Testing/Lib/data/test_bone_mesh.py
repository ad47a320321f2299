"""Surfaces of bones: files, orientation, distance."""

from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.bone_mesh import BoneMesh, bone_mesh, read_stl
from DeepRegistrationLib.data.signed_distance import distance_on_grid, refined, signed_distance, thinned
from DeepRegistrationLib.errors import InputError
from Testing.Lib.data.tube_femur import tube_femur, write_binary_stl
from Testing.Lib.pictures import FAR, about, oblique_geometry, positions, rigid, rotation


def a_sphere(radius_mm=20.0, centre=(0, 0, 0), rings=40, sides=60):
    polar = np.linspace(0, np.pi, rings)[:, None]
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    unit = np.stack(
        [np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar) + 0 * turn], -1
    ).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    a, b = i * sides + j, i * sides + (j + 1) % sides
    quads = np.stack([a, b, b + sides, a + sides], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 2, 1]], quads[:, [0, 3, 2]]])
    return bone_mesh((radius_mm * unit + centre)[triangles], "sphere")


def test_a_binary_file_comes_back_in_the_unit_that_is_named(tmp_path):
    mesh = tube_femur(rings=60, sides=16)
    write_binary_stl(mesh.with_vertices(mesh.vertices / 1000), tmp_path / "a_femur_r.stl")
    read = read_stl(tmp_path / "a_femur_r.stl", unit_mm=1000)
    assert read.volume_mm3 == pytest.approx(mesh.volume_mm3, rel=1e-4)
    assert read.name == "a_femur_r"
    assert len(read.vertices) == len(mesh.vertices)


def test_a_text_file_is_read(tmp_path):
    corners = a_sphere(rings=6, sides=6)
    lines = ["solid bone"]
    for triangle in corners.vertices[corners.triangles]:
        lines += ["facet normal 0 0 0", "outer loop", *(f"vertex {x} {y} {z}" for x, y, z in triangle)]
        lines += ["endloop", "endfacet"]
    (tmp_path / "bone.stl").write_text("\n".join([*lines, "endsolid"]), "ascii")
    assert read_stl(tmp_path / "bone.stl").volume_mm3 == pytest.approx(corners.volume_mm3)


@pytest.mark.parametrize(
    "content", [b"", b"no mesh", b"solid x\nvertex 1 2\n", b"x" * 80 + b"\xff\xff\0\0" + b"12"]
)
def test_what_is_no_mesh_is_refused(tmp_path, content):
    (tmp_path / "bad.stl").write_bytes(content)
    with pytest.raises(InputError, match=r"bad.stl.*Export it again"):
        read_stl(tmp_path / "bad.stl")


def test_a_missing_mesh_is_named():
    with pytest.raises(InputError, match="does not exist"):
        read_stl(Path("none.stl"))


def test_triangles_that_look_inwards_are_turned():
    inside_out = a_sphere().vertices[a_sphere().triangles[:, ::-1]]
    mesh = bone_mesh(inside_out, "sphere")
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.01)
    assert (mesh.normals * mesh.vertices).sum(1).min() > 0


def test_a_mirrored_mesh_still_looks_outwards():
    mesh = a_sphere(centre=(50, 0, 0)).moved(np.diag([-1.0, 1, 1, 1]))
    assert mesh.volume_mm3 > 0
    assert mesh.vertices[:, 0].max() == pytest.approx(-30, abs=0.1)


def test_areas_of_vertices_add_up_to_the_surface():
    assert a_sphere().areas.sum() == pytest.approx(4 * np.pi * 20**2, rel=0.01)


def test_distances_from_a_sphere_are_right_and_negative_inside():
    points = np.random.default_rng(0).normal(size=(500, 3)) * 15
    mesh = a_sphere()
    distance, nearby = signed_distance(mesh, points, mesh.normals[:, :1])
    wanted = np.linalg.norm(points, axis=1) - 20
    assert np.abs(distance - wanted)[wanted < 5].max() < 0.12
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    far = np.linalg.norm(points, axis=1) > 10
    assert np.abs(nearby[far, 0] - unit[far, 0]).max() < 0.1


def test_distances_on_an_oblique_far_grid_are_those_of_its_voxels():
    geometry = oblique_geometry((30, 26, 34), (1.9, 2.3, 1.6), FAR)
    mesh = a_sphere(15.0)
    mesh_from_ras = about(rotation((5, 20, -40)), FAR, (0.0, 0.0, 0.0))
    distance, nearby = distance_on_grid(mesh, mesh.normals, geometry, mesh_from_ras)
    wanted = np.linalg.norm(positions(geometry) - FAR, axis=-1) - 15
    near = np.abs(wanted) < 4
    assert near.sum() > 1000
    assert np.abs(distance.numpy() - wanted)[near].max() < 0.45  # two voxels of 2 mm share a straight line
    assert np.abs(distance.numpy() - wanted)[np.abs(wanted) < 2].mean() < 0.1
    assert (distance.numpy()[wanted > 4] > 2).all()
    assert nearby.shape == (3, *geometry.shape_kji)


@pytest.mark.parametrize("stride", [2, 3])
def test_between_thinned_voxels_a_ramp_stays_a_ramp(stride):
    geometry = oblique_geometry((9, 8, 7), (1.5, 1, 2), FAR)
    coarse = thinned(geometry, stride)
    direction = np.array([0.3, -0.7, 0.5])
    ramp = torch.from_numpy((positions(coarse) - FAR) @ direction)[None]
    wanted = torch.from_numpy((positions(geometry) - FAR) @ direction)
    torch.testing.assert_close(refined(ramp, geometry.shape_kji, stride)[0], wanted)


def test_a_rigid_map_moves_vertices_and_normals_alike():
    matrix = rigid((10, 40, -25), FAR)
    mesh = tube_femur(rings=60, sides=16)
    moved = mesh.moved(matrix)
    np.testing.assert_allclose(moved.normals, mesh.normals @ matrix[:3, :3].T, atol=1e-6)
    assert isinstance(moved, BoneMesh)
