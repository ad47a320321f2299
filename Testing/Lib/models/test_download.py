import dataclasses

import pytest

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.models.download import download_model, remove_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.models.weights_file import ModelState, state_of


@pytest.fixture
def entry(a_web_model):
    return find_model("tiny-pose-net")


def test_a_downloaded_model_can_be_loaded(entry, tmp_path):
    fractions = []
    path = download_model(entry, lambda progress: fractions.append(progress.fraction) or True)
    assert path == tmp_path / "data" / "models" / entry.file
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert state_of(entry) == ModelState.DOWNLOADED
    assert load_model(entry.name, "cpu") is not None


def test_before_the_download_loading_says_what_to_type(entry):
    with pytest.raises(RegistrationError, match="deepregistration models download tiny-pose-net"):
        load_model(entry.name, "cpu")


def test_what_is_here_is_not_downloaded_again_and_another_version_is_replaced(entry, a_web_model):
    path = download_model(entry)
    before = path.stat().st_mtime_ns
    download_model(entry)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(b"an older version")
    assert state_of(entry) == ModelState.DAMAGED
    assert download_model(entry).stat().st_size == entry.size_bytes


def test_other_bytes_than_the_catalogue_says_are_not_kept(entry, a_web_model, tmp_path):
    (a_web_model / entry.file).write_bytes(b"evil")
    with pytest.raises(RegistrationError, match="arrived with other bytes than expected"):
        download_model(entry)
    assert state_of(entry) == ModelState.NOT_DOWNLOADED
    assert list((tmp_path / "data").iterdir()) == []


def test_a_cancelled_download_leaves_nothing(entry, tmp_path):
    with pytest.raises(Cancelled):
        download_model(entry, lambda progress: progress.fraction < 0.5)
    assert list((tmp_path / "data").iterdir()) == []


def test_no_network_is_told_with_the_address(entry):
    away = dataclasses.replace(entry, url="http://127.0.0.1:9/tiny.safetensors")
    with pytest.raises(RegistrationError, match=r"http://127.0.0.1:9.*Check the network connection"):
        download_model(away)


def test_removing_frees_the_space_and_nothing_else(entry, tmp_path):
    path = download_model(entry)
    (path.parent / "mine.txt").write_text("keep me")
    assert remove_model(entry) == entry.size_bytes
    assert [file.name for file in path.parent.iterdir()] == ["mine.txt"]
    assert remove_model(entry) == 0


def test_a_model_that_comes_with_the_program_is_neither_downloaded_nor_removed(an_entry, a_folder):
    with pytest.raises(InputError, match="there is nothing to download"):
        download_model(an_entry)
    with pytest.raises(InputError, match="Only downloaded models can be removed"):
        remove_model(an_entry)
    assert (a_folder / an_entry.file).is_file()
