"""The frame of a femur: sides, units, partial bones, real ones."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.data.biplanar_split import (
    SUBJECT_SPLIT,
    BiplanarSplit,
    split_of,
    subject_name,
)
from DeepRegistrationLib.data.femur_frame import find_femur_frame, find_sphere
from DeepRegistrationLib.data.femur_meshes import Side, load_femora, right_femur
from DeepRegistrationLib.errors import InputError
from Testing.Lib.data.tube_femur import tube_femur, write_binary_stl
from Testing.Lib.pictures import FAR, rigid

MESHES = Path(__file__).resolve().parents[4] / "shared" / "data" / "meshes" / "staple"
needs_meshes = pytest.mark.skipif(
    not MESHES.is_dir(), reason="the public meshes are not there: ../shared/data beside the checkout"
)


def assert_same_place(found, wanted, degrees=0.5, mm=0.3):
    difference = found @ np.linalg.inv(wanted)
    turn = np.degrees(Rotation.from_matrix(difference[:3, :3]).magnitude())
    assert turn < degrees
    at_head = np.linalg.inv(wanted)[:3, 3]
    assert np.linalg.norm(found[:3, :3] @ at_head + found[:3, 3]) < mm


@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, -35, 50), (170, 60, -120)])
def test_the_frame_of_a_femur_is_found_wherever_it_lies(degrees):
    mesh_from_femur = rigid(degrees, FAR)
    frame = find_femur_frame(tube_femur().moved(mesh_from_femur))
    assert frame.head_radius_mm == pytest.approx(24, abs=0.1)
    assert_same_place(frame.femur_from_mesh, np.linalg.inv(mesh_from_femur))


def test_a_left_femur_becomes_the_right_one_that_mirrors_it():
    right = tube_femur()
    left = right.moved(np.diag([-1.0, 1, 1, 1])).moved(rigid((30, 80, -10), FAR))
    mesh, _ = right_femur(left, Side.LEFT)
    assert np.abs(mesh.vertices - right.vertices).max() < 2.5  # half a degree, 430 mm below the head


def test_the_upper_part_of_a_femur_has_the_same_frame():
    frame = find_femur_frame(tube_femur(length_mm=110.0))
    assert_same_place(frame.femur_from_mesh, np.eye(4))
    assert frame.anteversion_deg is None


def test_a_short_piece_needs_to_be_told_what_is_up():
    piece = tube_femur(length_mm=30.0)
    with pytest.raises(InputError, match=r"below the centre of its head.*direction upwards"):
        find_femur_frame(piece)
    frame = find_femur_frame(piece, superior=np.array([0.02, -0.03, 1.0]))
    assert_same_place(frame.femur_from_mesh, np.eye(4), degrees=8.0)


def test_a_bone_without_a_head_is_refused():
    femur = tube_femur()
    kept = femur.vertices[:, 2] < -60
    tube = femur.with_vertices(np.where(kept[:, None], femur.vertices, [44.0, 0.0, -60.0]))
    with pytest.raises(InputError, match="No femoral head is found in 'tube'"):
        find_femur_frame(tube)


def test_metres_are_refused_with_what_to_do():
    femur = tube_femur()
    with pytest.raises(InputError, match=r"0\.45.* mm long.*--unit-mm"):
        right_femur(femur.with_vertices(femur.vertices / 1000), Side.RIGHT)


def test_a_hollow_sphere_is_a_socket_and_no_head():
    head = tube_femur(length_mm=60)
    socket = head.with_vertices(head.vertices)
    hollow = type(head)(socket.vertices, head.triangles[:, ::-1], "socket")
    centre, radius, _ = find_sphere(hollow, (18.0, 34.0), hollow=True)
    assert np.linalg.norm(centre) < 0.2
    assert radius == pytest.approx(24, abs=0.1)


def test_every_subject_has_one_use_and_scans_of_a_person_belong_together():
    assert set(SUBJECT_SPLIT.values()) == set(BiplanarSplit)
    assert subject_name("TLEM2_CT") == subject_name("TLEM2_MRI") == subject_name("TLEM2") == "TLEM2"
    assert split_of("ts0561") is BiplanarSplit.TEST


def test_an_unknown_subject_is_never_put_into_a_split_silently(tmp_path):
    write_binary_stl(tube_femur(), tmp_path / "nobody_femur_r.stl")
    with pytest.raises(InputError, match=r"'nobody' belongs to no split.*--assign nobody=train"):
        load_femora(tmp_path)
    femora = load_femora(tmp_path, {"nobody": BiplanarSplit.TEST})
    assert [femur.split for femur in femora] == [BiplanarSplit.TEST]


def test_a_mesh_that_does_not_say_its_side_is_refused(tmp_path):
    write_binary_stl(tube_femur(), tmp_path / "MC22_femur_x.stl")
    with pytest.raises(InputError, match="does not say which side"):
        load_femora(tmp_path)


@needs_meshes
def test_real_femora_have_their_anatomy_where_the_frame_says():
    femora = load_femora(MESHES)
    assert len(femora) == 5
    for femur in femora:
        points = femur.mesh.vertices / femur.frame.head_radius_mm
        assert femur.frame.head_residual_mm < 1.0
        # a wrong side or a wrong end would turn the neck backwards
        assert 5 < femur.frame.anteversion_deg < 35
        lesser = points[(points[:, 2] < -2.1) & (points[:, 2] > -2.6)]
        assert lesser[:, 1].min() < -lesser[:, 1].max()  # the lesser trochanter is behind
        assert points[:, 2].min() < -15
    splits = {femur.subject: femur.split for femur in femora}
    assert set(splits.values()) == set(BiplanarSplit)


@needs_meshes
def test_both_femora_of_a_person_are_alike_after_mirroring():
    pair = [femur.mesh.vertices for femur in load_femora(MESHES) if femur.subject == "MC22"]
    assert len(pair) == 2
    lengths, offsets = [-v[:, 2].min() for v in pair], [v[v[:, 2] < -200, 0].mean() for v in pair]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.02)
    assert offsets[0] == pytest.approx(offsets[1], abs=8)
