import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.remote_file import RemoteFile
from DeepRegistrationLib.sample_data import (
    FETAL_ATLAS,
    Sample,
    catalogue,
    data_folder,
    find_sample,
    installed_atlas_folder,
    is_installed,
)
from DeepRegistrationLib.sample_download import download, remove
from Testing.Lib.web_server import serving

SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture
def a_web_server(tmp_path):
    served = tmp_path / "served"
    served.mkdir()
    with serving(served) as address:
        yield served, address


@pytest.fixture
def a_sample(a_web_server):
    served, address = a_web_server
    files = []
    for name, content in (("image.nii.gz", bytes(range(256)) * 2000), ("mask.nii.gz", b"mask")):
        (served / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(RemoteFile(Path("topic") / name, f"{address}/{name}", len(content), digest))
    return Sample("a", "A sample", "Two files.", "CC0 1.0", "nobody", address, tuple(files))


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_download_brings_every_file_and_reports_to_the_end(a_sample, tmp_path):
    fractions = []
    download(a_sample, lambda progress: fractions.append(progress.fraction) or True, tmp_path / "data")
    assert files_in(tmp_path / "data") == ["topic/image.nii.gz", "topic/mask.nii.gz"]
    assert is_installed(a_sample, tmp_path / "data")
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_what_is_complete_is_not_downloaded_again(a_sample, a_web_server, tmp_path):
    download(a_sample, folder=tmp_path / "data")
    for path in a_web_server[0].iterdir():
        path.unlink()
    download(a_sample, folder=tmp_path / "data")


def test_a_damaged_file_is_downloaded_again(a_sample, tmp_path):
    download(a_sample, folder=tmp_path / "data")
    (tmp_path / "data" / "topic" / "mask.nii.gz").write_bytes(b"MASK")  # as long as the right one
    download(a_sample, folder=tmp_path / "data")
    assert (tmp_path / "data" / "topic" / "mask.nii.gz").read_bytes() == b"mask"


def test_other_bytes_than_expected_are_refused_and_not_kept(a_sample, a_web_server, tmp_path):
    (a_web_server[0] / "mask.nii.gz").write_bytes(b"evil")
    with pytest.raises(RegistrationError, match=r"'mask.nii.gz' arrived with other bytes than expected"):
        download(a_sample, folder=tmp_path / "data")
    assert files_in(tmp_path / "data") == ["topic/image.nii.gz"]


def test_a_cancelled_download_leaves_no_half_file(a_sample, tmp_path):
    with pytest.raises(Cancelled):
        download(a_sample, lambda progress: progress.fraction < 0.5, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_missing_page_is_told_with_its_address(a_sample, a_web_server, tmp_path):
    (a_web_server[0] / "mask.nii.gz").unlink()
    with pytest.raises(
        RegistrationError, match=r"'mask.nii.gz' could not be downloaded from http://127.*\(File not found"
    ):
        download(a_sample, folder=tmp_path / "data")


def test_no_network_is_told_in_a_sentence(tmp_path):
    nobody_listens = "http://127.0.0.1:9/image.nii.gz"
    file = RemoteFile(Path("image.nii.gz"), nobody_listens, 1, "0" * 64)
    sample = Sample("a", "A", "One file.", "CC0 1.0", "nobody", nobody_listens, (file,))
    with pytest.raises(RegistrationError, match="Check the network connection"):
        download(sample, folder=tmp_path / "data")
    assert files_in(tmp_path / "data") == []


def test_a_data_folder_that_is_a_file_is_told_in_a_sentence(a_sample, tmp_path):
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(RegistrationError, match="DEEPREGISTRATION_DATA"):
        download(a_sample, folder=tmp_path / "data")


def test_a_full_disk_is_told_before_anything_is_downloaded(a_sample, tmp_path):
    huge = RemoteFile(Path("huge.nii.gz"), a_sample.files[0].url, 1 << 60, "0" * 64)
    sample = Sample("a", "A", "One file.", "CC0 1.0", "nobody", a_sample.source, (huge,))
    with pytest.raises(RegistrationError, match="No space left"):
        download(sample, folder=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_removing_frees_the_space_and_keeps_other_files(a_sample, tmp_path):
    download(a_sample, folder=tmp_path / "data")
    (tmp_path / "data" / "topic" / "mine.txt").write_text("keep me")
    assert remove(a_sample, tmp_path / "data") == a_sample.size_bytes
    assert files_in(tmp_path / "data") == ["topic/mine.txt"]
    assert not is_installed(a_sample, tmp_path / "data")


def test_the_catalogue_names_fixed_commits_checksums_licences_and_relative_paths():
    assert FETAL_ATLAS in catalogue()
    for sample in catalogue().values():
        assert sample.licence
        assert sample.citation
        for file in sample.files:
            commit = file.url.split("/raw/")[1].split("/")[0]
            assert len(commit) == 40
            assert set(commit + file.sha256) <= set("0123456789abcdef")
            assert len(file.sha256) == 64
            assert not file.path.is_absolute()
            assert ".." not in file.path.parts
            assert 0 < file.size_bytes < 10_000_000


def test_an_unknown_sample_lists_those_that_there_are():
    with pytest.raises(InputError, match="Choose one of: fetal-atlas"):
        find_sample("adult-atlas")


def test_the_data_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    assert installed_atlas_folder() is None
    monkeypatch.delenv("DEEPREGISTRATION_DATA")
    assert data_folder() == Path.home() / ".cache" / "DeepRegistration"


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="no ../shared/data beside the checkout")
def test_the_catalogue_describes_the_real_files_byte_for_byte():
    for sample in catalogue().values():
        for file in sample.files:
            if not (SHARED_DATA / file.path).exists():
                # kept there in another form
                assert sample.name == "pelvis-ct"
                continue
            content = (SHARED_DATA / file.path).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size_bytes, file.sha256)
    assert installed_atlas_folder(SHARED_DATA) == SHARED_DATA / "fetal-brain" / "sta"


def test_reading_the_catalogue_imports_neither_torch_nor_numpy():
    code = (
        "import sys, DeepRegistrationLib.sample_download as download;"
        "download.data_folder(); sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
