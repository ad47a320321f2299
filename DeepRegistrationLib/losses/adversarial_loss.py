"""The two sides of adversarial training, as in pix2pix."""

from dataclasses import dataclass
from enum import StrEnum

import torch
import torch.nn.functional as F


class AdversarialForm(StrEnum):
    """How a judgement is compared with what it should be."""

    CROSS_ENTROPY = "cross-entropy"
    LEAST_SQUARES = "least-squares"


@dataclass(frozen=True, eq=False)
class Judgements:
    """What a discriminator says; all are (B, 1, j, i).

    Attributes:
        for_generator: logits that a patch of a made slice was measured; gradient for the generator only.
        of_made: the same numbers; gradient for the discriminator only.
        of_true: logits of measured slices.
        made_counted: 0 or 1; which patches of made slices count.
        true_counted: 0 or 1; which patches of measured slices count.
    """

    for_generator: torch.Tensor
    of_made: torch.Tensor
    of_true: torch.Tensor
    made_counted: torch.Tensor
    true_counted: torch.Tensor


def judgement_loss(
    logits: torch.Tensor, measured: bool, form: AdversarialForm, counted: torch.Tensor | None = None
) -> torch.Tensor:
    """How far judgements are from one answer.

    Args:
        logits: any shape; output of a discriminator.
        measured: the answer: True for measured, False for made.
        form: cross-entropy of the sigmoid, or squared difference to 1 or 0.
        counted: the same shape, 0 or 1; which judgements count: of background there is nothing to judge. None
            counts all.

    Returns:
        Scalar; mean over the patches that count, >= 0.

    Source: cross-entropy: Isola et al., CVPR 2017, equation 1, the generator's side as in section 3.3: log D
    is maximized instead of minimizing log(1 - D). Least squares: Mao et al., ICCV 2017, as in Zhu et al.,
    ICCV 2017, section 4.
    """
    answer = torch.full_like(logits, float(measured))
    if form == AdversarialForm.LEAST_SQUARES:
        loss = F.mse_loss(logits, answer, reduction="none")
    else:
        loss = F.binary_cross_entropy_with_logits(logits, answer, reduction="none")
    return _mean(loss, counted)


def discriminator_loss(judgements: Judgements, form: AdversarialForm) -> torch.Tensor:
    """The discriminator's side: measured is measured, made is made.

    Args:
        judgements: of both.
        form: see there.

    Returns:
        Scalar; half the sum, which slows the discriminator down (Isola et al., section 3.3).
    """
    of_true = judgement_loss(judgements.of_true, True, form, judgements.true_counted)
    of_made = judgement_loss(judgements.of_made, False, form, judgements.made_counted)
    return 0.5 * (of_true + of_made)


def deception_loss(judgements: Judgements, form: AdversarialForm) -> torch.Tensor:
    """The generator's side: made should pass for measured.

    Args:
        judgements: of made images.
        form: see there.

    Returns:
        Scalar.
    """
    return judgement_loss(judgements.for_generator, True, form, judgements.made_counted)


def paired_generator_loss(
    judgements: Judgements,
    made: torch.Tensor,
    true: torch.Tensor,
    mask: torch.Tensor,
    form: AdversarialForm,
    l1_weight: float = 100.0,
) -> torch.Tensor:
    """What a generator minimizes that is trained on pairs: made passes for measured, and is the true image.

    Args:
        judgements: of made images.
        made: (B, 1, J, I); output of the generator.
        true: the same shape; the image of the other contrast.
        mask: the same shape, 0 or 1; where the two are compared.
        form: see there.
        l1_weight: lambda, of the mean absolute difference.

    Returns:
        Scalar.

    Raises:
        ValueError: the images differ in shape.

    Source: Isola et al., CVPR 2017, equations 3 and 4; lambda = 100 in their code and section 3.3.
    """
    if not made.shape == true.shape == mask.shape:
        shapes = [tuple(image.shape) for image in (made, true, mask)]
        raise ValueError(f"made image, true image and mask must have one shape, got {shapes}")
    return deception_loss(judgements, form) + l1_weight * _mean((made - true).abs(), mask)


def _mean(values: torch.Tensor, counted: torch.Tensor | None) -> torch.Tensor:
    if counted is None:
        return values.mean()
    return (values * counted).sum() / counted.sum().clamp(min=1)
