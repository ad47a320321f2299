"""Weights that a training begins with: of the same network, or of a part of it that was trained alone."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from DeepRegistrationLib.errors import InputError


def begin_with(weights: Path, network: nn.Module) -> None:
    """Loads weights into a network.

    Args:
        weights: safetensors file of the network, or of one of its direct children; what else the network has
            stays as it is.
        network: changed in place.

    Raises:
        InputError: a file that is neither.
    """
    try:
        state = load_file(weights)
        fitting = [part for _, part in network.named_children() if part.state_dict().keys() == state.keys()]
        (fitting[0] if fitting else network).load_state_dict(state)
    except (OSError, SafetensorError, RuntimeError) as err:
        raise InputError(
            f"The weights '{weights}' cannot be begun with: {err}. Name a weights.safetensors of a training "
            "of the same network, or of a part of it, with the same settings."
        ) from err
