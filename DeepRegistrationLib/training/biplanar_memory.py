"""Memory of one training step of the biplanar network, measured in a process of its own (Linux only)."""

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_synthesis import BiplanarPatients, grid_around
from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.networks.biplanar_views import LAPTOP, PAPER, BiplanarSize
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.training.biplanar_recipe import BiplanarNetRecipe
from DeepRegistrationLib.training.biplanar_samples import BiplanarData

PAPER_GB = 18.7
_STATUS = Path("/proc/self/status")
_SIZES = {"paper": PAPER, "laptop": LAPTOP}
_PRECISIONS = {"32-true": None, "bf16-mixed": torch.bfloat16}


@dataclass(frozen=True)
class MemoryCase:
    """What one step is measured with.

    Attributes:
        size: "paper" or "laptop"; see `networks/biplanar_views.py`.
        precision: of lightning.
        device: where it is computed.
        limit_gb: memory that the process may take at most, on the CPU; 0 is no limit.
    """

    size: str = "paper"
    precision: str = "32-true"
    device: Device = Device.AUTO
    limit_gb: float = 0.0


@dataclass(frozen=True)
class StepMemory:
    """What was measured.

    Attributes:
        peak_gb: largest memory of the process on the CPU, or that torch reserved on the graphics card.
        before_gb: the same with libraries, network and patient loaded, before the step.
        seconds: of the step.
        device: in words.
    """

    peak_gb: float
    before_gb: float
    seconds: float
    device: str


def measure_step_memory(case: MemoryCase) -> StepMemory:
    """One step with a batch of one, in a new process.

    Raises:
        RegistrationError: it cannot be measured on this system, or the memory was not enough.
    """
    if not _STATUS.exists():
        raise RegistrationError("Memory can be measured on Linux only: /proc/self/status is missing.")
    command = [sys.executable, "-m", "DeepRegistrationLib.training.biplanar_memory"]
    done = subprocess.run([*command, json.dumps(asdict(case))], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise RegistrationError(
            f"A training step of the size '{case.size}' was not possible: {last}. Free some memory, or "
            "choose a smaller size."
        )
    return StepMemory(**json.loads(done.stdout.splitlines()[-1]))


def benchmark_biplanar_memory(
    cases: tuple[MemoryCase, ...], output: Path, report: Report = keep_going
) -> Path:
    """Measures steps and writes `biplanar_memory.md`.

    Args:
        cases: what is measured.
        output: folder.
        report: receives progress; returns False to stop.

    Raises:
        RegistrationError: as `measure_step_memory`.
        Cancelled: `report` returned False.
    """
    rows = []
    for number, case in enumerate(cases):
        text = f"one step: {case.size}, {case.precision}"
        if not report(Progress(number / len(cases), text)):
            raise Cancelled(text)
        found = measure_step_memory(case)
        rows.append(
            [
                case.size,
                case.precision,
                f"{found.peak_gb:.1f}",
                f"{found.before_gb:.1f}",
                f"{found.seconds:.0f}",
                found.device,
            ]
        )
    rows.append(["paper", "not told", f"{PAPER_GB}", "-", "-", "NVIDIA A100 (TensorFlow), published"])
    output.mkdir(parents=True, exist_ok=True)
    path = output / "biplanar_memory.md"
    head = ["size", "precision", "peak [GB]", "before the step [GB]", "step [s]", "device"]
    text = (
        "# Memory of one training step of the biplanar network\n\nBoth modules, batch of one: sample made, "
        "loss, gradient, Adam. On the CPU the peak is that of the whole process, libraries included.\n\n"
    )
    path.write_text(text + table(head, rows) + "\n", encoding="utf-8")
    return path


def _step_here(case: MemoryCase) -> StepMemory:
    """The same in this process, which should have done nothing else."""
    if case.limit_gb:
        resource.setrlimit(resource.RLIMIT_AS, (int(case.limit_gb * 1e9),) * 2)
    device, size = torch_device(case.device), _SIZES[case.size]
    recipe = BiplanarNetRecipe(size=size)
    network = recipe.network().to(device)
    data = _one_patient(size, device)
    optimizer = torch.optim.Adam(network.parameters())
    before, started = _peak_gb(device), time.perf_counter()
    with torch.no_grad():
        batch = recipe.draw(data, 1, torch.Generator(device).manual_seed(0))
    kind = _PRECISIONS[case.precision]

    def in_precision(*inputs: object) -> object:
        with torch.autocast(device.type, kind or torch.bfloat16, enabled=kind is not None):
            return network(*inputs)

    recipe.loss(in_precision, batch, 0).value.backward()
    optimizer.step()
    peak = _peak_gb(device)  # of a graphics card: waits for nothing, memory is reserved already
    return StepMemory(peak, before, time.perf_counter() - started, describe_device(device))


def _one_patient(size: BiplanarSize, device: torch.device) -> BiplanarData:
    """A ball of bone who is his own atlas: the numbers do not change what memory is taken."""
    grid = grid_around(VolumeGeometry((2, 2, 2), np.eye(4)), size)
    offset = ras_grid(grid) - torch.from_numpy(grid.centre_ras).float()
    inside = (offset.square().sum(-1) < 30.0**2)[None]
    patients = BiplanarPatients(
        grid,
        inside.half().to(device),
        inside.to(torch.uint8).to(device),
        0.04 * inside[None].float().to(device),
        inside[None].to(torch.uint8).to(device),
    )
    return BiplanarData(patients, patients)


def _peak_gb(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 1e9
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024 / 1e9


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_step_here(MemoryCase(**json.loads(sys.argv[1]))))) + "\n")
