"""The plot of similarity against iteration, which every job's report has."""

from collections.abc import Mapping, Sequence

import numpy as np

from DeepRegistrationLib.report.curves import draw_curves
from DeepRegistrationLib.report.picture import Picture


def convergence_pictures(history: Mapping[str, Sequence[float]], of: str) -> list[Picture]:
    """The plot, where there is something to plot.

    Args:
        history: stage -> similarity per iteration.
        of: what is compared, in words ("subject and atlas").

    Returns:
        One picture; none where no stage has two values that are numbers.
    """
    shown = {
        stage: values for stage, values in history.items() if len(values) > 1 and np.isfinite(values).all()
    }
    return [convergence_picture(shown, of)] if shown else []


def convergence_picture(history: Mapping[str, Sequence[float]], of: str = "subject and atlas") -> Picture:
    """Draws similarity against iteration.

    Args:
        history: stage -> similarity per iteration; at least one stage, each with at least two values.
        of: what is compared, in words.

    Returns:
        One plot per stage, side by side.
    """
    return Picture(
        "convergence",
        "Convergence",
        f"Similarity of {of} while the pose is refined; higher is better, and a flat end means that nothing "
        "is left to gain.",
        draw_curves({f"similarity, {stage}": values for stage, values in history.items()}, "iteration"),
    )
