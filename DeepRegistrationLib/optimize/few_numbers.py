"""Minimizes a sum of squares over some dozens of numbers that each have a prior: Levenberg-Marquardt.

Numbers are in units of about one standard deviation, so one step size serves all their differences.
"""

from collections.abc import Callable, Mapping

import torch

_STEP = 0.02
"""Of the differences [standard deviations]: images in single precision still tell such a change."""
_TOLERANCE = 1e-4
_ATTEMPTS = 4


def minimize_few(
    residuals: Callable[[Mapping[str, torch.Tensor]], torch.Tensor],
    prices: Mapping[str, float],
    start: Mapping[str, torch.Tensor],
    iterations: int,
    watch: Callable[[int, float], None] = lambda iteration, cost: None,
) -> dict[str, torch.Tensor]:
    """Finds numbers with a smaller cost: half of the squared residuals and of the squared numbers.

    Args:
        residuals: of all numbers by name, (R,) float64.
        prices: name -> factor on the squares of these numbers.
        start: name -> numbers, float64 on the CPU; all of them may change.
        iterations: at most; each takes as many evaluations as there are numbers.
        watch: told the number and the cost of each iteration; raises to stop.

    Returns:
        Name -> numbers, as in `start`.

    Source: Nocedal and Wright, Numerical Optimization, 2006, section 10.3.
    """
    shapes = {name: numbers.shape for name, numbers in start.items()}
    price = torch.cat([torch.full((numbers.numel(),), prices[name]) for name, numbers in start.items()])
    price = price.double()

    def parts(flat: torch.Tensor) -> dict[str, torch.Tensor]:
        pieces = flat.split([shape.numel() for shape in shapes.values()])
        return {name: piece.reshape(shapes[name]) for name, piece in zip(shapes, pieces, strict=True)}

    def cost_of(flat: torch.Tensor, left: torch.Tensor) -> float:
        return 0.5 * float(left @ left + (price * flat) @ flat)

    with torch.no_grad():
        place = torch.cat([numbers.reshape(-1) for numbers in start.values()]).double()
        left = residuals(parts(place))
        cost, damping = cost_of(place, left), 1e-2
        for iteration in range(1, iterations + 1):
            columns = []
            for index in range(len(place)):
                changed = place.clone()
                changed[index] += _STEP
                columns.append((residuals(parts(changed)) - left) / _STEP)
            jacobian = torch.stack(columns, -1)  # (R, P)
            curvature = jacobian.T @ jacobian + torch.diag(price)
            slope = jacobian.T @ left + price * place
            before = cost
            for _ in range(_ATTEMPTS):
                damped = curvature + damping * torch.diag(torch.diagonal(curvature))
                trial = place - torch.linalg.solve(damped, slope)
                there = residuals(parts(trial))
                if cost_of(trial, there) < cost:
                    place, left, cost, damping = trial, there, cost_of(trial, there), damping / 5
                    break
                damping *= 8
            watch(iteration, cost)
            if before - cost < _TOLERANCE * before:
                break
    return parts(place)
