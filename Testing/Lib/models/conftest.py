import json
import shutil

import pytest
import torch

from DeepRegistrationLib.models.catalog import CATALOG_FILE, Network
from DeepRegistrationLib.models.export import add_model
from DeepRegistrationLib.models.registry import build_network
from Testing.Lib.web_server import serving

FACTS = {
    "summary": "Finds the orientation of a fetal brain.",
    "input_grid": {"size": 8, "half_edge_radii": 1.75},
    "anatomy": "fetal brain",
    "modality": "T2-weighted MRI",
    "licence": "Research only, non-commercial",
    "training_command": "deepregistration train pose-net",
    "training_data": "Fetal atlas, weeks 21 to 37.",
    "training_samples": ["fetal-atlas"],
    "split": {"train": "weeks 21 to 25", "validation": "week 28", "test": "week 26"},
    "figures": {"mean geodesic error [deg]": 4.5, "failures": "0 of 100"},
    "limits": ["Not for adults."],
    "settings": {"grid_size": 8, "head": "6d"},
}


@pytest.fixture
def facts():
    """What a person says about a model; a copy to change."""
    return json.loads(json.dumps(FACTS))


@pytest.fixture
def a_folder(no_networks, tmp_path, monkeypatch):
    """The folder of the models in use, with an empty catalogue; downloads go to a folder beside it."""
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path / "data"))
    return no_networks


@pytest.fixture
def a_network():
    """A small Pose-Net that has seen data: its normalization differs from that of a new one."""
    return pose_net(seed=1)


def pose_net(seed):
    torch.manual_seed(seed)
    network = build_network(Network.POSE_NET, FACTS["settings"])
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point() and "var" not in name:
                tensor += 0.1 * torch.randn_like(tensor)
    return network.eval()


@pytest.fixture
def an_entry(a_folder, a_network, facts):
    """A model that comes with the program, in the catalogue in use."""
    return add_model("tiny-pose-net", Network.POSE_NET, a_network.state_dict(), facts)


@pytest.fixture
def change_catalog(a_folder):
    """Changes fields of the first entry of the catalogue in use."""

    def change(**fields):
        path = a_folder / CATALOG_FILE
        content = json.loads(path.read_text("utf-8"))
        content["models"][0].update(fields)
        path.write_text(json.dumps(content), "utf-8")

    return change


@pytest.fixture
def a_web_model(an_entry, a_folder, change_catalog, tmp_path):
    """Folder that is served, holding the weights; the entry of the catalogue names its address."""
    served = tmp_path / "served"
    served.mkdir()
    shutil.move(a_folder / an_entry.file, served / an_entry.file)
    with serving(served) as address:
        change_catalog(url=f"{address}/{an_entry.file}")
        yield served
