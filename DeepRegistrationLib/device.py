"""Which device torch computes on, what it is called and what memory it has."""

import sys
from pathlib import Path

import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.fetal_volume import Device


def torch_device(choice: Device) -> torch.device:
    """The device that a choice means on this machine.

    Args:
        choice: a device, or auto: CUDA if there is one, else MPS, else the CPU.

    Raises:
        RegistrationError: the chosen device does not exist here.
    """
    found = {
        Device.CPU: True,
        Device.CUDA: torch.cuda.is_available(),
        Device.MPS: torch.backends.mps.is_available(),
    }
    if choice == Device.AUTO:
        choice = next(device for device in (Device.CUDA, Device.MPS, Device.CPU) if found[device])
    if not found[choice]:
        present = ", ".join(device for device, there in found.items() if there)
        raise RegistrationError(
            f"The device '{choice}' was asked for, but this machine offers only: {present}. "
            "Choose another device, or 'auto'."
        )
    return torch.device(str(choice))


def describe_device(device: torch.device) -> str:
    """The device in words, for reports."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return device.type


def found_devices() -> dict[str, dict[str, object]]:
    """The devices of this machine, for people who have to choose one.

    Returns:
        Value of `Device` -> `title` in words, `free_mb` and `total_mb` of memory [MB], None where it is not
        told. MPS shares the memory of the CPU.
    """
    free_mb, total_mb = _main_memory_mb()
    found = {str(Device.CPU): _entry(describe_device(torch.device("cpu")), free_mb, total_mb)}
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        found[str(Device.CUDA)] = _entry(torch.cuda.get_device_name(), free / 1e6, total / 1e6)
    if torch.backends.mps.is_available():
        found[str(Device.MPS)] = _entry("graphics card of this Mac", free_mb, total_mb)
    return found


def peak_memory_mb() -> float | None:
    """Largest main memory that this process has had [MB]; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # bytes on a Mac, else KiB


def _entry(title: str, free_mb: float | None, total_mb: float | None) -> dict[str, object]:
    return {"title": title, "free_mb": free_mb, "total_mb": total_mb}


def _main_memory_mb() -> tuple[float | None, float | None]:
    """Free and total [MB]; None where the system does not tell."""
    status = Path("/proc/meminfo")
    if not status.exists():
        return None, None
    lines = dict(line.split(":") for line in status.read_text(encoding="ascii").splitlines())
    return tuple(int(lines[key].split()[0]) / 1e3 for key in ("MemAvailable", "MemTotal"))
