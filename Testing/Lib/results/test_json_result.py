import dataclasses
import hashlib
import json

import numpy as np
import pytest

from DeepRegistrationLib.models.catalog import ModelStamp
from DeepRegistrationLib.results.json_result import describe, read_result, stamp, write_result


@pytest.fixture
def the_inputs(tmp_path):
    (tmp_path / "Doe^Jane").mkdir()
    path = tmp_path / "Doe^Jane" / "brain.nii.gz"
    path.write_bytes(b"voxels")
    return {"moving": stamp(path)}


def refuse_constant(text):
    raise AssertionError(f"{text} is no JSON")


def test_the_file_holds_what_others_rely_on(a_result, the_inputs, tmp_path):
    write_result(describe(a_result, the_inputs), tmp_path / "result.json")
    content = json.loads((tmp_path / "result.json").read_text("utf-8"), parse_constant=refuse_constant)
    assert content["schema_version"] == 1
    assert content["job"] == "fetal-volume"
    assert content["confidence"] == 0.97
    assert content["trust"] == "high"
    assert content["warnings"] == ["The mask was found automatically."]
    transform = content["transforms"]["atlas_from_subject"]
    assert (transform["from"], transform["to"]) == ("subject RAS", "atlas RAS")
    np.testing.assert_array_equal(transform["matrix"], a_result.fixed_from_moving)
    assert content["inputs"]["moving"] == {
        "file": "brain.nii.gz",
        "sha256": hashlib.sha256(b"voxels").hexdigest(),
    }
    assert content["settings"]["trust"] == "low"
    assert content["versions"]["torch"][0].isdigit()


def test_the_models_are_named_with_version_and_checksum(a_result, the_inputs):
    used = (ModelStamp("fetal-pose-net", 3, "ab" * 32), ModelStamp("fetal-correction-net", 1, "cd" * 32))
    content = describe(dataclasses.replace(a_result, models=used), the_inputs)
    assert content["models"] == {
        "fetal-pose-net": {"version": 3, "sha256": "ab" * 32},
        "fetal-correction-net": {"version": 1, "sha256": "cd" * 32},
    }
    assert describe(a_result, the_inputs)["models"] == {}


def test_folders_stay_out_because_they_may_name_a_patient(a_result, the_inputs, tmp_path):
    write_result(describe(a_result, the_inputs), tmp_path / "result.json")
    assert "Doe" not in (tmp_path / "result.json").read_text("utf-8")


def test_a_number_that_is_not_finite_becomes_null(a_result):
    assert describe(a_result, {})["similarity"] == {"local-correlation": 0.91, "mutual-information": None}


def test_two_runs_write_the_same_bytes(a_result, the_inputs, tmp_path):
    for name in ("one.json", "two.json"):
        write_result(describe(a_result, the_inputs), tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_a_transform_that_is_not_finite_is_refused(a_result):
    answer = dataclasses.replace(a_result.transforms["atlas_from_subject"], matrix=np.full((4, 4), np.inf))
    with pytest.raises(ValueError, match="'atlas_from_subject' is not finite"):
        describe(dataclasses.replace(a_result, transforms={"atlas_from_subject": answer}), {})


def test_the_stamp_of_a_folder_changes_with_any_of_its_files(tmp_path):
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).write_text(name)
    before = stamp(tmp_path)
    (tmp_path / "2.dcm").write_text("other")
    assert before.file == tmp_path.name
    assert stamp(tmp_path).sha256 != before.sha256


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema_version": 99, "job": "x", "transforms": {}}'])
def test_other_files_are_no_results(text, tmp_path):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(ValueError, match=r"no result|schema 99"):
        read_result(tmp_path / "result.json")
