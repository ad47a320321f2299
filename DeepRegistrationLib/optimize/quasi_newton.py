"""Refinement of one pose by BFGS, for similarities that are smooth but no sum of squares."""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import OptimizeResult, minimize

from DeepRegistrationLib.geometry.rigid import left_jacobian
from DeepRegistrationLib.optimize.moving_sampler import MovingSampler
from DeepRegistrationLib.optimize.pose_batch import PoseBatch


def refine_smooth(
    pose: PoseBatch,
    offsets: torch.Tensor,
    moving: MovingSampler,
    similarity: Callable[[torch.Tensor], torch.Tensor],
    radius_mm: float,
    scaling: bool = False,
    iterations: int = 30,
    advance: Callable[[float], None] = lambda fraction: None,
) -> tuple[PoseBatch, torch.Tensor, list[float]]:
    """Maximizes a differentiable similarity over one pose.

    Args:
        pose: batch of one start pose.
        offsets: (P, 3); fixed points relative to `pose.centre_fixed` [mm].
        moving: the moving image.
        similarity: moving intensities (P,) -> value; differentiable.
        radius_mm: size of the object: one unit of the search turns its surface as far as it moves it [mm].
        scaling: also optimize one scale.
        iterations: at most.
        advance: told the fraction of iterations done; raises to stop.

    Returns:
        The refined pose (batch of one); its similarity (1,); the similarity after each iteration.
    """
    # rotation and log scale in units of mm at the surface, so that all parameters weigh alike
    units = np.array([1 / radius_mm] * 3 + [1.0] * 3 + ([1 / radius_mm] if scaling else []))
    history: list[float] = []

    def pose_at(parameters: np.ndarray) -> PoseBatch:
        return pose.retracted(torch.as_tensor(parameters * units)[None].to(offsets))

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        at = pose_at(parameters)
        values, gradients, turned = moving(at, offsets)
        values = values[0].requires_grad_()
        value = similarity(values)
        (by_value,) = torch.autograd.grad(value, values)
        columns = [torch.linalg.cross(turned[0], gradients[0], dim=-1), gradients[0]]
        if scaling:
            columns.append((turned[0] * gradients[0]).sum(-1, keepdim=True))
        derivative = (by_value @ torch.cat(columns, -1)).double().cpu().numpy()
        # the columns are for a turn from the left of where the pose is now
        derivative[:3] = derivative[:3] @ left_jacobian(torch.as_tensor(parameters[:3] * units[:3])).numpy()
        return -float(value.detach()), -derivative * units

    def after_iteration(intermediate_result: OptimizeResult) -> None:
        history.append(-float(intermediate_result.fun))
        advance(min(len(history) / iterations, 1.0))

    found = minimize(
        cost,
        np.zeros(len(units)),
        jac=True,
        method="BFGS",
        callback=after_iteration,
        # the cost is computed in float32: smaller gradients are rounding
        options={"maxiter": iterations, "gtol": 1e-6},
    )
    return pose_at(found.x), torch.tensor([-float(found.fun)]), history
