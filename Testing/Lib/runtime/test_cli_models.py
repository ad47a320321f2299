import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.models.export import add_model
from DeepRegistrationLib.models.registry import build_network
from Testing.Lib.web_server import serving

SHIPPED = Path(__file__).parents[3] / "Resources" / "Models"
FACTS = {
    "summary": "Finds the orientation of a brain.",
    "input_grid": {"size": 8, "half_edge_radii": 1.75},
    "anatomy": "fetal brain",
    "modality": "T2-weighted MRI",
    "licence": "Research only, non-commercial",
    "training_command": "deepregistration train pose-net",
    "training_data": "Fetal atlas.",
    "training_samples": ["fetal-atlas"],
    "split": {"train": "week 21", "validation": "week 28", "test": "week 26"},
    "figures": {"mean [deg]": 4.5},
    "limits": ["Not for adults."],
    "settings": {"grid_size": 8},
}


@pytest.fixture
def program(environment, tmp_path):
    """Runs the program with a models folder and a data folder of its own."""
    (tmp_path / "models").mkdir()
    catalog = {**json.loads((SHIPPED / "catalog.json").read_text("utf-8")), "models": []}
    (tmp_path / "models" / "catalog.json").write_text(json.dumps(catalog), "utf-8")
    folders = {
        "DEEPREGISTRATION_MODELS": str(tmp_path / "models"),
        "DEEPREGISTRATION_DATA": str(tmp_path / "data"),
    }

    def run(*words, **changed):
        command = [sys.executable, "-W", "error", "-m", "DeepRegistrationLib.cli", "models", *map(str, words)]
        return subprocess.run(
            command,
            env={**environment, **folders, **changed},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture(scope="module")
def state():
    """The tensors of a small Pose-Net."""
    torch.manual_seed(0)
    return build_network(Network.POSE_NET, FACTS["settings"]).state_dict()


@pytest.fixture
def a_model(program, state, tmp_path):
    """A model that comes with the program."""
    return add_model("tiny", Network.POSE_NET, state, FACTS, folder=tmp_path / "models")


@pytest.fixture
def add(program, state, tmp_path):
    """Adds a small Pose-Net from a checkpoint as the training writes it."""
    prefixed = {f"network.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": prefixed, "epoch": 1}, tmp_path / "last.ckpt")
    (tmp_path / "card.json").write_text(json.dumps(FACTS))
    return lambda *more: program(
        *("add", "tiny", "--network", "pose-net", "--weights", tmp_path / "last.ckpt"),
        *("--card-data", tmp_path / "card.json", *more),
    )


@pytest.fixture
def a_web_model(a_model, tmp_path):
    """The model has an address; its weights lie there and not here."""
    served = tmp_path / "served"
    served.mkdir()
    shutil.move(tmp_path / "models" / "tiny.safetensors", served)
    with serving(served) as address:
        path = tmp_path / "models" / "catalog.json"
        content = json.loads(path.read_text("utf-8"))
        content["models"][0]["url"] = f"{address}/tiny.safetensors"
        path.write_text(json.dumps(content), "utf-8")
        yield served


def check_told_in_one_line(done, exit_code, text):
    assert done.returncode == exit_code
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_catalogue_is_no_mistake(program):
    assert "There are no models." in program("list").stdout
    assert json.loads(program("list", "--json").stdout) == []
    done = program("verify")
    assert (done.returncode, done.stdout) == (0, "There are no models.\n")


def test_a_checkpoint_enters_the_catalogue_and_is_listed_shown_and_verified(add, program):
    done = add()
    assert done.returncode == 0, done.stderr
    assert "tiny, version 1: 1.8 MB" in done.stdout
    listed = program("list").stdout
    assert "tiny: version 1 (1.8 MB, comes with the program)" in listed
    assert "Licence: Research only, non-commercial" in listed
    assert "| mean [deg] | 4.5 |" in program("show", "tiny").stdout
    done = program("verify")
    assert (done.returncode, done.stdout) == (0, "tiny: version 1, as the catalogue says\n")


def test_the_list_as_json_is_the_catalogue_with_the_state(a_model, program, tmp_path):
    (entry,) = json.loads(program("list", "--json").stdout)
    assert entry.pop("state") == "comes with the program"
    assert [entry] == json.loads((tmp_path / "models" / "catalog.json").read_text("utf-8"))["models"]


def test_damaged_weights_are_named_and_the_exit_code_is_1(a_model, program, tmp_path):
    path = tmp_path / "models" / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    for words in (("verify",), ("verify", "tiny")):
        done = program(*words)
        assert done.returncode == 1
        assert "bytes instead of" in done.stdout
        assert "Install DeepRegistration again." in done.stdout
    assert "1.8 MB, damaged" in program("list").stdout


def test_a_model_is_downloaded_with_its_size_said_before_and_removed_again(a_web_model, program, tmp_path):
    assert "1.8 MB, not downloaded" in program("list").stdout
    assert program("verify").stdout == "tiny: not downloaded\n"
    assert program("verify", "tiny").returncode == 1
    done = program("download", "tiny")
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first == "tiny, version 1: 1.8 MB. Licence: Research only, non-commercial"
    assert last == f"Now in {tmp_path / 'data' / 'models' / 'tiny.safetensors'}"
    assert "100 % tiny: complete" in done.stderr
    assert "1.8 MB, downloaded" in program("list").stdout
    assert program("verify", "tiny").returncode == 0
    assert program("remove", "tiny").stdout == f"1.8 MB freed in {tmp_path / 'data'}\n"
    assert not (tmp_path / "data" / "models").exists()


def test_a_download_of_other_bytes_ends_with_exit_code_1(a_web_model, program, tmp_path):
    (a_web_model / "tiny.safetensors").write_bytes(b"evil")
    check_told_in_one_line(
        program("download", "tiny", "--quiet"), 1, "arrived with other bytes than expected"
    )


@pytest.mark.parametrize("command", ["show", "verify", "download", "remove"])
def test_an_unknown_model_ends_with_exit_code_2(a_model, program, command):
    check_told_in_one_line(program(command, "big"), 2, "There is no model 'big'. Choose one of: tiny.")


def test_a_broken_catalogue_ends_with_exit_code_2(program, tmp_path):
    (tmp_path / "models" / "catalog.json").write_text("{")
    for words in (("list",), ("verify",), ("list", "--json")):
        check_told_in_one_line(program(*words), 2, "is no JSON")


@pytest.mark.parametrize("command", ["download", "remove"])
def test_what_comes_with_the_program_is_neither_downloaded_nor_removed(a_model, program, command):
    check_told_in_one_line(program(command, "tiny"), 2, "The model 'tiny' comes with the program")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "cannot be read"),
        ("[]", "are no JSON object"),
    ],
)
def test_card_data_that_are_wrong_add_nothing(add, tmp_path, content, text):
    (tmp_path / "card.json").write_text(content)
    check_told_in_one_line(add(), 2, text)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["catalog.json"]


def test_all_but_adding_starts_without_torch(environment, a_web_model, program, tmp_path):
    program("download", "tiny")
    code = (
        "import sys\n"
        "for name in ('torch', 'numpy', 'safetensors'): sys.modules[name] = None\n"
        "from DeepRegistrationLib import cli\n"
        "for words in (['list'], ['show', 'tiny'], ['verify'], ['remove', 'tiny'], ['download', 'tiny']):\n"
        "    sys.argv = ['deepregistration', 'models', *words]\n"
        "    try: cli.main()\n"
        "    except SystemExit as end: assert end.code == 0, words\n"
    )
    folders = {
        "DEEPREGISTRATION_MODELS": str(tmp_path / "models"),
        "DEEPREGISTRATION_DATA": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, **folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
