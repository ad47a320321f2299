"""The two sides of adversarial training, as in pix2pix."""

from enum import StrEnum

import torch
import torch.nn.functional as F


class AdversarialForm(StrEnum):
    """How a judgement is compared with what it should be."""

    CROSS_ENTROPY = "cross-entropy"
    LEAST_SQUARES = "least-squares"


def judgement_loss(logits: torch.Tensor, measured: bool, form: AdversarialForm) -> torch.Tensor:
    """How far judgements are from one answer.

    Args:
        logits: any shape; output of a discriminator.
        measured: the answer: True for measured, False for made.
        form: cross-entropy of the sigmoid, or squared difference to 1 or 0.

    Returns:
        Scalar; mean over all patches, >= 0.

    Source: cross-entropy: Isola et al., CVPR 2017, equation 1, the generator's side as in section 3.3: log D
    is maximized instead of minimizing log(1 - D). Least squares: Mao et al., ICCV 2017, as in Zhu et al.,
    ICCV 2017, section 4.
    """
    answer = torch.full_like(logits, float(measured))
    if form == AdversarialForm.LEAST_SQUARES:
        return F.mse_loss(logits, answer)
    return F.binary_cross_entropy_with_logits(logits, answer)


def discriminator_loss(
    measured_logits: torch.Tensor, made_logits: torch.Tensor, form: AdversarialForm
) -> torch.Tensor:
    """The discriminator's side: measured is measured, made is made.

    Args:
        measured_logits: judgements of measured images.
        made_logits: judgements of made images, computed without a gradient to the generator.
        form: see there.

    Returns:
        Scalar; half the sum, which slows the discriminator down (Isola et al., section 3.3).
    """
    return 0.5 * (judgement_loss(measured_logits, True, form) + judgement_loss(made_logits, False, form))


def generator_loss(
    made_logits: torch.Tensor,
    made: torch.Tensor,
    true: torch.Tensor,
    form: AdversarialForm,
    l1_weight: float = 100.0,
) -> torch.Tensor:
    """The generator's side: made should pass for measured, and be the true image.

    Args:
        made_logits: judgements of made images, with their gradient.
        made: (B, 1, J, I); output of the generator.
        true: the same shape; the image of the other contrast.
        form: see there.
        l1_weight: lambda, of the mean absolute difference.

    Returns:
        Scalar.

    Raises:
        ValueError: the two images differ in shape.

    Source: Isola et al., CVPR 2017, equations 3 and 4; lambda = 100 in their code and section 3.3.
    """
    if made.shape != true.shape:
        raise ValueError(
            f"made and true images must have one shape, got {tuple(made.shape)} and {tuple(true.shape)}"
        )
    return judgement_loss(made_logits, True, form) + l1_weight * F.l1_loss(made, true)
