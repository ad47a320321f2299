"""The tensors of a network: read from a file, compared with what a network needs."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from DeepRegistrationLib.errors import InputError

_CHECKPOINTS = (".ckpt", ".pt", ".pth")
_CHECKPOINT_KEY = "state_dict"
_SHOWN = 3

StateDict = Mapping[str, torch.Tensor]
"""Name of a parameter or buffer -> tensor."""


def read_state_dict(path: Path, prefix: str = "network.") -> dict[str, torch.Tensor]:
    """Reads the tensors of a network that was trained.

    Args:
        path: a safetensors file, or a checkpoint of lightning or torch. Of a checkpoint only tensors and
            plain values are read; one that would run code is refused. Where the training averaged the weights
            (`EMAWeightAveraging`), `state_dict` holds the averages.
        prefix: a checkpoint holds more than the network: tensors whose names begin with this are taken,
            without it. If none does, all are taken as they are.

    Returns:
        Name -> tensor, on the CPU.

    Raises:
        InputError: the file is missing, of another kind, or holds no tensors.
    """
    if not path.is_file():
        raise InputError(f"The file '{path}' does not exist. Check the path.")
    try:
        if path.suffix == ".safetensors":
            found = safetensors.torch.load_file(path)
        elif path.suffix in _CHECKPOINTS:
            found = torch.load(path, map_location="cpu", weights_only=True)
        else:
            raise InputError(
                f"'{path.name}' is no file of weights. Choose one that ends with .safetensors or "
                f"{', '.join(_CHECKPOINTS)}."
            )
    except pickle.UnpicklingError as err:
        raise InputError(
            f"The checkpoint '{path}' is damaged, or holds more than tensors and plain values. Write the "
            "tensors alone with safetensors.torch.save_file."
        ) from err
    except (SafetensorError, OSError, RuntimeError, EOFError) as err:
        raise InputError(f"The weights '{path}' cannot be read ({err}). Choose another file.") from err
    tensors = found.get(_CHECKPOINT_KEY, found) if isinstance(found, dict) else {}
    inside = {name.removeprefix(prefix): tensors[name] for name in tensors if name.startswith(prefix)}
    state = inside if prefix and inside else dict(tensors)
    if not state or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise InputError(f"'{path}' holds no tensors of a network. Choose a checkpoint of the training.")
    return state


def misfit(network: nn.Module, state: StateDict) -> str | None:
    """Why these tensors are not those of a network.

    Args:
        network: needs certain tensors.
        state: name -> tensor, of any floating type.

    Returns:
        What is missing, left over, of another shape or not finite; None if everything fits.
    """
    wanted = network.state_dict()
    mistakes = (
        _listed("missing", [name for name in wanted if name not in state]),
        _listed("left over", [name for name in state if name not in wanted]),
        _listed("of another shape", _of_other_shape(state, wanted)),
        _listed("not finite", [name for name, tensor in state.items() if not tensor.isfinite().all()]),
    )
    return next((mistake for mistake in mistakes if mistake), None)


def _of_other_shape(state: StateDict, wanted: StateDict) -> list[str]:
    return [
        f"{name} {tuple(state[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in state and state[name].shape != wanted[name].shape
    ]


def _listed(what: str, names: list[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{what} {'is' if len(names) == 1 else 'are'} {', '.join(names[:_SHOWN])}{more}"
