"""Minimizes a differentiable function of several tensors with few evaluations."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize

_MEMORY = 30


def minimize_lbfgs(
    cost: Callable[[Mapping[str, torch.Tensor]], torch.Tensor],
    start: Mapping[str, torch.Tensor],
    iterations: int,
    watch: Callable[[int, float], None] = lambda iteration, cost: None,
    tolerance: float = 1e-7,
) -> dict[str, torch.Tensor]:
    """Finds numbers with a smaller cost.

    Args:
        cost: of all numbers by name, differentiable.
        start: name -> numbers, float64 on the CPU; all of them may change.
        iterations: at most.
        watch: told the number and the cost of each iteration; raises to stop.
        tolerance: of the relative change of the cost, at which it stops.

    Returns:
        Name -> numbers, as in `start`.
    """
    shapes = {name: numbers.shape for name, numbers in start.items()}
    done = 0

    def parts(flat: np.ndarray) -> dict[str, torch.Tensor]:
        pieces = torch.from_numpy(flat.copy()).split([shape.numel() for shape in shapes.values()])
        return {name: piece.reshape(shapes[name]) for name, piece in zip(shapes, pieces, strict=True)}

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = {name: part.requires_grad_() for name, part in parts(flat).items()}
        found = cost(numbers)
        gradients = torch.autograd.grad(found, list(numbers.values()), allow_unused=True)
        together = [
            (torch.zeros_like(part) if gradient is None else gradient).reshape(-1)
            for part, gradient in zip(numbers.values(), gradients, strict=True)
        ]
        return float(found.detach()), torch.cat(together).double().numpy()

    def after(intermediate_result: OptimizeResult) -> None:
        nonlocal done
        done += 1
        watch(done, float(intermediate_result.fun))

    first = torch.cat([numbers.reshape(-1) for numbers in start.values()]).double().numpy()
    options = {"maxiter": iterations, "maxcor": _MEMORY, "ftol": tolerance, "gtol": 1e-7, "maxls": 12}
    return parts(minimize(value, first, jac=True, method="L-BFGS-B", callback=after, options=options).x)
