"""Lists of named points: Slicer Markups (.mrk.json), older Slicer fiducials (.fcsv) and tables (.csv)."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.frames import ras_from_lps_points

_KNOWN = "a Markups file (.mrk.json), an .fcsv file, or a .csv table with the columns label, x, y, z"
# Slicer once wrote the number of the coordinate system instead of its name
_SYSTEMS = {"RAS": False, "0": False, "LPS": True, "1": True}
_LABEL_IN_FCSV = 11  # columns: id, x, y, z, ow, ox, oy, oz, vis, sel, lock, label


@dataclass(frozen=True, eq=False)
class FiducialPairs:
    """Points of the CT and their shadows, matched by name.

    Attributes:
        names: of the N pairs, in the order of the CT's list.
        points_ras: (N, 3) float64 [mm, RAS of the CT].
        pixels: (N, 2) float64; column and row in the radiograph.
        notes: sentences about points without a partner.
    """

    names: tuple[str, ...]
    points_ras: np.ndarray
    pixels: np.ndarray
    notes: tuple[str, ...]


def read_fiducials(path: Path | str) -> dict[str, np.ndarray]:
    """Reads named points.

    Args:
        path: .mrk.json or .fcsv of Slicer, whose coordinate system the file tells, or .csv with the columns
            label, x, y, z (RAS, mm).

    Returns:
        Name -> (3,) float64 [mm, RAS], in the order of the file.

    Raises:
        InputError: missing, of another kind, damaged, a name twice, or no point.
    """
    path = Path(path)
    if path.name.lower().endswith(".json"):
        rows = _markups(path)
    elif path.suffix.lower() == ".fcsv":
        rows = _fcsv(path)
    else:
        rows = _table(path, ("x", "y", "z"))
    return _named(rows, path)


def read_shadows(path: Path | str, camera: Camera) -> dict[str, np.ndarray]:
    """Reads where points were marked in a radiograph.

    Args:
        path: .csv with the columns label, column, row (pixels; 0, 0 is the centre of the first pixel); or a
            file as in `read_fiducials` whose points lie on the detector in the world, as they do when they
            are placed in Slicer on a radiograph that stands there.
        camera: of the radiograph.

    Returns:
        Name -> (2,) float64; column and row.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv":
        return _named(_table(path, ("column", "row")), path)
    marks = read_fiducials(path)
    return {name: camera.project(point)[0] for name, point in marks.items()}


def match_fiducials(points: dict[str, np.ndarray], shadows: dict[str, np.ndarray]) -> FiducialPairs:
    """Pairs points and shadows by name.

    Raises:
        InputError: no name is in both lists.
    """
    names = tuple(name for name in points if name in shadows)
    if not names:
        raise InputError(
            f"No fiducial has its name in both lists: the CT's are {', '.join(points)}; the radiograph's are "
            f"{', '.join(shadows)}. Give each pair the same name."
        )
    notes = []
    for where, have, lack in (("CT", points, shadows), ("radiograph", shadows, points)):
        alone = [name for name in have if name not in lack]
        if alone:
            notes.append(f"Only marked in the {where}, so not used: {', '.join(alone)}.")
    return FiducialPairs(
        names,
        np.array([points[name] for name in names]),
        np.array([shadows[name] for name in names]),
        tuple(notes),
    )


def _markups(path: Path) -> list[tuple[str, list[float]]]:
    try:
        content = json.loads(_text(path))
        rows = []
        for markup in content["markups"]:
            is_lps = _is_lps(str(markup.get("coordinateSystem", "LPS")), path)
            for point in markup["controlPoints"]:
                if point.get("positionStatus", "defined") == "defined":
                    rows.append((str(point["label"]), _in_ras(point["position"], is_lps)))
    except (KeyError, TypeError, ValueError) as err:
        raise InputError(
            f"'{path.name}' is no Markups file of Slicer ({type(err).__name__}: {err}). Give {_KNOWN}."
        ) from err
    return rows


def _fcsv(path: Path) -> list[tuple[str, list[float]]]:
    lines = _text(path).splitlines()
    said = [line.partition("=")[2].strip() for line in lines if line.startswith("# CoordinateSystem")]
    if not said:
        raise InputError(
            f"'{path.name}' does not tell its coordinate system (a line like '# CoordinateSystem = LPS'). "
            "Save the points with Slicer again."
        )
    is_lps = _is_lps(said[0], path)
    rows = []
    for fields in csv.reader(line for line in lines if line and not line.startswith("#")):
        if len(fields) <= _LABEL_IN_FCSV:
            raise InputError(
                f"'{path.name}' is no .fcsv file of Slicer: a line has {len(fields)} fields instead of "
                f"{_LABEL_IN_FCSV + 1} or more. Give {_KNOWN}."
            )
        rows.append((fields[_LABEL_IN_FCSV], _in_ras(_numbers(fields[1:4], path), is_lps)))
    return rows


def _table(path: Path, wanted: tuple[str, ...]) -> list[tuple[str, list[float]]]:
    reader = csv.DictReader(_text(path).splitlines(), skipinitialspace=True)
    columns = [name.strip() for name in reader.fieldnames or []]
    missing = [name for name in ("label", *wanted) if name not in columns]
    if missing:
        raise InputError(
            f"The table '{path.name}' lacks the columns {', '.join(missing)}; its first line is "
            f"'{', '.join(columns)}'. It should be 'label, {', '.join(wanted)}'."
        )
    reader.fieldnames = columns
    return [(str(row["label"]), _numbers([row[name] for name in wanted], path)) for row in reader]


def _numbers(fields: list[str | None], path: Path) -> list[float]:
    try:
        return [float(field) for field in fields]
    except (TypeError, ValueError) as err:
        raise InputError(
            f"'{path.name}' has a position that is no number: {fields}. Correct or remove it."
        ) from err


def _is_lps(system: str, path: Path) -> bool:
    if system not in _SYSTEMS:
        raise InputError(
            f"'{path.name}' has the coordinate system '{system}', which is not known. Save it in RAS or LPS."
        )
    return _SYSTEMS[system]


def _in_ras(position: list[float], is_lps: bool) -> list[float]:
    if len(position) != 3:
        raise ValueError(f"a position has {len(position)} numbers")
    return ras_from_lps_points(position).tolist() if is_lps else list(position)


def _named(rows: list[tuple[str, list[float]]], path: Path) -> dict[str, np.ndarray]:
    if not rows:
        raise InputError(f"'{path.name}' holds no point. Mark the fiducials and save again.")
    names = [name.strip() for name, _ in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"'{path.name}' has several points with the name {', '.join(twice)}. Give each its own name."
        )
    points = {
        name: np.array(position, dtype=np.float64) for name, (_, position) in zip(names, rows, strict=True)
    }
    bad = [name for name, point in points.items() if not np.all(np.isfinite(point))]
    if bad:
        raise InputError(f"'{path.name}' has positions that are no numbers: {', '.join(bad)}. Correct them.")
    return points


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"The file '{path}' cannot be read ({err}). Give {_KNOWN}.") from err
