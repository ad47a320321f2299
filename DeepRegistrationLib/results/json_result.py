"""result.json: everything about a registration that a program or a person may ask later."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType

import numpy as np

from DeepRegistrationLib.versions import versions
from DeepRegistrationLib.workflows.result import Result

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class FileStamp:
    """What is remembered of an input file.

    Attributes:
        file: base name; folders may carry a patient's name and stay out.
        sha256: hexadecimal digest of its bytes; of a folder: of the sorted digests of its files.
    """

    file: str
    sha256: str


def stamp(path: Path) -> FileStamp:
    """Name and checksum of a file, or of the files directly in a folder (a DICOM series)."""
    if path.is_dir():
        digests = sorted(_digest(file) for file in path.iterdir() if file.is_file())
        return FileStamp(path.name, hashlib.sha256("".join(digests).encode()).hexdigest())
    return FileStamp(path.name, _digest(path))


def describe(
    result: Result, inputs: Mapping[str, FileStamp], more: Mapping[str, object] = MappingProxyType({})
) -> dict[str, object]:
    """The content of result.json, in the order of its keys.

    Args:
        result: the registration.
        inputs: role ("moving", "mask", "atlas") -> file.
        more: entries that only this kind of job has.

    Returns:
        Plain dicts, lists, texts and finite numbers; a number that is not finite becomes None.

    Raises:
        ValueError: a transform is not finite.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "job": result.job,
        "method": result.method,
        "device": result.device,
        "confidence": _plain(result.confidence.value),
        "trust": str(result.confidence.trust),
        "confidence_reason": result.confidence.reason,
        "confidence_evidence": _plain(result.confidence.evidence),
        "warnings": list(result.warnings),
        "transforms": {
            name: {"matrix": _matrix(entry.matrix, name), "from": entry.source, "to": entry.target}
            for name, entry in result.transforms.items()
        },
        **_plain(more),
        "similarity": _plain(result.similarity),
        "seconds": {stage: round(seconds, 4) for stage, seconds in result.seconds.items()},
        "settings": _plain(result.settings),
        "inputs": _stamps(inputs),
        "models": {model.name: {"version": model.version, "sha256": model.sha256} for model in result.models},
        "versions": dict(versions()),
    }


def write_result(content: Mapping[str, object], path: Path) -> None:
    """Writes the content of `describe` as JSON that every reader accepts (no NaN)."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_result(path: Path) -> dict:
    """Reads result.json.

    Raises:
        ValueError: the file is no result, or one of a later schema.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not {"schema_version", "job", "transforms"} <= content.keys():
        raise ValueError(f"'{path}' is no result of a registration")
    if content["schema_version"] > SCHEMA_VERSION:
        raise ValueError(
            f"'{path}' has schema {content['schema_version']}; this program reads {SCHEMA_VERSION}"
        )
    return content


def _stamps(files: Mapping[str, FileStamp]) -> dict[str, dict[str, str]]:
    return {role: {"file": entry.file, "sha256": entry.sha256} for role, entry in files.items()}


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _matrix(matrix: np.ndarray, name: str) -> list[list[float]]:
    if not np.isfinite(matrix).all():
        raise ValueError(f"the transform '{name}' is not finite: {matrix.tolist()}")
    return np.asarray(matrix, dtype=np.float64).tolist()


def _plain(value: object) -> object:
    """Enums, paths and numpy numbers as JSON knows them; paths by their base name only."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return value.name
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    return str(value)
