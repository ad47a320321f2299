import pytest
import safetensors.torch
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.models.state_dict import misfit, read_state_dict


class Opened:
    """Something that would run code when it is unpickled."""


@pytest.fixture
def tensors():
    return {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


def same(found, expected):
    return found.keys() == expected.keys() and all(torch.equal(found[key], expected[key]) for key in expected)


def test_plain_weights_are_read_as_they_are(tensors, tmp_path):
    safetensors.torch.save_file(tensors, tmp_path / "a.safetensors")
    assert same(read_state_dict(tmp_path / "a.safetensors"), tensors)


def test_of_a_checkpoint_the_network_is_taken_without_its_prefix(tensors, tmp_path):
    state = {f"network.{name}": tensor for name, tensor in tensors.items()}
    content = {"state_dict": {**state, "loss.weight": torch.zeros(1)}, "epoch": 3, "loops": {"a": [1, None]}}
    torch.save(content, tmp_path / "a.ckpt")
    assert same(read_state_dict(tmp_path / "a.ckpt"), tensors)


@pytest.mark.filterwarnings("ignore")  # lightning's, about its own use of torch
def test_of_a_real_checkpoint_with_averaging_the_averages_are_taken(tmp_path):
    lightning = pytest.importorskip("lightning", reason="lightning is not installed")
    callbacks = lightning.pytorch.callbacks

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = torch.nn.Linear(1, 1, bias=False)

        def training_step(self, batch, index):
            return self.network(torch.ones(1, 1)).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 1.0)

    module = Module()
    start = module.network.weight.item()
    trainer = lightning.Trainer(
        max_steps=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            callbacks.EMAWeightAveraging(decay=0.5),
            callbacks.ModelCheckpoint(tmp_path, "last", every_n_train_steps=2),
        ],
    )
    trainer.fit(module, [0, 1])
    state = read_state_dict(tmp_path / "last.ckpt")
    # after two steps of -1: start - 1, then the mean of start - 1 and start - 2
    assert state.keys() == {"weight"}
    assert state["weight"].item() == pytest.approx(start - 1.5)


def test_another_part_of_a_checkpoint_can_be_named(tensors, tmp_path):
    averaged = {name: tensor + 1 for name, tensor in tensors.items()}
    state = {f"network.{name}": tensor for name, tensor in tensors.items()}
    state |= {f"average.{name}": tensor for name, tensor in averaged.items()}
    torch.save({"state_dict": state}, tmp_path / "a.ckpt")
    assert same(read_state_dict(tmp_path / "a.ckpt", "average."), averaged)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    torch.save({"state_dict": {"a": Opened()}}, tmp_path / "a.ckpt")
    with pytest.raises(
        InputError, match=r"holds more than tensors and plain values. Write .*safetensors.torch.save_file"
    ):
        read_state_dict(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.safetensors", b"garbage", "cannot be read"),
        ("a.ckpt", b"garbage", "is damaged"),
        ("b.ckpt", b"", "cannot be read"),
        ("a.onnx", b"garbage", r"is no file of weights. Choose one that ends with .safetensors or .ckpt"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=text):
        read_state_dict(tmp_path / name)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_state_dict(tmp_path / "a.ckpt")


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"epoch": 1}, [1, 2]])
def test_a_checkpoint_without_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="holds no tensors of a network"):
        read_state_dict(tmp_path / "a.ckpt")


def test_what_does_not_fit_is_named_and_long_lists_are_cut():
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    state = network.state_dict()
    assert misfit(network, state) is None
    assert misfit(network, {}) == "missing are 0.weight, 0.bias, 1.weight and 3 more"
    assert misfit(network, {**state, "b": torch.ones(1)}) == "left over is b"
    assert misfit(network, {**state, "0.bias": torch.ones(3)}) == (
        "of another shape is 0.bias (3,) instead of (2,)"
    )
