"""How a trained network enters the catalogue: weights, entry and model card in one step."""

import dataclasses
import json
import tempfile
from collections.abc import Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.models.catalog import (
    CATALOG_FILE,
    NON_COMMERCIAL,
    SCHEMA_FILE,
    SCHEMA_VERSION,
    ModelEntry,
    Network,
    catalog_mistake,
    entry_from_json,
    model_catalog,
    models_folder,
)
from DeepRegistrationLib.models.load import network_of
from DeepRegistrationLib.models.model_card import card_file, model_card
from DeepRegistrationLib.models.registry import NETWORKS, build_network, input_shape
from DeepRegistrationLib.models.state_dict import StateDict, misfit
from DeepRegistrationLib.models.weights_file import with_header
from DeepRegistrationLib.sample_data import find_sample

LARGEST_MODEL_BYTES = 12_000_000
LARGEST_SUM_BYTES = 40_000_000
"""Of all weights that come with the program: who clones it or installs the extension waits for them."""

_PROBES = 16


class Storage(StrEnum):
    """How the weights are written."""

    FLOAT16 = "float16"
    """Matrices and kernels in half precision; vectors (biases, normalization) stay as they are."""
    FLOAT32 = "float32"


def add_model(
    name: str,
    network: Network,
    state: StateDict,
    facts: Mapping[str, object],
    storage: Storage = Storage.FLOAT16,
    tolerance: float = 0.01,
    folder: Path | None = None,
) -> ModelEntry:
    """Writes weights and model card and enters the model in the catalogue, in place of an older version.

    Nothing is changed unless everything fits.

    Args:
        name: in the catalogue; other weights under a name that is there already get the next version.
        network: which one the weights are of.
        state: name -> tensor, float32.
        facts: all fields of the entry (`catalog.schema.json`) except name, network, version, file, sha256 and
            size_bytes; `url` may be left out.
        storage: how the weights are written.
        tolerance: how far float16 may move any output for random smooth inputs [unit of the output: entries
            of a rotation matrix, slice numbers, radii].
        folder: of the catalogue; None takes `models_folder()`.

    Returns:
        The new entry.

    Raises:
        InputError: weights do not fit the settings, facts are missing or unknown, too large, the licence
            forgets the one of the training data, or float16 moves the outputs too far.
        RegistrationError: the folder cannot be written.
    """
    folder = folder or models_folder()
    catalog = model_catalog(folder)
    exact = _filled(network, state, facts)
    stored = {key: _stored(tensor, storage) for key, tensor in exact.state_dict().items()}
    version, content = _next_version(name, network, stored, catalog.get(name))
    found_out = {
        "name": name,
        "network": str(network),
        "version": version,
        "file": f"{name}.safetensors",
        "sha256": sha256(content).hexdigest(),
        "size_bytes": len(content),
    }
    entry = _described(facts, found_out)
    _check_licence(entry)
    _check_size(entry, catalog)
    _check_outputs(exact, network_of(entry, content), entry, tolerance)
    _write(folder, {**catalog, name: entry}, entry, content)
    return entry


def largest_change(one: nn.Module, other: nn.Module, entry: ModelEntry) -> float:
    """How far the outputs of two networks lie apart for the same random smooth inputs.

    Args:
        one: a network of the entry.
        other: another one.
        entry: says what goes in.

    Returns:
        Largest absolute difference of any output number. Rotations are compared as matrices: near 180 degrees
        the same rotation has two vectors.
    """
    inputs = _probes(input_shape(entry.network, _PROBES, entry.input_grid.size))
    with torch.no_grad():
        answer = NETWORKS[entry.network].answer
        answers = (_outputs(answer(network.eval(), inputs)) for network in (one, other))
        pairs = zip(*answers, strict=True)
        return max((a - b).abs().max().item() for a, b in pairs)


def _filled(network: Network, state: StateDict, facts: Mapping[str, object]) -> nn.Module:
    settings = facts.get("settings")
    if not isinstance(settings, Mapping):
        raise InputError("The card data lack 'settings': the arguments of the network's constructor.")
    exact = build_network(network, settings)
    mistake = misfit(exact, state)
    if mistake:
        raise InputError(
            f"The weights do not fit the network '{network}' with the settings {dict(settings)}: {mistake}. "
            "Use the settings that it was trained with."
        )
    exact.load_state_dict(state)
    return exact


def _stored(tensor: torch.Tensor, storage: Storage) -> torch.Tensor:
    if storage == Storage.FLOAT32 or not tensor.is_floating_point() or tensor.ndim < 2:
        return tensor.contiguous()
    half = tensor.half().contiguous()
    if not half.isfinite().all():
        raise InputError(
            f"A weight of {tensor.abs().max():.3g} is too large for half precision. Store it as float32."
        )
    return half


def _next_version(
    name: str, network: Network, tensors: StateDict, before: ModelEntry | None
) -> tuple[int, bytes]:
    """Version and file; new figures for the weights that are there already make no new version."""

    def file_of(version: int) -> bytes:
        about = {"name": name, "network": str(network), "version": str(version)}
        return with_header(safetensors.torch.save(tensors), about)

    if before is None:
        return 1, file_of(1)
    same = file_of(before.version)
    if sha256(same).hexdigest() == before.sha256:
        return before.version, same
    return before.version + 1, file_of(before.version + 1)


def _described(facts: Mapping[str, object], found_out: Mapping[str, object]) -> ModelEntry:
    chosen = ", ".join(sorted(found_out.keys() & facts.keys()))
    if chosen:
        raise InputError(f"The card data contain {chosen}: leave out what is found out here.")
    content = {"url": None, **facts, **found_out}
    fields = [field.name for field in dataclasses.fields(ModelEntry)]
    in_order = {**{key: content[key] for key in fields if key in content}, **content}
    mistake = catalog_mistake({"schema_version": SCHEMA_VERSION, "models": [in_order]})
    if mistake:
        raise InputError(f"The card data are not as {SCHEMA_FILE} says: {mistake}. Correct them.")
    return entry_from_json(in_order)


def _check_licence(entry: ModelEntry) -> None:
    for sample in map(find_sample, entry.training_samples):
        if NON_COMMERCIAL in sample.licence and not entry.is_non_commercial:
            raise InputError(
                f"'{entry.name}' was trained on '{sample.name}' ({sample.licence}), but its licence is "
                f"'{entry.licence}'. Name a {NON_COMMERCIAL} licence."
            )


def _check_size(entry: ModelEntry, catalog: Mapping[str, ModelEntry]) -> None:
    if entry.url is not None:
        return  # a model that is downloaded does not come with the program
    others = [other for other in catalog.values() if other.url is None and other.name != entry.name]
    together = entry.size_bytes + sum(other.size_bytes for other in others)
    for size, largest, what in (
        (entry.size_bytes, LARGEST_MODEL_BYTES, f"The weights of '{entry.name}' have"),
        (together, LARGEST_SUM_BYTES, f"With '{entry.name}' all weights together have"),
    ):
        if size > largest:
            raise InputError(
                f"{what} {size / 1e6:.1f} MB, at most {largest / 1e6:.0f} MB may come with the program. "
                "Train a smaller network, or name a 'url' to download it from."
            )


def _check_outputs(exact: nn.Module, stored: nn.Module, entry: ModelEntry, tolerance: float) -> None:
    try:
        change = largest_change(exact, stored, entry)
    except (RuntimeError, ValueError) as err:
        raise InputError(
            f"The network '{entry.network}' with the settings {entry.settings} takes no input grid of "
            f"size {entry.input_grid.size} ({err}). Correct 'input_grid' or 'settings'."
        ) from err
    if not change <= tolerance:
        raise InputError(
            f"Stored this way, the outputs of '{entry.name}' move by up to {change:.3g}, more than "
            f"{tolerance:g}. Store it as float32."
        )


def _probes(shape: tuple[int, ...]) -> torch.Tensor:
    """Random inputs, as smooth as images, zero mean and unit variance; the same at every call."""
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    mean_of_neighbours = F.avg_pool2d if len(shape) == 4 else F.avg_pool3d
    for _ in range(2):
        noise = mean_of_neighbours(noise, 3, stride=1, padding=1)
    over = tuple(range(2, len(shape)))
    return (noise - noise.mean(over, keepdim=True)) / noise.std(over, keepdim=True)


def _outputs(output: object) -> Iterator[torch.Tensor]:
    """The tensors of an output, those of its parts included; of a rotation the matrix only."""
    if isinstance(output, torch.Tensor):
        yield output
        return
    if isinstance(output, tuple):
        for part in output:
            yield from _outputs(part)
        return
    names = [field.name for field in dataclasses.fields(output)]
    for name in names:
        if not (name == "vector" and "matrix" in names):
            yield from _outputs(getattr(output, name))


def _write(folder: Path, catalog: Mapping[str, ModelEntry], entry: ModelEntry, content: bytes) -> None:
    entries = [model.to_json() for model in catalog.values()]
    text = json.dumps(
        {"$schema": SCHEMA_FILE, "schema_version": SCHEMA_VERSION, "models": entries},
        indent=1,
        ensure_ascii=False,
        allow_nan=False,
    )
    files = {
        entry.file: content,
        card_file(entry.name): model_card(entry).encode(),
        CATALOG_FILE: f"{text}\n".encode(),
    }
    try:
        # all are written before the first is renamed: a full disk changes nothing
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=folder) as temporary:
            for name, data in files.items():
                (Path(temporary) / name).write_bytes(data)
            for name in files:
                (Path(temporary) / name).replace(folder / name)
    except OSError as err:
        raise RegistrationError(
            f"The folder of the models '{folder}' cannot be changed ({err.strerror or err}). Free some "
            "space, make it writable, or name another one."
        ) from err
