"""Memory of a large projection, measured in a process of its own (Linux only)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.projection.backends import Backend
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_with_tangents

_STATUS = Path("/proc/self/status")


def memory_of_a_large_projection(size: int = 512) -> float | None:
    """Peak memory of a radiograph of size^2 pixels of size^3 voxels, with its six tangent images.

    Args:
        size: voxels along each axis, and pixels.

    Returns:
        Peak of the resident memory over the size of the volume, the volume included; None where it cannot be
        measured.
    """
    if not _STATUS.exists():
        return None
    command = [sys.executable, "-m", "DeepRegistrationLib.evaluation.projector_memory", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def _project_here(size: int) -> float:
    """The same in this process, which should have done nothing else."""
    camera = CArm(1020, 620, 0, 0, (0.6, 0.6), (size, size)).camera(np.zeros(3))
    matrix = np.eye(4)
    matrix[:3, 3] = -(size - 1) / 2
    settings = ProjectionSettings(backend=Backend.CPU_FUSED)
    # libraries and compiled kernels are there before it is measured
    small = VolumeGeometry((4, 4, 4), np.eye(4))
    project_with_tangents(torch.ones(1, 1, 4, 4, 4), small, camera.resized((8, 8)), settings=settings)
    before = _peak_bytes()
    values = torch.ones(1, 1, size, size, size)
    project_with_tangents(values, VolumeGeometry((size,) * 3, matrix), camera, settings=settings)
    return (_peak_bytes() - before) / (4 * size**3)


def _peak_bytes() -> float:
    lines = _STATUS.read_text(encoding="utf-8").splitlines()
    return float(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(f"{_project_here(int(sys.argv[1]))}\n")
