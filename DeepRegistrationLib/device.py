"""Which device torch computes on."""

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
