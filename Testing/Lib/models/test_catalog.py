import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.models.catalog import (
    CATALOG_FILE,
    ModelEntry,
    ModelStamp,
    Network,
    catalog_mistake,
    catalog_schema,
    entry_from_json,
    find_model,
    model_catalog,
    models_folder,
)
from DeepRegistrationLib.models.model_card import card_file, model_card
from DeepRegistrationLib.models.weights_file import read_weights
from DeepRegistrationLib.sample_data import find_sample

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "Resources" / "Models"


def test_the_models_that_come_with_the_program_are_complete_and_have_their_cards():
    for entry in model_catalog(SHIPPED).values():
        if entry.url is None:
            read_weights(entry, SHIPPED)
        assert (SHIPPED / card_file(entry.name)).read_text("utf-8") == model_card(entry)


def test_what_lies_beside_the_catalogue_is_in_it():
    catalog = model_catalog(SHIPPED)
    assert {path.stem for path in SHIPPED.glob("*.safetensors")} <= catalog.keys()
    assert {path.stem for path in SHIPPED.glob("*.md")} == catalog.keys()


def test_the_models_that_come_with_the_program_are_small_enough():
    sizes = [entry.size_bytes for entry in model_catalog(SHIPPED).values() if entry.url is None]
    assert max(sizes, default=0) <= 12_000_000
    assert sum(sizes) <= 40_000_000


def test_a_model_carries_the_licence_of_its_data():
    for entry in model_catalog(SHIPPED).values():
        for name in entry.training_samples:
            assert "non-commercial" not in find_sample(name).licence or "non-commercial" in entry.licence


def test_the_schema_describes_every_field_of_an_entry():
    described = catalog_schema()["properties"]["models"]["items"]
    fields = {field.name for field in dataclasses.fields(ModelEntry)}
    assert set(described["properties"]) == set(described["required"]) == fields
    assert described["properties"]["network"]["enum"] == [str(network) for network in Network]
    assert all("description" in schema for schema in described["properties"].values())


def test_an_entry_is_the_same_after_writing_and_reading(an_entry):
    assert entry_from_json(json.loads(json.dumps(an_entry.to_json()))) == an_entry
    assert find_model("tiny-pose-net") == an_entry
    assert an_entry.stamp == ModelStamp("tiny-pose-net", 1, an_entry.sha256)


def test_an_unknown_model_lists_those_that_there_are(an_entry):
    with pytest.raises(InputError, match=r"There is no model 'adult'. Choose one of: tiny-pose-net"):
        find_model("adult")


def test_an_empty_catalogue_says_so(a_folder):
    assert model_catalog() == {}
    with pytest.raises(InputError, match="The catalogue has no models"):
        find_model("adult")


def test_a_changed_catalogue_is_read_again(an_entry, change_catalog):
    change_catalog(summary="Another sentence of another length.")
    assert find_model("tiny-pose-net").summary == "Another sentence of another length."


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"version": 0}, r"models\[0\].version: 0 is below 1"),
        ({"version": "1"}, r"models\[0\].version: '1' is not of the type integer"),
        ({"network": "u-net"}, "'u-net' is none of pose-net"),
        ({"file": "../elsewhere.safetensors"}, r"'../elsewhere.safetensors' does not have the form"),
        ({"sha256": "AB"}, "sha256: 'AB' does not have the form"),
        ({"url": "file:///etc/passwd"}, "'file:///etc/passwd' does not have the form"),
        ({"split": {"train": "all"}}, "'validation' is missing"),
        ({"colour": "red"}, "'colour' is not known"),
    ],
)
def test_a_mistake_in_the_catalogue_is_named(an_entry, change_catalog, fields, text):
    change_catalog(**fields)
    with pytest.raises(InputError, match=text) as error:
        model_catalog()
    assert "is not as catalog.schema.json says" in str(error.value)


def test_two_models_of_one_name_are_refused(an_entry, a_folder):
    path = a_folder / CATALOG_FILE
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**content, "models": content["models"] * 2}), "utf-8")
    with pytest.raises(InputError, match="the name 'tiny-pose-net' occurs twice"):
        model_catalog()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{", "is no JSON"),
        ("[]", r"\[\] is not of the type object"),
        ('{"schema_version": 2, "models": []}', "has schema version 2, this program reads 1"),
    ],
)
def test_a_file_that_is_no_catalogue_of_this_program_is_refused(a_folder, text, found):
    (a_folder / CATALOG_FILE).write_text(text)
    with pytest.raises(InputError, match=found):
        model_catalog()


def test_a_folder_without_catalogue_is_told_with_the_variable_that_named_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=r"No such file.*DEEPREGISTRATION_MODELS"):
        model_catalog()


def test_the_folder_is_that_of_the_source_tree_unless_the_environment_names_one(monkeypatch, tmp_path):
    monkeypatch.delenv("DEEPREGISTRATION_MODELS", raising=False)
    assert models_folder() == SHIPPED
    monkeypatch.setenv("DEEPREGISTRATION_MODELS", str(tmp_path))
    assert models_folder() == tmp_path


def test_the_catalogue_and_the_check_of_the_weights_need_neither_torch_nor_numpy(an_entry):
    code = (
        "import sys\n"
        "for name in ('torch', 'numpy', 'safetensors'): sys.modules[name] = None\n"
        "from DeepRegistrationLib.models import catalog, download, model_card, weights_file\n"
        "entry = catalog.find_model('tiny-pose-net')\n"
        "weights_file.read_weights(entry), model_card.model_card(entry)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_width_of_what_a_network_sees_is_in_radii_or_in_mm(an_entry):
    in_mm = an_entry.to_json() | {"input_grid": {"size": 40, "half_edge_mm": 117}}
    entry = entry_from_json(in_mm)
    assert entry.to_json()["input_grid"] == {"size": 40, "half_edge_mm": 117.0}
    assert str(entry.input_grid) == "40 pixels along each edge, over +-117 mm"
    assert str(an_entry.input_grid) == "8 pixels along each edge, over +-1.75 brain radii"
    assert catalog_mistake({"schema_version": 1, "models": [in_mm]}) is None
