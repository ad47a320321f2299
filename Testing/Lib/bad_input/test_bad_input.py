"""What somebody gets wrong at the command line: one clear sentence each, and the disk is as it was.

A new kind of job adds its module, with `good` and `BAD`, to `JOBS`.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest

from DeepRegistrationLib import cli
from DeepRegistrationLib.jobs.job import ExitCode, JobKind
from Testing.Lib.bad_input import biplanar, fetal_slice, fetal_volume, us_angles, xray_ct
from Testing.Lib.bad_input.command_case import BadInput, CommandCase

JOBS = {
    JobKind.FETAL_VOLUME: fetal_volume,
    JobKind.FETAL_SLICE: fetal_slice,
    JobKind.XRAY_CT: xray_ct,
    JobKind.BIPLANAR: biplanar,
    JobKind.US_ANGLES: us_angles,
}
_PROGRESS = re.compile(r"\s*(\d+) % .+")
_BEFORE_COMPUTING = 30
"""In percent: images are read, the brain is found."""


def a_file_as_output(case):
    (case.folder / "notes").write_text("mine", encoding="utf-8")
    return case.having("output", case.folder / "notes")


def a_folder_with_other_files(case):
    (case.folder / "photos").mkdir()
    (case.folder / "photos" / "holiday.jpg").write_bytes(b"mine")
    return case.having("output", case.folder / "photos")


def below_a_file(case):
    (case.folder / "notes").write_text("mine", encoding="utf-8")
    return case.having("output", case.folder / "notes" / "result")


OF_EVERY_JOB = [
    BadInput("a file as output", a_file_as_output, "is a file. Name a folder"),
    BadInput("an output folder with other files", a_folder_with_other_files, "holiday.jpg.*would be lost"),
    BadInput("an output below a file", below_a_file, "cannot be written"),
    BadInput("an option that there is not", lambda c: c.having("colour", "blue"), "No such option: --colour"),
    BadInput("a seed in words", lambda c: c.having("seed", "seven"), "--seed.*integer"),
]
ALL = [(kind, bad) for kind, job in JOBS.items() for bad in (*job.BAD, *OF_EVERY_JOB)]


@pytest.fixture(scope="session")
def good_cases(tmp_path_factory):
    """Files of each job, made once."""
    made = {}

    def good_case(kind: JobKind) -> CommandCase:
        if kind not in made:
            made[kind] = JOBS[kind].good(tmp_path_factory.mktemp(str(kind)))
        return made[kind]

    return good_case


@pytest.fixture
def a_case(good_cases, tmp_path):
    """Files of a job that the test may spoil."""

    def a_case(kind: JobKind) -> CommandCase:
        good, folder = good_cases(kind), tmp_path / "case"
        shutil.copytree(good.folder, folder)

        def moved(value):
            return folder / value.relative_to(good.folder) if isinstance(value, Path) else value

        options = {name: tuple(moved(value) for value in values) for name, values in good.options.items()}
        return CommandCase(folder, options)

    return a_case


@pytest.fixture
def program(monkeypatch, capsys):
    """The command line; returns its exit code and what it wrote to standard error."""

    def program(kind: JobKind, case: CommandCase) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["deepregistration", str(kind), *case.words()])
        monkeypatch.chdir(case.folder)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    return program


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def sentences(said: str) -> tuple[str, int]:
    """What was said, and how far the job had come [percent]."""
    lines = [line for line in said.splitlines() if line.strip()]
    reached = [int(match[1]) for line in lines if (match := _PROGRESS.fullmatch(line))]
    return " ".join(line for line in lines if not _PROGRESS.fullmatch(line)), max(reached, default=0)


@pytest.mark.parametrize(
    ("kind", "bad"), ALL, ids=[f"{kind}: {bad.name}".replace(" ", "_") for kind, bad in ALL]
)
def test_it_is_refused_in_a_sentence_and_nothing_changes(a_case, program, kind, bad):
    case = bad.spoil(a_case(kind))
    before = content(case.folder)
    code, said = program(kind, case)
    told, reached = sentences(said)
    assert code == bad.exit_code, told
    assert re.search(bad.text, told), told
    assert "Traceback" not in told
    assert "error in the program" not in told
    assert content(case.folder) == before
    assert reached < _BEFORE_COMPUTING
    if "Usage:" not in told:  # the parser of the options has its own form
        assert re.search(r"(\.|: deepregistration data download fetal-atlas)$", told), told
        assert re.search("[.;] ", told), f"what is wrong, then what to do: {told}"


def test_there_are_fifty_of_them_and_no_two_alike():
    names = [(kind, bad.name) for kind, bad in ALL]
    assert len(names) == len(set(names)) >= 50


@pytest.mark.parametrize("kind", JOBS)
def test_a_full_disk_is_told_after_the_registration_and_keeps_nothing(a_case, program, a_full_disk, kind):
    case = a_case(kind).having("output", a_full_disk / "result")
    code, said = program(kind, case)
    told, _ = sentences(said)
    assert code == ExitCode.FAILED, told
    assert "cannot be written" in told
    assert "No space left on device" in told
    assert "Free some space" in told
    assert "Traceback" not in told
    assert list(a_full_disk.iterdir()) == []
