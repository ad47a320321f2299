"""Correlation of filtered images, of which one or two components may each have a weight of its own.

For each pose the radiograph is explained by a constant and the components with weights that are not negative
(more of a tissue never lets more X-rays through). What is explained is the squared correlation; the weights
follow the pose (variable projection: Golub and Pereyra 1973, with Kaufman's approximation).
"""

import torch

from DeepRegistrationLib.similarity.radiograph_filters import Features
from DeepRegistrationLib.similarity.radiograph_measure import PoseFit


class ComponentCorrelation:
    """Squared multiple correlation of a filtered radiograph with filtered components.

    Args:
        fixed: (rows, columns); the radiograph.
        features: a linear filter and the choice of pixels.
    """

    def __init__(self, fixed: torch.Tensor, features: Features) -> None:
        self._features = features
        there = features(fixed[None])[0]
        self._fixed = _exact(there - there.mean())
        # a radiograph without any contrast explains nothing, but is no division by zero
        self._variance = self._fixed.square().sum().clamp(min=torch.finfo(there.dtype).tiny ** 0.5)

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        """See `RadiographMeasure`."""
        basis = self._centred(images)  # (N, C, P)
        _, explained, _ = _explain(basis @ basis.mT, basis @ self._fixed)
        return (explained / self._variance).to(images)

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """See `RadiographMeasure`."""
        components = images.shape[1]
        everything = self._centred(torch.cat([images[:, :, None], tangents], 2).flatten(1, 2))
        # all that is needed are inner products, of few rows
        products = (everything @ everything.mT).unflatten(1, (components, -1)).unflatten(3, (components, -1))
        with_fixed = (everything @ self._fixed).unflatten(1, (components, -1))  # (N, C, 1 + S)
        gram, right = products[:, :, 0, :, 0], with_fixed[:, :, 0]
        weights, explained, inverse = _explain(gram, right)
        # what is explained changes by D = sum over components of weight * tangents
        of_basis = torch.einsum("nc,ncsd->nsd", weights, products[:, :, 1:, :, 0])  # (N, S, C)
        curvature = torch.einsum("nc,ncsdt,nd->nst", weights, products[:, :, 1:, :, 1:], weights)
        curvature = curvature - of_basis @ inverse @ of_basis.mT
        gradient = torch.einsum("nc,ncs->ns", weights, with_fixed[:, :, 1:])
        gradient = gradient - torch.einsum("nsd,nd->ns", of_basis, weights)
        parts = (explained, gradient, curvature)
        return PoseFit(*((part / self._variance).to(images) for part in parts))

    def _centred(self, images: torch.Tensor) -> torch.Tensor:
        """(N, M, P); features of images (N, M, rows, columns) less their means."""
        found = self._features(images.flatten(0, 1)).unflatten(0, images.shape[:2])
        return _exact(found - found.mean(-1, keepdim=True))


def component_weights(basis: torch.Tensor, fixed: torch.Tensor) -> torch.Tensor:
    """Weights that explain an image best, none of them negative.

    Args:
        basis: (N, C, P); components without their means.
        fixed: (P,); image without its mean.

    Returns:
        (N, C).
    """
    return _explain(basis @ basis.mT, basis @ fixed)[0]


def _explain(gram: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights that explain most without being negative.

    Args:
        gram: (N, C, C); inner products of the components; C is 1 or 2.
        right: (N, C); their inner products with the fixed image.

    Returns:
        weights (N, C); what they explain (N,); inverse of the Gram matrix of the components in use, zero
        elsewhere (N, C, C).
    """
    best = torch.zeros_like(right)
    most = torch.zeros_like(right[:, 0])
    inverse = torch.zeros_like(gram)
    count = right.shape[1]
    for chosen in [[0]] if count == 1 else [[0], [1], [0, 1]]:
        part = torch.zeros_like(gram)
        small = gram[:, chosen][:, :, chosen]
        diagonal = torch.diagonal(small, dim1=-2, dim2=-1)
        regular = diagonal.amin(-1) > torch.finfo(gram.dtype).tiny ** 0.5
        # components that are nearly the same image are not told apart
        ridge = 1e-9 * diagonal + (~regular[:, None]).to(gram)
        solved = torch.linalg.inv(small + torch.diag_embed(ridge))
        rows = torch.tensor(chosen, device=gram.device)
        part[:, rows[:, None], rows] = solved
        weights = (part @ right[..., None])[..., 0]
        explained = (weights * right).sum(-1)
        better = regular & (weights[:, chosen] > 0).all(-1) & (explained > most)
        best = torch.where(better[:, None], weights, best)
        most = torch.where(better, explained, most)
        inverse = torch.where(better[:, None, None], part, inverse)
    return best, most, inverse


def _exact(values: torch.Tensor) -> torch.Tensor:
    """In float64 where the device has it: near the best pose little is left of large products."""
    return values if values.device.type == "mps" else values.double()
