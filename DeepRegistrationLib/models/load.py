"""A model of the catalogue as a network that is ready to be asked."""

from pathlib import Path
from threading import Lock

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.models.catalog import ModelEntry, find_model, models_folder
from DeepRegistrationLib.models.registry import build_network
from DeepRegistrationLib.models.state_dict import misfit
from DeepRegistrationLib.models.weights_file import read_weights, remedy

_lock = Lock()
_loaded: dict[tuple[Path, ModelEntry, torch.device], nn.Module] = {}


def load_model(name: str, device: torch.device | str) -> nn.Module:
    """The trained network of this name, the same object at every call: a resident worker loads it once.

    Args:
        name: in the catalogue.
        device: where its tensors shall be.

    Returns:
        The network in evaluation mode, float32, without gradients for its weights. It is shared: do not
        change it. What goes in and comes out says its class; `find_model(name)` tells its input grid, and its
        `stamp` is what a result says about it.

    Raises:
        InputError: there is no such model.
        RegistrationError: the weights are missing, damaged, of another version or network, or do not fit.
    """
    entry = find_model(name)
    key = (models_folder(), entry, torch.device(device))
    with _lock:
        if key not in _loaded:
            # weights that the catalogue no longer means are not kept
            for old in [old for old in _loaded if old[1].name == name and old[1] != entry]:
                del _loaded[old]
            _loaded[key] = network_of(entry, read_weights(entry)).to(device)
        return _loaded[key]


def network_of(entry: ModelEntry, content: bytes) -> nn.Module:
    """The network of a catalogue entry, filled with weights.

    Args:
        entry: says which network with which settings.
        content: a safetensors file; the weights are float32 or float16.

    Returns:
        The network on the CPU, in evaluation mode, float32, without gradients for its weights.

    Raises:
        RegistrationError: the weights are no safetensors, or do not fit the network.
    """
    try:
        network = build_network(entry.network, entry.settings)
        state = safetensors.torch.load(content)
    except (InputError, SafetensorError) as err:
        raise RegistrationError(f"The model '{entry.name}' cannot be loaded: {err}") from err
    mistake = misfit(network, state)
    if mistake:
        raise RegistrationError(
            f"The weights of the model '{entry.name}' do not fit its network '{entry.network}': {mistake}. "
            f"{remedy(entry)}"
        )
    network.load_state_dict(state)  # float16 becomes the type that the network has
    return network.eval().requires_grad_(False)
