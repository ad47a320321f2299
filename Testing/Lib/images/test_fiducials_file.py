import json

import numpy as np
import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.pnp import pose_from_fiducials
from DeepRegistrationLib.images.fiducials_file import match_fiducials, read_fiducials, read_shadows
from Testing.Lib.pictures import FAR, rigid

POINTS = {"tip": [5000.5, -3200.25, 4100.0], "base": [4950.0, -3100.0, 4080.5]}


def a_markups_file(path, points, system="LPS", **changes):
    points = [{"label": n, "position": p, "positionStatus": "defined"} | changes for n, p in points.items()]
    content = {"markups": [{"type": "Fiducial", "coordinateSystem": system, "controlPoints": points}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def in_lps(points):
    return {name: [-x, -y, z] for name, (x, y, z) in points.items()}


def as_lists(points):
    return {name: point.tolist() for name, point in points.items()}


@pytest.mark.parametrize(("system", "stored"), [("RAS", POINTS), ("LPS", in_lps(POINTS)), ("0", POINTS)])
def test_markups_are_in_ras_whatever_the_file_says(tmp_path, system, stored):
    assert as_lists(read_fiducials(a_markups_file(tmp_path / "F.mrk.json", stored, system))) == POINTS


@pytest.mark.parametrize(
    ("system", "stored"), [("RAS", POINTS), ("LPS", in_lps(POINTS)), ("1", in_lps(POINTS))]
)
def test_older_fiducials_are_in_ras_whatever_the_file_says(tmp_path, system, stored):
    lines = [
        "# Markups fiducial file version = 5.0",
        f"# CoordinateSystem = {system}",
        "# columns = id,x,y,z",
    ]
    lines += [f"{n},{x},{y},{z},0,0,0,1,1,1,0,{name},," for n, (name, (x, y, z)) in enumerate(stored.items())]
    (tmp_path / "F.fcsv").write_text("\n".join(lines), encoding="utf-8")
    assert as_lists(read_fiducials(tmp_path / "F.fcsv")) == POINTS


def test_tables_hold_points_in_ras_and_shadows_in_pixels(tmp_path):
    (tmp_path / "ct.csv").write_text("label, x, y, z\ntip, 5000.5, -3200.25, 4100\nbase,4950,-3100,4080.5\n")
    (tmp_path / "xray.csv").write_text("label,column,row\nbase,12.5,80\ntip,99,-3\n")
    camera = CArm(1020, 620, 0, 0, (1, 1), (100, 100)).camera(FAR)
    points, shadows = read_fiducials(tmp_path / "ct.csv"), read_shadows(tmp_path / "xray.csv", camera)
    assert as_lists(points) == POINTS
    pairs = match_fiducials(points, shadows)
    assert pairs.names == ("tip", "base")
    assert pairs.pixels.tolist() == [[99, -3], [12.5, 80]]
    assert pairs.notes == ()


def test_marks_on_the_detector_in_the_world_are_pixels(tmp_path):
    camera = CArm(1020, 620, 40, -20, (0.7, 0.9), (100, 80)).camera(FAR).flipped(columns=True)
    marks = {"a": [10.0, 20.5], "b": [71.25, 3.0]}
    on_detector = {name: camera.ras_from_pixels(np.array(pixel)).tolist() for name, pixel in marks.items()}
    found = read_shadows(a_markups_file(tmp_path / "X.mrk.json", on_detector, "RAS"), camera)
    for name, pixel in marks.items():
        assert found[name] == pytest.approx(pixel, abs=1e-6)


def test_points_without_a_partner_are_told_and_not_used():
    points = {"a": np.zeros(3), "b": np.ones(3), "c": np.ones(3)}
    pairs = match_fiducials(points, {"c": np.zeros(2), "a": np.ones(2), "d": np.ones(2)})
    assert pairs.names == ("a", "c")
    assert pairs.notes == (
        "Only marked in the CT, so not used: b.",
        "Only marked in the radiograph, so not used: d.",
    )
    with pytest.raises(InputError, match=r"No fiducial has its name in both lists.* are a, b, c; .* are d"):
        match_fiducials(points, {"d": np.zeros(2)})


def test_files_lead_to_the_pose(tmp_path):
    camera = CArm(1020, 620, 30, 10, (0.8, 0.5), (400, 400)).camera(FAR)
    spread = np.random.default_rng(0).uniform(-50, 50, (6, 3))
    true = rigid((20, -35, 50), FAR)
    points = {f"ball {n}": point.tolist() for n, point in enumerate(spread)}
    shadows = camera.project(spread @ true[:3, :3].T + true[:3, 3])[0]
    lines = [f"ball {n},{c!r},{r!r}" for n, (c, r) in reversed(list(enumerate(shadows.tolist())))]
    (tmp_path / "xray.csv").write_text("\n".join(["label,column,row", *lines]))
    pairs = match_fiducials(
        read_fiducials(a_markups_file(tmp_path / "ct.mrk.json", in_lps(points))),
        read_shadows(tmp_path / "xray.csv", camera),
    )
    found = pose_from_fiducials(pairs.points_ras, pairs.pixels, camera, pairs.names)
    assert found.world_from_ct == pytest.approx(true, abs=1e-3)


def test_undefined_points_are_skipped_and_what_is_no_list_is_refused(tmp_path):
    skipped = a_markups_file(tmp_path / "a.mrk.json", POINTS, positionStatus="undefined")
    (tmp_path / "b.mrk.json").write_text('{"control": []}')
    (tmp_path / "c.mrk.json").write_text("no json")
    (tmp_path / "d.fcsv").write_text("1,2,3")
    (tmp_path / "e.fcsv").write_text("# CoordinateSystem = LPS\n1,2,3")
    (tmp_path / "f.csv").write_text("name,x,y,z\na,1,2,3")
    (tmp_path / "g.csv").write_text("label,x,y,z\na,1,2,there")
    (tmp_path / "h.csv").write_text("label,x,y,z\na,1,2,3\na,4,5,6")
    (tmp_path / "i.csv").write_text("label,x,y,z\na,1,2,nan")
    expected = {
        skipped.name: "holds no point",
        "b.mrk.json": "is no Markups file",
        "c.mrk.json": "is no Markups file",
        "d.fcsv": "does not tell its coordinate system",
        "e.fcsv": "a line has 3 fields",
        "f.csv": "lacks the columns label",
        "g.csv": "a position that is no number",
        "h.csv": "several points with the name a",
        "i.csv": "positions that are no numbers: a",
        "no.csv": "cannot be read",
    }
    for name, text in expected.items():
        with pytest.raises(InputError, match=text):
            read_fiducials(tmp_path / name)
    with pytest.raises(InputError, match="coordinate system 'IJK', which is not known"):
        read_fiducials(a_markups_file(tmp_path / "k.mrk.json", POINTS, "IJK"))
