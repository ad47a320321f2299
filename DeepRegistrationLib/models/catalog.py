"""The trained networks that there are: what each is for, where its weights lie, under which licence.

Needs the standard library only: Slicer's process reads it too. `Resources/Models/catalog.json` holds the
entries, `catalog.schema.json` beside it says what each field means.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.models.json_schema import problems

CATALOG_FILE = "catalog.json"
SCHEMA_FILE = "catalog.schema.json"
SCHEMA_VERSION = 1
NON_COMMERCIAL = "non-commercial"
"""Stands in licences that forbid commercial use."""
_PACKAGE = Path(__file__).resolve().parents[1]
_REMEDY = "Install DeepRegistration again; if DEEPREGISTRATION_MODELS is set, name another folder there."


class Network(StrEnum):
    """Which network a file of weights belongs to."""

    POSE_NET = "pose-net"
    CORRECTION_NET = "correction-net"
    SLICE_NET = "slice-net"
    CONTRAST_GENERATOR = "contrast-generator"
    XRAY_DEEP_NET = "xray-deep-net"
    US_ANGLE_NET = "us-angle-net"
    BIPLANAR_NET = "biplanar-net"


@dataclass(frozen=True)
class InputGrid:
    """The square or cube of pixels that a network sees, centred at the middle of the anatomy.

    Attributes:
        size: pixels or voxels along each edge.
        half_edge_radii: distance of the outermost pixel centres from the middle, of networks that see brains
            [brain radii].
        half_edge_mm: the same, of networks that see everything in its true size [mm].
    """

    size: int
    half_edge_radii: float | None = None
    half_edge_mm: float | None = None

    def __str__(self) -> str:
        """In words, for the card."""
        pixels = f"{self.size} pixels along each edge"
        if self.half_edge_radii is not None:
            return f"{pixels}, over +-{self.half_edge_radii:g} brain radii"
        return pixels if self.half_edge_mm is None else f"{pixels}, over +-{self.half_edge_mm:g} mm"

    def to_json(self) -> dict[str, float]:
        """What is set, as `catalog.json` holds it."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class ModelStamp:
    """What is remembered of a model that a result was computed with.

    Attributes:
        name: in the catalogue.
        version: of the weights.
        sha256: hexadecimal digest of the weights' file.
    """

    name: str
    version: int
    sha256: str


@dataclass(frozen=True)
class ModelEntry:
    """One trained network.

    Attributes:
        name: for the command line and the result.
        summary: what it does, in one sentence.
        network: which network the weights are of.
        version: counts the weights under this name from 1.
        file: base name of the safetensors file.
        sha256: hexadecimal digest of the file.
        size_bytes: length of the file.
        input_grid: what the network sees.
        anatomy: what it was trained for.
        modality: kind of images it was trained for.
        licence: what may be done with the weights.
        url: where the file is downloaded from; None: it comes with the program.
        training_command: the command that trained it.
        training_data: what it was trained on, in words.
        training_samples: names of the samples (`sample_data.py`) it was trained on.
        split: "train", "validation", "test" and others -> subjects.
        figures: name with unit -> what was measured on the test subjects.
        limits: where it must not be relied on, one sentence each.
        settings: arguments of the network's constructor.
    """

    name: str
    summary: str
    network: Network
    version: int
    file: str
    sha256: str
    size_bytes: int
    input_grid: InputGrid
    anatomy: str
    modality: str
    licence: str
    url: str | None
    training_command: str
    training_data: str
    training_samples: tuple[str, ...]
    split: Mapping[str, str] = field(hash=False)
    figures: Mapping[str, float | str] = field(hash=False)
    limits: tuple[str, ...]
    settings: Mapping[str, object] = field(hash=False)

    @property
    def is_non_commercial(self) -> bool:
        """Whether its licence says that it is not for commercial use."""
        return any(words in self.licence for words in (NON_COMMERCIAL, "CC BY-NC"))

    @property
    def stamp(self) -> ModelStamp:
        """What a result says about it."""
        return ModelStamp(self.name, self.version, self.sha256)

    def to_json(self) -> dict[str, object]:
        """The entry as `catalog.json` holds it; the inverse of `entry_from_json`."""
        content = asdict(self)
        lists = {"training_samples": list(self.training_samples), "limits": list(self.limits)}
        grid = self.input_grid.to_json()
        return {**content, "network": str(self.network), "input_grid": grid, **lists}


def models_folder() -> Path:
    """Where the catalogue and the weights that come with the program lie.

    The environment variable DEEPREGISTRATION_MODELS, else the folder of the installed library, else that of
    the source tree.
    """
    chosen = os.environ.get("DEEPREGISTRATION_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    inside = _PACKAGE / "Resources" / "Models"
    return inside if inside.is_dir() else _PACKAGE.parent / "Resources" / "Models"


def model_catalog(folder: Path | None = None) -> dict[str, ModelEntry]:
    """All models: name -> entry, in the order of the catalogue file.

    Args:
        folder: with `catalog.json` and its schema; None takes `models_folder()`.

    Raises:
        InputError: the catalogue is missing, no JSON, of a later program, or not as its schema says.
    """
    path = (folder or models_folder()) / CATALOG_FILE
    try:
        stamp = path.stat()
    except OSError as err:
        raise InputError(
            f"The catalogue of the models '{path}' cannot be read ({err.strerror}). {_REMEDY}"
        ) from err
    # read once per content: a resident process asks for every job
    return dict(_read(path, stamp.st_mtime_ns, stamp.st_size))


def find_model(name: str, folder: Path | None = None) -> ModelEntry:
    """The model with this name.

    Args:
        name: as `deepregistration models list` shows it.
        folder: as for `model_catalog`.

    Raises:
        InputError: there is none; the text lists those that there are. Or the catalogue cannot be read.
    """
    catalog = model_catalog(folder)
    if name not in catalog:
        choice = f"Choose one of: {', '.join(catalog)}." if catalog else "The catalogue has no models."
        raise InputError(f"There is no model '{name}'. {choice}")
    return catalog[name]


def entry_from_json(content: Mapping[str, object]) -> ModelEntry:
    """An entry of the catalogue that is as the schema says."""
    grid = dict(content["input_grid"])
    size = grid.pop("size")
    return ModelEntry(
        **{
            **content,
            "network": Network(content["network"]),
            "input_grid": InputGrid(size, **{key: float(width) for key, width in grid.items()}),
            "training_samples": tuple(content["training_samples"]),
            "limits": tuple(content["limits"]),
        }
    )


def catalog_mistake(content: object) -> str | None:
    """What is wrong with a catalogue: not as its schema says, or something named twice.

    Args:
        content: parsed `catalog.json`.

    Returns:
        The first mistake, such as "models[0].version: 0 is below 1"; None if there is none.
    """
    mistake = next(problems(content, catalog_schema(), "catalogue"), None)
    return mistake.removeprefix("catalogue.") if mistake else _named_twice(content["models"])


@lru_cache
def catalog_schema() -> dict[str, object]:
    """The schema of the catalogue, as this program understands it, wherever the catalogue lies."""
    inside = _PACKAGE / "Resources" / "Models" / SCHEMA_FILE
    path = inside if inside.is_file() else _PACKAGE.parent / "Resources" / "Models" / SCHEMA_FILE
    return json.loads(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def _read(path: Path, modified_ns: int, size_bytes: int) -> dict[str, ModelEntry]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise InputError(f"The catalogue of the models '{path}' is no JSON ({err}). {_REMEDY}") from err
    later = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(later, int) and later > SCHEMA_VERSION:
        raise InputError(
            f"The catalogue of the models '{path}' has schema version {later}, this program reads "
            f"{SCHEMA_VERSION}. Install the newest DeepRegistration."
        )
    mistake = catalog_mistake(content)
    if mistake:
        raise InputError(
            f"The catalogue of the models '{path}' is not as {SCHEMA_FILE} says: {mistake}. {_REMEDY}"
        )
    return {entry["name"]: entry_from_json(entry) for entry in content["models"]}


def _named_twice(models: list[dict]) -> str | None:
    for key in ("name", "file"):
        values = [model[key] for model in models]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice:
            return f"the {key} '{twice}' occurs twice"
    return None
