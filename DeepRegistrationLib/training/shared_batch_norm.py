"""Batch normalization over the samples of all processes, on every device.

torch's own synchronized version refuses tensors on the CPU; with it alone, training in several processes
could not be tested where there is no graphics card, and would differ from training in one.
"""

import torch
import torch.distributed as dist
from torch import nn


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Drop-in for `nn.BatchNorm1d`, `2d` and `3d`: the same parameters and buffers.

    Statistics are of all samples of all processes, which hold equally many each.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Normalizes (B, C, ...)."""
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(values)
        axes = [0, *range(2, values.ndim)]
        wide = values.float()
        sums = torch.stack([wide.mean(axes), wide.square().mean(axes)])
        mean, square = _SumOverProcesses.apply(sums) / dist.get_world_size()
        variance = (square - mean.square()).clamp(min=0)
        with torch.no_grad():
            count = values.numel() // values.shape[1] * dist.get_world_size()
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / max(count - 1, 1), self.momentum)
        shape = (1, -1, *(1,) * (values.ndim - 2))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (wide * scale.view(shape) + (self.bias - mean * scale).view(shape)).to(values.dtype)

    def _check_input_dim(self, values: torch.Tensor) -> None:
        """Any number of axes."""


class _SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes; so every process's loss depends on every process's tensor."""

    @staticmethod
    def forward(context: object, values: torch.Tensor) -> torch.Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: object, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def share_batch_norms(module: nn.Module) -> None:
    """Makes every batch normalization in a module a shared one, in place; parameters stay what they are."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            layer.__class__ = SharedBatchNorm
