"""One registration as data: what kind, which files, which settings, which outputs, where to."""

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.biplanar import BiplanarFiles, BiplanarSettings
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceFiles, FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.us_angles import UsAnglesFiles, UsAnglesSettings
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings

JobFiles = FetalVolumeFiles | FetalSliceFiles | XrayCtFiles | UsAnglesFiles | BiplanarFiles
JobSettings = FetalVolumeSettings | FetalSliceSettings | XrayCtSettings | UsAnglesSettings | BiplanarSettings


class JobKind(StrEnum):
    """The registrations there are; the value is also the command's name."""

    FETAL_VOLUME = "fetal-volume"
    FETAL_SLICE = "fetal-slice"
    XRAY_CT = "xray-ct"
    US_ANGLES = "us-angles"
    BIPLANAR = "biplanar"


class ExitCode(IntEnum):
    """How a job ended; also the exit code of the program."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    CANCELLED = 3
    NOT_TRUSTED = 4
    """Done, but the confidence is low."""


_CONTENT: dict[JobKind, tuple[type, type]] = {
    JobKind.FETAL_VOLUME: (FetalVolumeFiles, FetalVolumeSettings),
    JobKind.FETAL_SLICE: (FetalSliceFiles, FetalSliceSettings),
    JobKind.XRAY_CT: (XrayCtFiles, XrayCtSettings),
    JobKind.US_ANGLES: (UsAnglesFiles, UsAnglesSettings),
    JobKind.BIPLANAR: (BiplanarFiles, BiplanarSettings),
}


@dataclass(frozen=True)
class Outputs:
    """What the result folder holds beside result.json and the transform.

    Attributes:
        warped: the moving image on the grid of the fixed one (warped.nrrd).
        segmentation: the atlas labels on the moving image (segmentation.seg.nrrd).
        report: report.html with pictures.
        scene: scene.mrb that opens in Slicer (needs slicer-core outside Slicer).
        pictures: the report's pictures also as PNG files.
    """

    warped: bool = True
    segmentation: bool = True
    report: bool = True
    scene: bool = False
    pictures: bool = False


@dataclass(frozen=True)
class Job:
    """One registration to be run.

    Attributes:
        kind: which registration.
        files: input files, of the dataclass that belongs to `kind`.
        settings: choices, of the dataclass that belongs to `kind`.
        output_folder: where the result goes; it appears only when the job is done.
        outputs: which optional results are written.
    """

    kind: JobKind
    files: JobFiles
    settings: JobSettings
    output_folder: Path
    outputs: Outputs = field(default_factory=Outputs)


def write_job(job: Job, path: Path) -> None:
    """Writes the job as JSON; paths are made absolute.

    Args:
        job: the job.
        path: file to write.
    """
    path.write_text(json.dumps(to_json(job), indent=1), encoding="utf-8")


def read_job(path: Path) -> Job:
    """Reads a job written by `write_job`.

    Args:
        path: file to read.

    Returns:
        The job.

    Raises:
        InputError: the file is missing, no JSON, or names things that do not exist.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise InputError(
            f"The job file '{path}' cannot be read ({err}). Write it again with write_job()."
        ) from err
    if not isinstance(content, dict) or content.get("kind") not in list(JobKind):
        kind = content.get("kind") if isinstance(content, dict) else type(content).__name__
        raise InputError(f"The job file '{path}' names the job '{kind}'; there are: {', '.join(JobKind)}.")
    kind = JobKind(content["kind"])
    files, settings = _CONTENT[kind]
    try:
        return Job(
            kind=kind,
            files=from_json(files, content["files"]),
            settings=from_json(settings, content["settings"]),
            output_folder=Path(content["output_folder"]),
            outputs=from_json(Outputs, content.get("outputs", {})),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise InputError(f"The job file '{path}' does not describe a '{kind}' job: {err}.") from err


def to_json(value: object) -> object:
    """Turns dataclasses, enums and paths into what JSON knows; paths become absolute."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type, content: dict) -> object:
    """Builds a flat dataclass of paths, enums, numbers and texts from JSON.

    Args:
        cls: the dataclass.
        content: field name -> value; missing fields keep their defaults.

    Returns:
        An instance of `cls`.

    Raises:
        TypeError: a field that `cls` does not have.
        ValueError: a value outside its enum.
    """
    hints = typing.get_type_hints(cls)
    unknown = set(content) - set(hints)
    if unknown:
        raise TypeError(f"unknown entries {sorted(unknown)}; known are {sorted(hints)}")
    return cls(**{name: _convert(hints[name], value) for name, value in content.items()})


def _convert(hint: object, value: object) -> object:
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if typing.get_origin(hint) is tuple:
        entry = typing.get_args(hint)[0]  # all entries of a tuple are of one kind
        return tuple(_convert(entry, item) for item in value)
    is_made = isinstance(hint, type) and (issubclass(hint, Enum) or hint is Path)
    return hint(value) if is_made else value
