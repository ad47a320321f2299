"""Losses of the unpaired contrast transfer: there and back again, and no change where none is needed."""

import torch
import torch.nn.functional as F


def cycle_loss(
    first: torch.Tensor, first_again: torch.Tensor, second: torch.Tensor, second_again: torch.Tensor
) -> torch.Tensor:
    """Cycle consistency: translated to the other contrast and back, each image is itself again.

    Args:
        first: (B, 1, J, I); images of one contrast.
        first_again: F(G(first)).
        second: (B', 1, J, I); images of the other contrast, of other brains.
        second_again: G(F(second)).

    Returns:
        Scalar; sum of the two mean absolute differences.

    Raises:
        ValueError: an image and its return differ in shape.

    Source: Zhu et al., ICCV 2017, equation 2.
    """
    return _mean_difference(first, first_again) + _mean_difference(second, second_again)


def identity_loss(
    first: torch.Tensor, first_kept: torch.Tensor, second: torch.Tensor, second_kept: torch.Tensor
) -> torch.Tensor:
    """An image that is already of the wanted contrast stays as it is.

    Args:
        first: (B, 1, J, I); images of the contrast that F makes.
        first_kept: F(first).
        second: (B', 1, J, I); images of the contrast that G makes.
        second_kept: G(second).

    Returns:
        Scalar; sum of the two mean absolute differences.

    Raises:
        ValueError: an image and its output differ in shape.

    Source: Zhu et al., ICCV 2017, section 5.2, "photo generation from paintings".
    """
    return _mean_difference(first, first_kept) + _mean_difference(second, second_kept)


def unpaired_generator_loss(
    adversarial: torch.Tensor,
    cycle: torch.Tensor,
    identity: torch.Tensor,
    cycle_weight: float = 10.0,
    identity_share: float = 0.5,
) -> torch.Tensor:
    """What both generators minimize together.

    Args:
        adversarial: scalar; sum of both generators' `judgement_loss`.
        cycle: scalar; `cycle_loss`.
        identity: scalar; `identity_loss`.
        cycle_weight: lambda.
        identity_share: weight of the identity relative to lambda.

    Returns:
        Scalar.

    Source: Zhu et al., ICCV 2017, equation 3; lambda = 10 in section 4, identity 0.5 lambda in section 5.2.
    """
    return adversarial + cycle_weight * (cycle + identity_share * identity)


def _mean_difference(image: torch.Tensor, again: torch.Tensor) -> torch.Tensor:
    if image.shape != again.shape:
        raise ValueError(
            f"an image and its return must have one shape, got {tuple(image.shape)} and {tuple(again.shape)}"
        )
    return F.l1_loss(again, image)
