import json

import pytest
import safetensors.torch
import torch

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.models.catalog import CATALOG_FILE, Network, model_catalog
from DeepRegistrationLib.models.export import LARGEST_MODEL_BYTES, Storage, add_model, largest_change
from DeepRegistrationLib.models.model_card import model_card
from DeepRegistrationLib.models.registry import build_network
from DeepRegistrationLib.models.weights_file import read_weights
from Testing.Lib.models.conftest import pose_net


@pytest.fixture
def add(a_folder, a_network, facts):
    """Adds the small Pose-Net, with changes; a fact that is None is left out."""

    def adding(state=None, network=Network.POSE_NET, storage=Storage.FLOAT16, tolerance=0.01, **changed):
        content = {key: value for key, value in {**facts, **changed}.items() if value is not None}
        state = a_network.state_dict() if state is None else state
        return add_model("tiny-pose-net", network, state, content, storage, tolerance)

    return adding


def refused(a_folder, work, text):
    before = {path.name: path.read_bytes() for path in a_folder.iterdir()}
    with pytest.raises(InputError, match=text):
        work()
    assert {path.name: path.read_bytes() for path in a_folder.iterdir()} == before


def test_a_model_enters_with_weights_entry_and_card(add, a_folder):
    entry = add()
    assert sorted(path.name for path in a_folder.iterdir()) == [
        CATALOG_FILE,
        "tiny-pose-net.md",
        "tiny-pose-net.safetensors",
    ]
    assert model_catalog() == {"tiny-pose-net": entry}
    read_weights(entry)
    assert (a_folder / "tiny-pose-net.md").read_text("utf-8") == model_card(entry)


def test_other_weights_get_the_next_version_and_the_same_weights_keep_theirs(add):
    first = add()
    again = add(figures={"mean geodesic error [deg]": 4.4})
    assert (again.version, again.sha256) == (1, first.sha256)
    assert model_catalog()["tiny-pose-net"].figures == {"mean geodesic error [deg]": 4.4}
    assert add(pose_net(seed=2).state_dict()).version == 2
    assert add(pose_net(seed=3).state_dict()).version == 3


def test_a_second_model_leaves_the_first_as_it_is(add, a_network, facts):
    first = add()
    second = add_model("other-pose-net", Network.POSE_NET, a_network.state_dict(), facts)
    assert list(model_catalog().values()) == [first, second]


def test_half_precision_halves_the_file_and_keeps_the_normalization_exact(add, a_folder, a_network):
    half = add()
    stored = safetensors.torch.load_file(a_folder / half.file)
    exact = a_network.state_dict()
    for name, tensor in stored.items():
        assert tensor.dtype == (torch.float16 if exact[name].ndim > 1 else exact[name].dtype)
        if tensor.ndim < 2:
            assert torch.equal(tensor, exact[name])
    assert 1.9 < add(storage=Storage.FLOAT32).size_bytes / half.size_bytes < 2.0


def test_the_card_says_what_one_needs_to_know(add, a_folder):
    add()
    text = (a_folder / "tiny-pose-net.md").read_text("utf-8")
    for asked in (
        "| Network | pose-net |",
        "| Settings | grid_size 8, head 6d |",
        "| Version | 1 |",
        "8 pixels along each edge, over +-1.75 brain radii",
        "| mean geodesic error [deg] | 4.5 |",
        "| failures | 0 of 100 |",
        "| validation | week 28 |",
        "- Not for adults.",
        "Research only, non-commercial.",
        "Fetal brain atlas, 21 to 37 weeks: CRL research licence: non-commercial",
        "Cite: Gholipour et al.",
        "deepregistration train pose-net",
    ):
        assert asked in text


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"licence": "Apache-2.0"}, "'fetal-atlas' .*but its licence is 'Apache-2.0'. Name a non-commercial"),
        ({"training_samples": ["adult-atlas"]}, "There is no sample 'adult-atlas'"),
        ({"limits": None}, r"'limits' is missing"),
        ({"settings": None}, "lack 'settings'"),
        ({"colour": "red"}, "'colour' is not known"),
        ({"version": 7}, "contain version: leave out"),
        ({"figures": {"error": [1]}}, r"figures.error: \[1\] is not of the type number or string"),
        ({"input_grid": {"size": 16, "half_edge_radii": 1.75}}, "takes no input grid of size 16"),
        ({"settings": {"grid_size": 16}}, "do not fit the network 'pose-net'.*of another shape"),
        ({"file": "a.safetensors"}, "contain file: leave out"),
    ],
)
def test_facts_that_are_wrong_change_nothing(add, a_folder, changed, text):
    refused(a_folder, lambda: add(**changed), text)


def test_weights_of_another_network_change_nothing(add, a_folder):
    refused(a_folder, lambda: add(network=Network.CORRECTION_NET), "of another shape is features|missing")


def test_weights_that_are_not_finite_change_nothing(add, a_folder, a_network):
    state = {**a_network.state_dict(), "rotation.linear.bias": torch.full((6,), torch.nan)}
    refused(a_folder, lambda: add(state), "not finite is rotation.linear.bias")


def test_weights_beyond_half_precision_are_refused_and_fit_single_precision(add, a_folder, a_network):
    state = dict(a_network.state_dict())
    state["rotation.linear.weight"] = state["rotation.linear.weight"].clone()
    state["rotation.linear.weight"][0, 0] = 1e6
    refused(a_folder, lambda: add(state), "too large for half precision. Store it as float32")
    assert add(state, storage=Storage.FLOAT32).version == 1


def test_outputs_that_move_too_far_in_half_precision_are_refused(add, a_folder, a_network):
    entry = add(tolerance=0.01)
    change = largest_change(a_network, pose_net(seed=2), entry)
    assert change > 0.01  # another network is far away: the probe can tell
    refused(a_folder, lambda: add(tolerance=1e-9), "move by up to .*, more than 1e-09. Store it as float32")
    assert largest_change(a_network, a_network, entry) == 0


def test_weights_that_are_too_large_are_refused_unless_they_are_downloaded(a_folder, facts):
    facts |= {"settings": {}, "input_grid": {"size": 32, "half_edge_radii": 1.75}}
    state = build_network(Network.SLICE_NET, {}).state_dict()

    def adding(**more):
        return add_model("slices", Network.SLICE_NET, state, {**facts, **more})

    refused(a_folder, adding, "22.4 MB, at most 12 MB may come with the program")
    entry = adding(url="https://example.org/slices.safetensors")
    assert entry.size_bytes > LARGEST_MODEL_BYTES


def test_all_models_together_have_a_limit_too(add, a_folder, change_catalog, a_network, facts):
    add()
    change_catalog(size_bytes=39_000_000)
    refused(
        a_folder,
        lambda: add_model("other", Network.POSE_NET, a_network.state_dict(), facts),
        "With 'other' all weights together have 40.* MB, at most 40 MB",
    )


def test_a_folder_that_cannot_be_changed_is_told_in_a_sentence(add, a_folder):
    (a_folder / "tiny-pose-net.md").mkdir()
    with pytest.raises(RegistrationError, match=r"The folder of the models .* cannot be changed"):
        add()
    assert json.loads((a_folder / CATALOG_FILE).read_text("utf-8"))["models"] == []
