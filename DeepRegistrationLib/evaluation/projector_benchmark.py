"""Time of the projector: radiograph alone and with its pose gradient, beside its peers in the same run."""

import dataclasses
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.projector_memory import memory_of_a_large_projection
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.detector_rays import rays_of_cameras
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.projection.backends import Backend
from DeepRegistrationLib.projection.index_rays import index_rays, sample_range
from DeepRegistrationLib.projection.projector import ProjectionSettings, project, project_with_tangents

_PEERS = Path(__file__).with_name("projector_peers.py")
_OURS = "this projector"
_SIZE_PX, _SIZE_VOXELS = 128, 128
# samples in the volume, mean over the rays: what the peers' users take, and about one per voxel
_SAMPLES = (200, 128)
# the pictures are compared once more with so many times the samples
_FINER = 8


@dataclass(frozen=True)
class ProjectorRow:
    """One projector with one number of samples.

    Attributes:
        projector: its name and version.
        samples: in the volume, mean over the rays.
        forward_ms: median time of a radiograph [ms].
        gradient_ms: median time of a radiograph and the gradient of a loss in its pose [ms].
        tangents_ms: of a radiograph with its six tangent images [ms]; None if there are none.
        image_difference: largest difference from our radiograph, relative to its largest value.
        fine_difference: the same with 8 times the samples.
        gradient_difference: of the gradient in the three shifts, relative to its largest entry.
    """

    projector: str
    samples: int
    forward_ms: float
    gradient_ms: float
    tangents_ms: float | None
    image_difference: float
    fine_difference: float
    gradient_difference: float


def benchmark_projector(
    ct: Path, output: Path, repeats: int = 20, peers_python: Path | None = None, report: Report = keep_going
) -> Path:
    """Times a 128 x 128 radiograph of a CT of 128^3 voxels.

    Args:
        ct: a CT in HU.
        output: folder for `projector.md` and `projector.json`.
        repeats: of each measurement; the median counts.
        peers_python: Python of an environment with nanodrr or DiffDRR; None measures this projector alone.
        report: receives progress; returns False to stop.

    Returns:
        Path of `projector.md`.

    Raises:
        InputError: the CT cannot be used.
        RegistrationError: the peers' program failed.
        Cancelled: `report` returned False.
    """
    output.mkdir(parents=True, exist_ok=True)
    volume = _attenuation(ct)
    camera = _camera(volume.geometry)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "an unknown number of"
    rows: list[ProjectorRow] = []
    for number, samples in enumerate(_SAMPLES):
        if not report(Progress(number / (len(_SAMPLES) + 1), f"Timing {samples} samples per ray")):
            raise Cancelled("timing")
        rows += _measure(volume, camera, samples, repeats, peers_python)
    if not report(Progress(len(_SAMPLES) / (len(_SAMPLES) + 1), "Timing a batch of small radiographs")):
        raise Cancelled("timing")
    per_second = _poses_per_second(volume, camera, repeats)
    memory = memory_of_a_large_projection()
    facts = {"poses_per_second_32": per_second, "memory_512": memory}
    content = {"rows": [dataclasses.asdict(row) for row in rows], **facts}
    (output / "projector.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    path = output / "projector.md"
    path.write_text(_table(rows, volume.name, load, per_second, memory), encoding="utf-8")
    return path


def _attenuation(ct: Path) -> Volume:
    """The CT in a cube of 128^3 voxels that holds it, as attenuation [1/mm]; zero in air."""
    image = read_volume(ct)
    spacing = float(image.geometry.extent_mm.max()) / _SIZE_VOXELS
    matrix = np.diag([spacing, spacing, spacing, 1.0])
    matrix[:3, 3] = image.geometry.centre_ras - spacing * (_SIZE_VOXELS - 1) / 2
    grid = VolumeGeometry((_SIZE_VOXELS,) * 3, matrix)
    cube = resample(image, grid, outside=-1000.0)
    return cube.with_values((cube.values / 1000 + 1).clamp(min=0) * 0.02)


def _camera(geometry: VolumeGeometry) -> Camera:
    """The C-arm of the paper: 298 mm wide detector, 1020 mm from the source, 400 mm behind the middle."""
    spacing = 1536 * 0.194 / _SIZE_PX
    c_arm = CArm(1020, 620, 10, -5, (spacing, spacing), (_SIZE_PX, _SIZE_PX))
    # a right-handed camera, as the peers have it
    return c_arm.camera(geometry.centre_ras).flipped(columns=True)


def _measure(
    volume: Volume, camera: Camera, samples: int, repeats: int, peers_python: Path | None
) -> list[ProjectorRow]:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(camera.shape_px, generator=generator)
    values = volume.values[None, None]
    first, last = _slab(volume, camera)
    steps = round(samples / float((last - first).clamp(min=0).mean()))  # from source to detector
    settings, fine = _settings(steps), _settings(_FINER * steps)

    def forward(settings: ProjectionSettings = settings) -> torch.Tensor:
        with torch.no_grad():
            return project(values, volume.geometry, camera, settings=settings)[0, 0]

    def gradient() -> torch.Tensor:
        pose = torch.eye(4, dtype=torch.float64)[None].requires_grad_()
        image = project(values, volume.geometry, camera, pose, settings)
        (image[0, 0] * weights).sum().backward()
        return pose.grad[0, :3, 3]

    def tangents() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            return project_with_tangents(values, volume.geometry, camera, settings=settings)

    image, fine_image, shift = forward(), forward(fine), gradient()
    tangents()
    ours = ProjectorRow(
        _OURS, samples, _median_ms(forward, repeats), _median_ms(gradient, repeats),
        _median_ms(tangents, repeats), 0.0, 0.0, 0.0,
    )  # fmt: skip
    if peers_python is None:
        return [ours]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "input.npz", Path(folder) / "output.npz"
        np.savez(
            source,
            values=volume.values.numpy(),
            ras_from_ijk=volume.geometry.ras_from_ijk,
            intrinsic=camera.intrinsic_matrix,
            world_from_camera=camera.world_from_camera,
            source_to_detector_mm=camera.source_to_detector_mm,
            weights=weights.numpy(),
            steps=steps,
            points_in_volume=samples,
            # on the grid of our samples, around all that lie in the volume
            slab=np.array([np.floor(float(first.min()) * steps), np.ceil(float(last.max()) * steps)]) / steps,
            finer=_FINER,
            repeats=repeats,
            threads=torch.get_num_threads(),
        )
        command = [str(peers_python), str(_PEERS), str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RegistrationError(
                f"The other projectors could not be timed: {done.stderr.strip()[-500:]} "
                f"Check the environment of '{peers_python}'."
            )
        found = dict(np.load(target))
    peers = []
    for name in ("nanodrr", "diffdrr"):
        if f"{name}_image" not in found:
            continue
        other, fine_other = (torch.from_numpy(found[f"{name}_{kind}"]) for kind in ("image", "fine_image"))
        # moving the camera one way is moving the volume the other way
        other_shift = -torch.from_numpy(found[f"{name}_gradient"]).double()
        peers.append(
            ProjectorRow(
                f"{name} {found[f'{name}_version']}",
                samples,
                float(np.median(found[f"{name}_forward_s"])) * 1000,
                float(np.median(found[f"{name}_gradient_s"])) * 1000,
                None,
                float((other - image).abs().max() / image.max()),
                float((fine_other - fine_image).abs().max() / fine_image.max()),
                float((other_shift - shift).abs().max() / shift.abs().max()),
            )
        )
    return [ours, *peers]


def _settings(steps: int) -> ProjectionSettings:
    # DiffDRR samples at both ends of each step, so a sample lies at the beginning of each of ours
    return ProjectionSettings(samples=steps, phase=0.0, backend=Backend.CPU_FUSED)


def _slab(volume: Volume, camera: Camera) -> tuple[torch.Tensor, torch.Tensor]:
    """Fractions between which the rays are in the volume, each (1, rows, columns)."""
    maps = torch.from_numpy(volume.geometry.ijk_from_ras)[None]
    rays = index_rays(rays_of_cameras(camera), maps, torch.ones(1, dtype=torch.float64), 0.0)
    return sample_range(rays, volume.geometry.shape_kji)


def _median_ms(function: Callable, repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds)) * 1000


def _poses_per_second(volume: Volume, camera: Camera, repeats: int) -> float:
    """Radiographs of 32 x 32 pixels, 64 poses at once, steps of one voxel."""
    twists = 0.2 * torch.randn(64, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    small = camera.resized((32, 32))
    settings = ProjectionSettings(backend=Backend.CPU_FUSED)

    def render() -> None:
        with torch.no_grad():
            project(volume.values[None, None], volume.geometry, small, se3_exp(twists), settings)

    render()
    return 64_000 / _median_ms(render, repeats)


def _table(rows: list[ProjectorRow], name: str, load: str, per_second: float, memory: float | None) -> str:
    lines = [
        "# Radiograph of a CT: time",
        "",
        f"{_SIZE_PX} x {_SIZE_PX} pixels, {_SIZE_VOXELS}^3 voxels ({name}), {platform.machine()}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}; {load} programs wanted a core when "
        "it began. Medians. All projectors get the same rays and the same number of samples in the volume. "
        "DiffDRR takes exactly ours; nanodrr spreads its own evenly over the part of each ray in the volume, "
        f"so its picture is the same only up to the sampling, which {_FINER} times the samples show.",
        "",
        "| projector | samples | radiograph [ms] | slower | with pose gradient [ms] | slower "
        f"| with six tangents [ms] | picture differs | with {_FINER} times the samples | gradient differs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours = next(r for r in rows if r.samples == row.samples and r.projector == _OURS)
        tangents = "-" if row.tangents_ms is None else f"{row.tangents_ms:.2f}"
        lines.append(
            f"| {row.projector} | {row.samples} "
            f"| {row.forward_ms:.2f} | {row.forward_ms / ours.forward_ms:.1f}x "
            f"| {row.gradient_ms:.2f} | {row.gradient_ms / ours.gradient_ms:.1f}x | {tangents} "
            f"| {row.image_difference:.1e} | {row.fine_difference:.1e} | {row.gradient_difference:.1e} |"
        )
    lines.append("")
    lines.append(f"32 x 32 pixels, 64 poses at once, one voxel per step: {per_second:.0f} per second.")
    if memory is not None:
        lines.append(
            f"512 x 512 pixels of 512^3 voxels with the six tangents take {memory:.2f} times the volume's "
            "memory, the volume included."
        )
    return "\n".join(lines) + "\n"
