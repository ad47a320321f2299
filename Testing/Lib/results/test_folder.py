import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.results.folder import check_output_folder, result_folder
from DeepRegistrationLib.results.json_result import describe, write_result

NOBODY = 65534


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write_one(folder, result):
    with result_folder(folder) as temporary:
        write_result(describe(result, {}), temporary / "result.json")


@pytest.fixture
def a_folder_that_may_not_be_written():
    """The permissions of a folder do not hold back root, so root becomes nobody for a while."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(NOBODY)
    yield folder
    if as_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_the_folder_appears_only_when_everything_is_written(a_result, tmp_path):
    final = tmp_path / "new" / "deeper" / "out"
    with result_folder(final) as temporary:
        write_result(describe(a_result, {}), temporary / "result.json")
        assert not final.exists()
        assert temporary.parent == final.parent  # the same disk, so that moving is renaming
        assert temporary.name.startswith(".")
    assert names_in(final) == ["result.json"]
    assert names_in(final.parent) == ["out"]


def test_the_folder_can_be_read_like_any_new_folder(a_result, tmp_path):
    write_one(tmp_path / "out", a_result)
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_an_older_result_is_replaced_as_a_whole(a_result, tmp_path):
    write_one(tmp_path / "out", a_result)
    (tmp_path / "out" / "scene.mrb").write_text("of the older result")
    write_one(tmp_path / "out", a_result)
    assert names_in(tmp_path / "out") == ["result.json"]
    assert names_in(tmp_path) == ["out"]


def test_an_empty_folder_is_used(a_result, tmp_path):
    (tmp_path / "out").mkdir()
    write_one(tmp_path / "out", a_result)
    assert names_in(tmp_path / "out") == ["result.json"]


def test_a_link_to_an_older_result_stays_a_link(a_result, tmp_path):
    write_one(tmp_path / "real", a_result)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_one(tmp_path / "link", a_result)
    assert (tmp_path / "link").is_symlink()
    assert names_in(tmp_path / "real") == ["result.json"]


@pytest.mark.parametrize("error", [Cancelled, ValueError, KeyboardInterrupt])
def test_nothing_is_left_when_the_writing_stops(error, a_result, tmp_path):
    def stop_while_writing():
        with result_folder(tmp_path / "new" / "out") as temporary:
            (temporary / "warped.nrrd").write_text("half")
            raise error

    with pytest.raises(error):
        stop_while_writing()
    assert names_in(tmp_path) == []


def test_the_older_result_survives_when_the_writing_stops(a_result, tmp_path):
    write_one(tmp_path / "out", a_result)
    before = (tmp_path / "out" / "result.json").stat()
    with pytest.raises(Cancelled), result_folder(tmp_path / "out"):
        raise Cancelled
    assert names_in(tmp_path) == ["out"]
    assert (tmp_path / "out" / "result.json").stat() == before


def test_a_folder_with_other_files_is_refused_and_stays(a_result, tmp_path):
    write_one(tmp_path / "out", a_result)
    (tmp_path / "out" / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError, match=r"holds files that are no results \(thesis.docx\)"):
        write_one(tmp_path / "out", a_result)
    assert names_in(tmp_path / "out") == ["result.json", "thesis.docx"]
    assert names_in(tmp_path) == ["out"]


def test_a_result_json_of_another_program_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "result.json").write_text('{"score": 3}')
    with pytest.raises(InputError, match="of another program"):
        check_output_folder(tmp_path / "out")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match=r"is a file\. Name a folder"):
        check_output_folder(tmp_path / "out")


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(InputError, match="cannot be written to"):
        check_output_folder(tmp_path / "file" / "out")


def test_a_read_only_parent_is_told_before_anything_is_computed(a_folder_that_may_not_be_written):
    with pytest.raises(InputError, match=r"cannot be written to .*Permission denied.*you may write to"):
        check_output_folder(a_folder_that_may_not_be_written / "out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_in_a_sentence_and_leaves_nothing(a_result, tmp_path):
    def write_on_a_full_disk():
        with result_folder(tmp_path / "out") as temporary:
            (temporary / "result.json").symlink_to("/dev/full")
            write_result(describe(a_result, {}), temporary / "result.json")

    with pytest.raises(RegistrationError, match=r"No space left on device.*Free some space"):
        write_on_a_full_disk()
    assert names_in(tmp_path) == []


def test_what_a_killed_process_left_behind_long_ago_is_removed(a_result, tmp_path):
    for name, age_s in ((".out.old1.part", 7200), (".out.new1.part", 0), (".other.x.part", 7200)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    write_one(tmp_path / "out", a_result)
    assert names_in(tmp_path) == [".other.x.part", ".out.new1.part", "out"]
