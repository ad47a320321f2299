"""Global correlation: one curve explains the fixed intensities by the moving ones.

Degree 1 is the squared normalized correlation. Degree 3 follows any smooth change of contrast (T1 against
T2), like a correlation ratio (Roche et al., MICCAI 1998) with a cubic in place of bins; it does not care
about the sign.
"""

import torch

from DeepRegistrationLib.similarity.fit import IntensityFit


class Correlation:
    """Squared correlation between fixed intensities and a polynomial of the moving ones.

    Args:
        fixed: (P,) float; fixed intensities, scaled to about 0..1.
        weights: (P,) float, >= 0; weight of each point.
        degree: of the polynomial.
        signed: degree 1 only: a negative correlation counts as none (same contrast expected).
    """

    def __init__(
        self, fixed: torch.Tensor, weights: torch.Tensor, degree: int = 1, signed: bool = False
    ) -> None:
        self.root_weights = weights.sqrt()
        mean = (weights * fixed).sum() / weights.sum()
        self.fixed = (fixed - mean) * self.root_weights
        self.variance = self.fixed.square().sum()
        self.degree = degree
        self.signed = signed

    def __call__(self, moving: torch.Tensor) -> IntensityFit:
        """Fits N poses at once; see `LeastSquaresSimilarity`."""
        powers = torch.stack([moving**d for d in range(self.degree + 1)], -1)  # (N, P, D)
        basis, upper = torch.linalg.qr(powers * self.root_weights[None, :, None])
        loadings = torch.einsum("npd,p->nd", basis, self.fixed)
        explained = torch.einsum("npd,nd->np", basis, loadings)
        # constant moving images leave a singular triangle: their slope is zero, not undefined
        diagonal = torch.diagonal(upper, dim1=-2, dim2=-1).abs()
        regular = (diagonal.amin(-1) > 1e-6 * diagonal.amax(-1)).to(moving)
        safe = upper + (1 - regular)[:, None, None] * torch.eye(self.degree + 1).to(moving)
        weights_of_powers = torch.linalg.solve_triangular(safe, loadings[..., None], upper=True)[..., 0]
        slope = sum(d * weights_of_powers[:, d, None] * moving ** (d - 1) for d in range(1, self.degree + 1))
        similarity = explained.square().sum(-1) / self.variance
        if self.signed:
            similarity = similarity * (weights_of_powers[:, 1] > 0)
        slope = slope * self.root_weights * regular[:, None]

        def absorbed(columns: torch.Tensor) -> torch.Tensor:
            along_basis = torch.einsum("npd,nps->nds", basis * slope[..., None], columns)
            return along_basis.mT @ along_basis

        return IntensityFit(similarity * regular, self.fixed - explained, slope, absorbed)
