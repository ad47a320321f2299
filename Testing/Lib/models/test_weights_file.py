import dataclasses
import hashlib

import pytest
import safetensors
import safetensors.torch
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.models.weights_file import (
    ModelState,
    find_weights,
    header_of,
    read_weights,
    state_of,
    with_header,
)


@pytest.fixture
def weights(a_folder, an_entry):
    """The file with the weights of the entry."""
    return a_folder / an_entry.file


def refusal(entry):
    with pytest.raises(RegistrationError) as error:
        read_weights(entry)
    return str(error.value)


def test_whole_weights_are_read_byte_for_byte(an_entry, weights):
    assert read_weights(an_entry) == weights.read_bytes()
    assert state_of(an_entry) == ModelState.SHIPPED


def test_weights_that_are_cut_off_are_refused_with_both_lengths(an_entry, weights):
    weights.write_bytes(weights.read_bytes()[:1000])
    text = refusal(an_entry)
    assert f"the file has 1000 bytes instead of {an_entry.size_bytes}" in text
    assert text.endswith("Install DeepRegistration again.")
    assert state_of(an_entry) == ModelState.DAMAGED


def test_one_changed_byte_is_refused_by_the_checksum(an_entry, weights):
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    weights.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    assert f"was changed (SHA-256 {found[:12]} instead of {an_entry.sha256[:12]})" in refusal(an_entry)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"version": 2}, "they are of the version 1, the catalogue asks for the version 2"),
        (
            {"network": "slice-net"},
            "of the network pose-net, the catalogue asks for the network slice-net",
        ),
        ({"name": "big-pose-net"}, "they are of the name tiny-pose-net, the catalogue asks for the name big"),
    ],
)
def test_weights_of_another_model_are_named_as_such(an_entry, change_catalog, fields, text):
    change_catalog(**fields)
    assert text in refusal(find_model(fields.get("name", an_entry.name)))


def test_weights_that_do_not_say_their_version_are_refused(an_entry, weights):
    content = safetensors.torch.save({"a": torch.zeros(2)})
    weights.write_bytes(content)
    entry = dataclasses.replace(an_entry, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    assert "does not say which version it is" in refusal(entry)


def test_missing_weights_say_where_they_were_looked_for(an_entry, weights, a_folder):
    weights.unlink()
    text = refusal(an_entry)
    assert f"are missing in '{a_folder}'" in text
    assert find_weights(an_entry) is None
    assert state_of(an_entry) == ModelState.MISSING


def test_weights_that_were_not_downloaded_yet_say_how_large_they_are_and_what_to_type(an_entry, weights):
    weights.unlink()
    entry = dataclasses.replace(an_entry, url="https://example.org/a.safetensors")
    text = refusal(entry)
    assert f"({entry.size_bytes / 1e6:.1f} MB) is not on this machine" in text
    assert text.endswith("deepregistration models download tiny-pose-net")
    assert state_of(entry) == ModelState.NOT_DOWNLOADED


def test_a_header_is_written_the_same_way_each_time_and_read_by_others(tmp_path):
    tensors = {"b": torch.arange(3.0), "a": torch.ones(2, 2, dtype=torch.float16)}
    about = {"name": "x", "version": "3", "network": "a net"}
    content = with_header(safetensors.torch.save(tensors, {"old": "text"}), about)
    assert content == with_header(safetensors.torch.save(tensors), about)
    assert header_of(content) == about
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with safetensors.safe_open(path, "pt") as opened:
        assert opened.metadata() == about
        assert all(torch.equal(opened.get_tensor(name), tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 100, b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{}"]
)
def test_a_file_of_another_kind_says_nothing_about_itself(content):
    assert header_of(content) == {}
