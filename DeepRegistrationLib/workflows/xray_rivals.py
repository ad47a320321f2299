"""Whether one pose stands out from all others that fit.

Soft tissue, noise and scatter leave a residual at the right pose too. What tells is how much smaller it is
there than at the best pose elsewhere.
"""

from collections.abc import Sequence

import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.optimize.radiograph_search import Candidates

DIFFERENT_RAD, DIFFERENT_MM, DIFFERENT_DEPTH_MM = 0.1, 12.0, 30.0
"""Turn, shift across the beam of any view, and shift at all from which on a pose is another answer: the depth
of a single view is known least."""
CERTAIN_RATIO, CERTAIN_AGAIN = 1.3, 1.1
"""Fit of the answer over that of the best other pose; wrong poses did not reach these on the CTs for tuning.
The second will do if trails that began elsewhere ended at the same pose."""
BY_CHANCE = 0.15
"""Wrong poses reach 0.12 to 0.27 on the CTs for tuning: an answer must fit better than that even if no other
pose was found that does."""
ANY_WRONG = 0.27
"""Largest fit of a wrong pose there: below it the search goes on, unless another trail ends at the same."""
ENOUGH_RIVALS, USUAL_RIVAL = 4, 0.25
"""Of so many other answers the best one tells what a wrong pose can reach; of fewer it may be any, and what
wrong poses reach elsewhere is taken: all may have ended at the answer, too."""


def rival_score(
    pool: Candidates, answer: torch.Tensor, centre_ras: torch.Tensor, cameras: Sequence[Camera]
) -> float:
    """Similarity of the best pose that is another answer; at least `USUAL_RIVAL` if there are few.

    Args:
        pool: the best first.
        answer: (4, 4); pose that was chosen.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
        cameras: of the views.
    """
    rotations = pool.poses[:, :3, :3]
    here = answer[:3, :3] @ centre_ras + answer[:3, 3]
    apart = rotations @ centre_ras + pool.poses[:, :3, 3] - here  # (M, 3)
    others = geodesic_distance(rotations, answer[:3, :3]) > DIFFERENT_RAD
    others |= apart.norm(dim=-1) > DIFFERENT_DEPTH_MM
    for camera in cameras:
        beam = torch.nn.functional.normalize(here - torch.from_numpy(camera.source_ras.copy()), dim=0)
        across = apart - (apart @ beam)[:, None] * beam
        others |= across.norm(dim=-1) > DIFFERENT_MM
    scores = pool.scores[others]
    best = float(scores.max()) if len(scores) else 0.0
    return best if len(scores) >= ENOUGH_RIVALS else max(best, USUAL_RIVAL)


def residual_ratio(best: float, rival: float) -> float:
    """How many times larger the unexplained part is at the rival."""
    return (1 - rival) / max(1 - best, 1e-6)


def score_ratio(best: float, rival: float) -> float:
    """How many times better the answer fits than another pose, or than any may by chance."""
    return max(best, 0.0) / max(rival, BY_CHANCE)


def stands_out(
    pool: Candidates, centre_ras: torch.Tensor, cameras: Sequence[Camera], found_again: bool
) -> bool:
    """True if no further search is needed: the first pose stands out.

    Args:
        pool: as in `rival_score`.
        centre_ras: as there.
        cameras: as there.
        found_again: another trail ended at the first pose, too.
    """
    best, rival = float(pool.scores[0]), rival_score(pool, pool.poses[0], centre_ras, cameras)
    ratio = score_ratio(best, rival)
    return ratio > CERTAIN_AGAIN if found_again else ratio > CERTAIN_RATIO and best > ANY_WRONG
