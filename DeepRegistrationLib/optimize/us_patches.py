"""What patches of two aligned ultrasound frames still move against each other.

Frames of one place lie on each other everywhere once they are aligned. Frames of two places have a best rigid
fit too, but there every patch of tissue would like to go elsewhere.
"""

import torch
import torch.nn.functional as F

from DeepRegistrationLib.optimize.us_pairs import PairMotion
from DeepRegistrationLib.optimize.us_sums import SEEN, frames_and_masks_back

_PATCH, _STEP = 24, 12
"""Edge of a patch and distance of patches on 128 pixels; other sizes in proportion."""
_SHARE = 0.6
"""A patch counts where this share of it is seen in both frames."""
_DAMPING = 0.05
"""Of the gradient's energy: a patch without texture along a direction does not move along it."""
_QUANTILE = 0.8


def patch_motion(
    moving: torch.Tensor, fixed: torch.Tensor, inner: torch.Tensor, motion: PairMotion
) -> torch.Tensor:
    """How far most patches would still move after the whole frame was aligned.

    Args:
        moving: (P, 1, n, n); locally normalized.
        fixed: (P, 1, n, n).
        inner: (1 or P, 1, n, n); 1 where value and gradient may be used, else 0.
        motion: of P pairs, moving from fixed.

    Returns:
        (P,); four of five patches move less than this, by one step of least squares [edge of the image];
        1 where no patch is seen in both frames.

    Source: Lucas and Kanade, "An iterative image registration technique", IJCAI 1981, for each patch.
    """
    size = moving.shape[-1]
    warped, seen = frames_and_masks_back(moving, inner, motion)
    weight = (seen > SEEN).to(warped.dtype) * inner
    both, residual = (warped + fixed) / 2, (warped - fixed) * weight
    gu, gv = torch.zeros_like(both), torch.zeros_like(both)
    gu[..., 1:-1] = (both[..., 2:] - both[..., :-2]) / 2
    gv[..., 1:-1, :] = (both[..., 2:, :] - both[..., :-2, :]) / 2
    wu, wv = gu * weight, gv * weight
    products = torch.cat([wu * gu, wu * gv, wv * gv, gu * residual, gv * residual, weight], 1)
    patch, step = (max(edge * size // 128, 1) for edge in (_PATCH, _STEP))
    means = F.avg_pool2d(products, patch, step).flatten(2)  # (P, 6, patches)
    uu, uv, vv, ru, rv, share = means.unbind(1)
    damping = _DAMPING * (uu + vv) + 1e-6
    uu, vv = uu + damping, vv + damping
    determinant = uu * vv - uv.square()
    along_u, along_v = (vv * ru - uv * rv) / determinant, (uu * rv - uv * ru) / determinant
    length = (along_u.square() + along_v.square()).sqrt() / size
    counts = share > _SHARE
    length = length.masked_fill(~counts, torch.nan).nanquantile(_QUANTILE, dim=1)
    return torch.where(counts.any(1), length, torch.ones_like(length))
