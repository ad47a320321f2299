"""The three ways in which line integrals are computed, and which of them runs where."""

from collections.abc import Callable
from enum import StrEnum
from types import ModuleType

import torch

from DeepRegistrationLib.errors import RegistrationError


class Backend(StrEnum):
    """How line integrals are computed; the numbers are the same."""

    AUTO = "auto"
    TORCH = "torch"
    CPU_FUSED = "cpu-fused"
    CUDA_FUSED = "cuda-fused"


def backend_module(choice: Backend, values: torch.Tensor) -> ModuleType:
    """The module with `forward` and `adjoint` for a volume.

    Args:
        choice: a backend; AUTO takes the fused one of the device if it can run, else plain torch.
        values: the volume; its device and type decide.

    Raises:
        RegistrationError: the chosen backend cannot run here.
    """
    from DeepRegistrationLib.projection import cpu_fused, cuda_fused, torch_reference

    known_type = values.dtype in (torch.float32, torch.float64)
    reasons = {
        Backend.CPU_FUSED: _obstacle(values, "cpu", known_type, "numba", cpu_fused.is_available),
        Backend.CUDA_FUSED: _obstacle(values, "cuda", known_type, "triton", cuda_fused.is_available),
        Backend.TORCH: None,
    }
    if choice == Backend.AUTO:
        choice = next(backend for backend, reason in reasons.items() if reason is None)
    if reasons[choice] is not None:
        possible = ", ".join(backend for backend, reason in reasons.items() if reason is None)
        raise RegistrationError(
            f"The projector '{choice}' cannot be used: {reasons[choice]}. Choose one of: auto, {possible}."
        )
    modules = {
        Backend.CPU_FUSED: cpu_fused,
        Backend.CUDA_FUSED: cuda_fused,
        Backend.TORCH: torch_reference,
    }
    return modules[choice]


def _obstacle(
    values: torch.Tensor, device: str, known_type: bool, package: str, available: Callable[[], bool]
) -> str | None:
    if values.device.type != device:
        return f"the volume is on '{values.device.type}' and not on '{device}'"
    if not known_type:
        return f"the volume holds {values.dtype} and not float32 or float64"
    if not available():
        return f"the package '{package}' is not installed"
    return None
