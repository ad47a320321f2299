"""The file with a model's weights: where it lies, and whether it is the one that the catalogue means.

Needs the standard library only. The header of a safetensors file is JSON; it names the model and the version.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.models.catalog import ModelEntry, models_folder
from DeepRegistrationLib.remote_file import RemoteFile, length_of
from DeepRegistrationLib.sample_data import data_folder

_DOWNLOADS = Path("models")
_LENGTH_BYTES = 8
"""A safetensors file begins with the length of its header as a 64-bit number, low byte first."""
_TEXTS = "__metadata__"


class ModelState(StrEnum):
    """What of a model is on this machine."""

    SHIPPED = "comes with the program"
    DOWNLOADED = "downloaded"
    NOT_DOWNLOADED = "not downloaded"
    MISSING = "missing"
    DAMAGED = "damaged"


def remote_file(entry: ModelEntry) -> RemoteFile:
    """The file to download; its path is below the data folder.

    Raises:
        ValueError: the model comes with the program.
    """
    if entry.url is None:
        raise ValueError(f"the model '{entry.name}' has no address")
    return RemoteFile(_DOWNLOADS / entry.file, entry.url, entry.size_bytes, entry.sha256)


def find_weights(entry: ModelEntry, folder: Path | None = None) -> Path | None:
    """File with the weights: beside the catalogue or downloaded; None if there is none.

    Args:
        entry: the model.
        folder: of the catalogue; None takes `models_folder()`.
    """
    beside = (folder or models_folder()) / entry.file
    if entry.url is None:
        return beside if beside.is_file() else None
    downloaded = data_folder() / remote_file(entry).path
    return next((path for path in (downloaded, beside) if path.is_file()), None)


def state_of(entry: ModelEntry, folder: Path | None = None) -> ModelState:
    """What is there, judged by the length of the file; `read_weights` checks every byte.

    Args:
        entry: the model.
        folder: as for `find_weights`.
    """
    path = find_weights(entry, folder)
    if path is None:
        return ModelState.MISSING if entry.url is None else ModelState.NOT_DOWNLOADED
    if length_of(path) != entry.size_bytes:
        return ModelState.DAMAGED
    return ModelState.DOWNLOADED if path.parent == data_folder() / _DOWNLOADS else ModelState.SHIPPED


def read_weights(entry: ModelEntry, folder: Path | None = None) -> bytes:
    """The bytes of the weights' file, every one of them checked.

    Args:
        entry: the model.
        folder: as for `find_weights`.

    Returns:
        A safetensors file of this model, this version and this checksum.

    Raises:
        RegistrationError: it is missing, cannot be read, is cut off, changed, or of another model or version.
    """
    path = find_weights(entry, folder)
    if path is None:
        raise RegistrationError(_missing(entry, folder or models_folder()))
    try:
        content = path.read_bytes()
    except OSError as err:
        raise RegistrationError(
            f"The weights '{path}' cannot be read ({err.strerror or err}). Make the file readable."
        ) from err
    problem = _other_model(content, entry) or _other_bytes(content, entry)
    if problem:
        raise RegistrationError(f"The weights '{path}' cannot be used: {problem}. {remedy(entry)}")
    return content


def header_of(content: bytes) -> dict[str, str]:
    """What a safetensors file says about itself: texts of its header; empty if there are none."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
        return dict(header.get(_TEXTS, {}))
    except (ValueError, AttributeError, TypeError):
        return {}


def with_header(content: bytes, about: Mapping[str, str]) -> bytes:
    """A safetensors file that says something about itself; the same bytes for the same texts.

    The package writes such texts in an order that changes from run to run, and with it the checksum.

    Args:
        content: a safetensors file.
        about: texts for its header; they replace those that it has.

    Returns:
        The file with the new header; `header_of` reads it.
    """
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
    header.pop(_TEXTS, None)
    text = json.dumps({_TEXTS: dict(about), **header}, separators=(",", ":")).encode()
    # the tensors behind the header begin at a multiple of 8
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + content[_LENGTH_BYTES + length :]


def _other_model(content: bytes, entry: ModelEntry) -> str | None:
    """Checked before the bytes: "version 1 instead of 2" says more than "another checksum"."""
    header = header_of(content)
    for key, wanted in (("name", entry.name), ("network", entry.network), ("version", entry.version)):
        if key in header and header[key] != str(wanted):
            return f"they are of the {key} {header[key]}, the catalogue asks for the {key} {wanted}"
    return None


def _other_bytes(content: bytes, entry: ModelEntry) -> str | None:
    if len(content) != entry.size_bytes:
        return f"the file has {len(content)} bytes instead of {entry.size_bytes}"
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry.sha256:
        return f"the file was changed (SHA-256 {digest[:12]} instead of {entry.sha256[:12]})"
    if "version" not in header_of(content):
        return "the file does not say which version it is"
    return None


def _missing(entry: ModelEntry, folder: Path) -> str:
    if entry.url is None:
        return f"The weights of the model '{entry.name}' are missing in '{folder}'. {remedy(entry)}"
    return (
        f"The model '{entry.name}' ({entry.size_bytes / 1e6:.1f} MB) is not on this machine. "
        f"Download it with: deepregistration models download {entry.name}"
    )


def remedy(entry: ModelEntry) -> str:
    """What to do about weights that are missing or cannot be used."""
    if entry.url is None:
        return "Install DeepRegistration again."
    return f"Download it again with: deepregistration models download {entry.name}"
