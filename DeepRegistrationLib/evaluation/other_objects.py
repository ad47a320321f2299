"""Does the confidence catch what is no fetal brain? CTs, organs cut out of CTs, ellipsoids and noise."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from DeepRegistrationLib.atlases.brain_growth import brain_volume_ml
from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register
from DeepRegistrationLib.workflows.result import Trust

_CUTS_PER_CT = 6
_ELLIPSOIDS_PER_KIND = 5
_KINDS = ("CT as it is", "organs cut out of a CT", "smooth ellipsoid", "textured ellipsoid", "noise")


@dataclass(frozen=True)
class Verdict:
    """What the registration said of one object.

    Attributes:
        kind: of object.
        name: of the object.
        confidence: 0 to 1; 0 if it was refused.
        trust: the confidence in one word, or "refused".
        reason: sentence for the user.
    """

    kind: str
    name: str
    confidence: float
    trust: str
    reason: str


def run_other_objects(
    data: Path, output: Path, seed: int = 0, device: Device = Device.AUTO, report: Report = keep_going
) -> Path:
    """Registers objects that are no fetal brain and counts those that are trusted.

    Args:
        data: folder with the public images: `fetal-brain/sta` and `ct-bone`.
        output: folder for `other_objects.csv` and `other_objects.md`.
        seed: of positions, sizes and textures.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Returns:
        Path of `other_objects.md`.

    Raises:
        InputError: the images are not there.
        Cancelled: `report` returned False.
    """
    atlas = FetalAtlas.from_folder(data / "fetal-brain" / "sta")
    scans = sorted((data / "ct-bone").rglob("*_ct*.nii.gz"))
    if not scans:
        raise InputError(
            f"No CT was found in '{data / 'ct-bone'}'. Choose the folder with the public images."
        )
    total = len(scans) * (1 + _CUTS_PER_CT) + 3 * _ELLIPSOIDS_PER_KIND
    verdicts: list[Verdict] = []
    for kind, volume in _objects(scans, np.random.default_rng(seed)):
        if not report(Progress(len(verdicts) / total, f"{kind}: {volume.name}")):
            raise Cancelled
        verdicts.append(_judge(kind, volume, atlas, FetalVolumeSettings(device=device)))
    output.mkdir(parents=True, exist_ok=True)
    with (output / "other_objects.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Verdict.__dataclass_fields__))
        writer.writeheader()
        writer.writerows(asdict(verdict) for verdict in verdicts)
    path = output / "other_objects.md"
    path.write_text(_table(verdicts), encoding="utf-8")
    return path


def _judge(kind: str, volume: Volume, atlas: FetalAtlas, settings: FetalVolumeSettings) -> Verdict:
    try:
        confidence = register(FetalVolumeInputs(volume, None, atlas), settings).confidence
    except RegistrationError as err:
        return Verdict(kind, volume.name, 0.0, "refused", str(err))
    return Verdict(kind, volume.name, confidence.value, str(confidence.trust), confidence.reason)


def _objects(scans: list[Path], generator: np.random.Generator) -> Iterator[tuple[str, Volume]]:
    for path in scans:
        scan = read_volume(path)
        yield _KINDS[0], scan
        scan = downsample(scan, np.maximum(scan.geometry.spacing_mm, 2.0))
        for number in range(_CUTS_PER_CT):
            yield _KINDS[1], _cut_out(scan, number, generator)
    for number in range(_ELLIPSOIDS_PER_KIND):
        yield _KINDS[2], _ellipsoid(f"smooth {number}", 0.0, generator)
        yield _KINDS[3], _ellipsoid(f"textured {number}", float(generator.uniform(1, 8)), generator)
        values = torch.as_tensor(generator.uniform(0, 1000, (90, 90, 90)).astype(np.float32))
        yield _KINDS[4], Volume(values, VolumeGeometry(values.shape, np.eye(4)), f"noise {number}")


def _semi_axes_mm(generator: np.random.Generator) -> np.ndarray:
    """Semi-axes of an ellipsoid as large and as long as a fetal brain of some age [mm]."""
    volume_mm3 = 1000 * brain_volume_ml(float(generator.uniform(23, 37)))
    proportions = np.array([1.0, generator.uniform(1.05, 1.35), generator.uniform(0.85, 1.05)])
    return proportions * (3 * volume_mm3 / (4 * np.pi * proportions.prod())) ** (1 / 3)


def _cut_out(scan: Volume, number: int, generator: np.random.Generator) -> Volume:
    """An ellipsoid of the size of a brain, anywhere in the body; air is background."""
    tissue = torch.nonzero(scan.values > -200).numpy()[:, ::-1]
    centre_ijk = tissue[generator.integers(len(tissue))]
    centre = scan.geometry.ras_from_ijk[:3, :3] @ centre_ijk + scan.geometry.ras_from_ijk[:3, 3]
    from_centre = ras_grid(scan.geometry, dtype=torch.float64) - torch.as_tensor(centre)
    inside = (from_centre / torch.as_tensor(_semi_axes_mm(generator))).square().sum(-1) < 1
    values = (scan.values + 1000).clamp(0, 1500) * inside
    volume = Volume(values.float(), scan.geometry, f"{scan.name} part {number}")
    return cropped(volume, box_around(inside, scan.geometry, margin_mm=20.0))


def _ellipsoid(name: str, texture_mm: float, generator: np.random.Generator) -> Volume:
    geometry = VolumeGeometry((128, 128, 128), np.diag([1.0, 1.0, 1.0, 1.0]))
    points = ras_grid(geometry, dtype=torch.float64).numpy() - 63.5
    inside = ((points / _semi_axes_mm(generator)) ** 2).sum(-1) < 1
    if texture_mm:
        texture = gaussian_filter(generator.standard_normal(inside.shape), texture_mm)
        values = (500 + 120 * texture / texture.std()) * inside
    else:
        direction = generator.standard_normal(3)
        values = (500 + 200 * np.sin(points @ direction / 40)) * inside
    return Volume(torch.as_tensor(np.clip(values, 0, None).astype(np.float32)), geometry, name)


def _table(verdicts: list[Verdict]) -> str:
    lines = [
        "# What is no fetal brain",
        "",
        "Objects registered as if they were fetal brains, without mask or age. High and moderate confidence",
        "end with exit code 0, low confidence with 4, refused images with 2.",
        "",
        "| objects | n | high | moderate | low | refused | largest confidence |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in _KINDS:
        group = [verdict for verdict in verdicts if verdict.kind == kind]
        if group:
            counts = [sum(v.trust == word for v in group) for word in (*Trust, "refused")]
            largest = max(verdict.confidence for verdict in group)
            lines.append(f"| {kind} | {len(group)} | " + " | ".join(map(str, counts)) + f" | {largest:.2f} |")
    return "\n".join(lines) + "\n"
