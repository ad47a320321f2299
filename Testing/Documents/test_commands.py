"""All commands of the documents: understood by the real programs; those that are quick are run."""

import importlib.util
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from DeepRegistrationLib import cli
from DeepRegistrationLib.data.phantom_cases import PHANTOM_KINDS, write_phantom_case
from DeepRegistrationLib.jobs.job import ExitCode, JobKind
from Testing.Documents.commands import DOCUMENTS, PROGRAMS, ROOT, Command, commands_of

SAMPLES = ROOT / "DeepRegistration" / "Resources" / "Samples"
COMMANDS = [command for path in DOCUMENTS for command in commands_of(path)]
OURS = [command for command in COMMANDS if command.program == "deepregistration"]
# words in capitals stand for something of the reader's
QUICK = [
    command
    for command in {command.words: command for command in OURS}.values()
    if "--help" in command.words or command.words[1:] in (("models", "list"), ("data", "list"), ("version",))
]


def parse(arguments: list[str], mayLackOptions: bool) -> None:
    """Lets the command line read its arguments, without running anything.

    Raises:
        AssertionError: there is no such command, or it does not take these arguments.
    """
    command, left = typer.main.get_command(cli.app), list(arguments)
    while hasattr(command, "commands") and left and not left[0].startswith("-"):
        assert left[0] in command.commands, f"there is no command '{left[0]}'"
        command = command.commands[left.pop(0)]
    if "--help" in left or (mayLackOptions and not left):
        return
    try:
        command.make_context("deepregistration", left, resilient_parsing=False)
    except Exception as error:
        # the parser's own errors, whose class has another place in each version of typer, tell what is wrong
        raise AssertionError(getattr(error, "format_message", error.__str__)()) from None


def make_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


@pytest.mark.parametrize("command", OURS, ids=str)
def test_our_program_takes_it(command):
    parse(command.arguments, mayLackOptions=not command.isLine)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.program == "make"], ids=str)
def test_the_makefile_has_the_target(command):
    for word in command.arguments:
        if "=" in word:
            assert re.search(rf"\b{word.split('=')[0]}\b *\?=", (ROOT / "Makefile").read_text("utf-8"))
        else:
            assert word in make_targets()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.program == "python"], ids=str)
def test_python_finds_the_module_and_the_folders_of_the_checkout(command):
    assert command.words[1] == "-m"
    assert importlib.util.find_spec(command.words[2]) is not None
    for word in command.words[3:]:
        if "/" in word and not word.startswith("../"):
            assert (ROOT / word).exists()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.program == "Slicer"], ids=str)
def test_the_script_for_slicer_is_there_and_takes_what_follows(command):
    script = command.words[command.words.index("--python-script") + 1]
    assert (ROOT / script).is_file()
    parse(list(command.words[command.words.index("--") + 1 :]), mayLackOptions=False)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.program == "pip"], ids=str)
def test_the_extras_that_are_installed_exist(command):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for named in re.findall(r"\[([\w,-]+)\]", " ".join(command.words)):
        assert set(named.split(",")) <= set(extras)


def test_every_line_begins_with_a_program_that_is_checked_or_not_ours():
    assert {command.program for command in COMMANDS} <= set(PROGRAMS)


def test_commands_are_found_in_every_kind_of_document():
    assert len(OURS) > 40
    assert {command.document.parent.relative_to(ROOT).as_posix() for command in OURS} >= {
        ".",
        "docs/evaluation",
        "Resources/Models",
    }


def test_every_job_that_can_be_tried_is_shown_as_a_line_to_be_typed():
    shown = {command.words[1] for command in OURS if command.isLine and len(command.words) > 1}
    assert set(PHANTOM_KINDS) <= shown


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a command of ours as it stands there; returns its exit code and what it said."""

    def run(command: Command) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", list(command.words))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    monkeypatch.chdir(tmp_path)
    return run


@pytest.mark.parametrize("command", QUICK, ids=str)
def test_a_quick_one_runs(run, command):
    code, said = run(command)
    assert code == ExitCode.DONE, said
    assert said.strip()


def prepare(folder: Path) -> Path:
    """Gives the files that the read-me's commands name their content; returns an atlas."""
    import SimpleITK as sitk
    import torch

    from DeepRegistrationLib.images.read import read_volume
    from DeepRegistrationLib.images.write import write_nifti
    from Testing.Lib.workflows.phantom_slices import slices_of_head

    write_phantom_case(JobKind.FETAL_VOLUME, folder)
    write_phantom_case(JobKind.US_ANGLES, folder)
    write_phantom_case(JobKind.XRAY_CT, folder)
    for number, name in enumerate(("before", "middle", "after"), 1):
        frame = sitk.ReadImage(str(folder / f"frame{number}.nrrd"))
        sitk.WriteImage(frame[:, :, 0], str(folder / f"{name}.png"))
    (folder / "config.xml").write_text(
        "<PlusConfiguration><CoordinateDefinitions>"
        '<Transform From="Image" To="Probe" Matrix="0.2 0 0 0 0 0.2 0 0 0 0 0.2 0 0 0 0 1"/>'
        "</CoordinateDefinitions></PlusConfiguration>",
        encoding="utf-8",
    )
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for name in ("01", "02"):
        (folder / "images" / f"{name}.nii.gz").write_bytes((folder / "brain.nii.gz").read_bytes())
        (folder / "masks" / f"{name}.nii.gz").write_bytes((folder / "mask.nii.gz").read_bytes())
    (table,) = re.findall(r"```\n(case,.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    (folder / "cases.csv").write_text(table, encoding="utf-8")
    stack, mask, _ = slices_of_head(seed=3, count=7, offset_mm=-9.0)
    write_nifti(stack, folder / "stack.nii.gz")
    write_nifti(mask.with_values(mask.values.to(torch.uint8)), folder / "mask.nii.gz")
    write_nifti(read_volume(folder / "ct.nrrd"), folder / "ct.nii.gz")
    for number, name in enumerate(("front", "side"), 1):
        for kind, copy in (("radiograph", name), ("mask", f"{name}_bone")):
            image = sitk.ReadImage(str(SAMPLES / f"femur_{kind}{number}.nrrd"))
            sitk.WriteImage(sitk.Cast(image[:, :, 0], sitk.sitkUInt16), str(folder / f"{copy}.png"))
        shutil.copyfile(SAMPLES / f"femur_camera{number}.json", folder / f"{name}.json")
    return folder / "atlas"


def lines_of(document: str, *names: str) -> list[Command]:
    """Lines of a document that run these commands here, one after the other."""
    return [
        command
        for command in commands_of(ROOT / document)
        if command.isLine
        and command.words[1:2]
        and command.words[1] in names
        and "--scheduler" not in command.words
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("us-angles",),
        pytest.param(("fetal-volume", "fetal-slice"), marks=pytest.mark.slow),
        pytest.param(("simulate-xray", "xray-ct"), marks=pytest.mark.slow),
        pytest.param(("biplanar",), marks=pytest.mark.slow),
        pytest.param(("batch",), marks=pytest.mark.slow),
    ],
    ids=", ".join,
)
def test_the_jobs_of_the_read_me_run_as_they_stand_there(run, tmp_path, monkeypatch, names):
    from DeepRegistrationLib.job_kinds import fetal

    atlas = prepare(tmp_path)
    monkeypatch.setattr(fetal, "installed_atlas_folder", lambda: atlas)
    commands = lines_of("README.md", *names)
    assert {command.words[1] for command in commands} == set(names)
    for command in commands:
        code, said = run(command)
        assert code in (ExitCode.DONE, ExitCode.NOT_TRUSTED), f"{command}\n{said}"
        assert "Result" in said or "Summary" in said or "camera.json" in said


@pytest.mark.slow
def test_the_first_registration_of_the_developer_guide_runs_as_it_stands_there(run):
    commands = lines_of("docs/developer-guide.md", "data", "fetal-volume")
    assert [command.words[1] for command in commands] == ["data", "fetal-volume"]
    for command in commands:
        code, said = run(command)
        assert code == ExitCode.DONE, f"{command}\n{said}"
