"""Whether one pose stands out from all others that fit.

Soft tissue, noise and scatter leave a residual at the right pose too. What tells is how much smaller it is
there than at the best pose elsewhere.
"""

import torch

from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.optimize.radiograph_search import Candidates

DIFFERENT_RAD, DIFFERENT_MM = 0.1, 30.0
"""Turn or shift from which on a pose is another answer; depth, which is known least, moves it most."""
# wrong poses did not reach these on the CTs for tuning
CERTAIN_RESIDUAL_RATIO = 2.0
CERTAIN_SCORE_RATIO, LEAST_CERTAIN_SCORE = 2.5, 0.04


ENOUGH_RIVALS, CHANCE = 4, 0.1
"""Of so many other answers the best one tells what a wrong pose can reach; of fewer it may be any, and what
wrong poses have reached elsewhere is taken: all may have ended at the answer, too."""


def rival_scores(pool: Candidates, centre_ras: torch.Tensor) -> torch.Tensor:
    """(M,); similarities of the poses that are other answers than the first, best first.

    Args:
        pool: the best first.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
    """
    rotations = pool.poses[:, :3, :3]
    centres = pool.poses[:, :3, 3] + rotations @ centre_ras
    turned = geodesic_distance(rotations, rotations[0]) > DIFFERENT_RAD
    others = turned | ((centres - centres[0]).norm(dim=-1) > DIFFERENT_MM)
    return pool.scores[others]


def rival_score(pool: Candidates, centre_ras: torch.Tensor) -> float:
    """Similarity of the best pose that is another answer than the first; at least `CHANCE` if there are few.

    Args:
        pool: the best first.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
    """
    scores = rival_scores(pool, centre_ras)
    best = float(scores.max()) if len(scores) else 0.0
    return best if len(scores) >= ENOUGH_RIVALS else max(best, CHANCE)


def residual_ratio(best: float, rival: float) -> float:
    """How many times larger the unexplained part is at the rival."""
    return (1 - rival) / max(1 - best, 1e-6)


def score_ratio(best: float, rival: float) -> float:
    """How many times larger the explained part is at the answer; what is below 0.02 is chance."""
    return max(best, 0.02) / max(rival, 0.02)


def stands_out(pool: Candidates, centre_ras: torch.Tensor) -> bool:
    """True if no further search is needed; see the arguments of `rival_score`."""
    best, rival = float(pool.scores[0]), rival_score(pool, centre_ras)
    if residual_ratio(best, rival) > CERTAIN_RESIDUAL_RATIO:
        return True
    return best > LEAST_CERTAIN_SCORE and score_ratio(best, rival) > CERTAIN_SCORE_RATIO
