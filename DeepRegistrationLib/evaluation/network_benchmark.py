"""Time of the networks per volume, in a process that has loaded them, beside a registration by intensity."""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.evaluation.benchmark import BenchmarkCase, public_cases
from DeepRegistrationLib.evaluation.installed_models import check_models, models_of
from DeepRegistrationLib.evaluation.timed_worker import busy_programs, machine_text, timed_worker
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import Job, JobKind, write_job
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.fetal_networks import (
    CORRECTION_NET,
    POSE_NET,
    correct_pose,
    estimate_pose,
)
from DeepRegistrationLib.workflows.fetal_volume_baselines import register_baseline
from DeepRegistrationLib.workflows.prepared_atlas import prepare_atlas
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain

_WARM_UP = 3
_PEER_REPEATS = 3
_JOBS = 3
_WEEK_WITHOUT_AGE = 30.0


@dataclass(frozen=True)
class NetworkTimes:
    """What was measured for one volume; medians.

    Attributes:
        case: its name.
        prepare_ms: mask, crop and scale the image in memory [ms].
        pose_net_ms: Pose-Net on the prepared brain, its cube included [ms].
        correction_net_ms: Correction-Net after it, twice, with the cubes that it sees [ms].
        networks_ms: both, one after the other [ms].
        slowest_ms: the slowest repetition of both [ms].
        job_s: the whole job `correction-net` in a running worker, from reading the files to the report [s].
        peer_s: SimpleITK's registration by mutual information from aligned centres, `vvr-gc`, on the same
            prepared brains [s].
    """

    case: str
    prepare_ms: float
    pose_net_ms: float
    correction_net_ms: float
    networks_ms: float
    slowest_ms: float
    job_s: float
    peer_s: float

    @property
    def ratio(self) -> float:
        """How many times faster the networks are than the peer."""
        return 1000 * self.peer_s / self.networks_ms


def benchmark_networks(
    data: Path, output: Path, repeats: int = 20, device: Device = Device.AUTO, report: Report = keep_going
) -> Path:
    """Times Pose-Net and Correction-Net.

    Args:
        data: folder with the public images: `sta`, `spina-bifida-atlas`, `mial-sub01`.
        output: folder for `networks_time.md` and `networks_time.json`.
        repeats: of each step in one process; the first few calls are not counted.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Returns:
        Path of `networks_time.md`.

    Raises:
        InputError: an image or a network is missing.
        RegistrationError: the device is not there, or a job failed.
        Cancelled: `report` returned False.
        ValueError: no repetition.
    """
    if repeats < 1:
        raise ValueError(f"something has to be timed, got {repeats} repetitions")
    check_models([FetalVolumeMethod.CORRECTION_NET])
    cases = public_cases(data)
    where = torch_device(device)
    load = busy_programs()
    output.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, case in enumerate(cases):
        if not report(Progress(number / len(cases), f"Timing: {case.name}")):
            raise Cancelled(case.name)
        rows.append(_measure(case, repeats, device, where))
    (output / "networks_time.json").write_text(
        json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8"
    )
    path = output / "networks_time.md"
    models = models_of(FetalVolumeMethod.CORRECTION_NET)
    path.write_text(_page(rows, load, repeats, describe_device(where), models), encoding="utf-8")
    return path


def _measure(case: BenchmarkCase, repeats: int, device: Device, where: torch.device) -> NetworkTimes:
    image = read_volume(case.files.moving)
    mask = find_brain_mask(image) if case.files.mask is None else read_volume(case.files.mask, labels=True)
    week = case.gestational_age_weeks or _WEEK_WITHOUT_AGE
    atlas = prepare_atlas(FetalAtlas.from_folder(case.files.atlas_dir).nearest(week)[0], where).brain
    subject = prepare_brain(image, mask, where)
    scale = subject.radius_mm / atlas.radius_mm
    pose_net, correction_net = load_model(POSE_NET, where), load_model(CORRECTION_NET, where)
    first = estimate_pose(atlas, subject, scale, pose_net)

    def both() -> None:
        correct_pose(atlas, subject, estimate_pose(atlas, subject, scale, pose_net), correction_net)

    def peer() -> None:
        register_baseline(
            subject.image,
            subject.mask,
            atlas.image,
            atlas.mask,
            FetalVolumeMethod.VVR_GC,
            0,
            lambda fraction: None,
        )

    networks = _times_s(both, repeats, where)
    return NetworkTimes(
        case=case.name,
        prepare_ms=_median_ms(_times_s(lambda: prepare_brain(image, mask, where), repeats, where)),
        pose_net_ms=_median_ms(
            _times_s(lambda: estimate_pose(atlas, subject, scale, pose_net), repeats, where)
        ),
        correction_net_ms=_median_ms(
            _times_s(lambda: correct_pose(atlas, subject, first, correction_net), repeats, where)
        ),
        networks_ms=_median_ms(networks),
        slowest_ms=1000 * max(networks),
        job_s=_job_s(case, device),
        peer_s=float(np.median(_times_s(peer, _PEER_REPEATS, where, warm_up=0))),
    )


def _times_s(
    work: Callable[[], object], repeats: int, where: torch.device, warm_up: int = _WARM_UP
) -> list[float]:
    """Wall times [s], without those of the first calls."""
    times = []
    for _ in range(warm_up + repeats):
        started = time.perf_counter()
        work()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        times.append(time.perf_counter() - started)
    return times[warm_up:]


def _median_ms(times_s: Sequence[float]) -> float:
    return 1000 * float(np.median(times_s))


def _job_s(case: BenchmarkCase, device: Device) -> float:
    """Median of the jobs after the first one in a worker [s]."""
    settings = FetalVolumeSettings(
        method=FetalVolumeMethod.CORRECTION_NET,
        gestational_age_weeks=case.gestational_age_weeks,
        device=device,
    )
    with tempfile.TemporaryDirectory() as name, timed_worker() as worker:
        seconds = []
        for number in range(1 + _JOBS):
            job = Path(name) / f"job{number}.json"
            write_job(Job(JobKind.FETAL_VOLUME, case.files, settings, Path(name) / f"result{number}"), job)
            seconds.append(worker.seconds_for(job))
    return float(np.median(seconds[1:]))


def _page(rows: Sequence[NetworkTimes], load: str, repeats: int, device: str, models: str) -> str:
    lines = [
        "# Pose-Net and Correction-Net: time per volume",
        "",
        f"{machine_text(load)} torch {torch.__version__} on {device}. Networks: "
        f"{models}. Medians of {repeats} repetitions in a process that "
        "has loaded the networks, after a few that are not counted. The cubes that the networks see are made "
        "within the times.",
        "",
        "The peer is the registration by mutual information of SimpleITK from aligned centres (`vvr-gc`, the "
        "baseline of the paper), on the same prepared brains in the same run; from most orientations it ends "
        "in a wrong pose. The paper's table 3 has 553 s for its own and 0.08 s for the resampling between "
        "its networks, on a graphics card.",
        "",
        "| case | prepare the brain [ms] | Pose-Net [ms] | Correction-Net, twice [ms] "
        "| both networks [ms] | slowest [ms] | whole job in a worker [s] | SimpleITK [s] "
        "| SimpleITK / networks |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.case} | {row.prepare_ms:.0f} | {row.pose_net_ms:.0f} | {row.correction_net_ms:.0f} "
        f"| {row.networks_ms:.0f} | {row.slowest_ms:.0f} | {row.job_s:.2f} | {row.peer_s:.2f} "
        f"| {row.ratio:.0f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
