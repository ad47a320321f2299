"""The plot of similarity or cost against iteration, which every job's report has."""

from collections.abc import Mapping, Sequence

import numpy as np

from DeepRegistrationLib.report.curves import draw_curves
from DeepRegistrationLib.report.picture import Picture


def convergence_pictures(
    history: Mapping[str, Sequence[float]], of: str, is_cost: bool = False
) -> list[Picture]:
    """The plot, where there is something to plot.

    Args:
        history: stage -> similarity, or cost, per iteration.
        of: what is compared, in words ("subject and atlas").
        is_cost: lower is better.

    Returns:
        One picture; none where no stage has two values that are numbers.
    """
    shown = {
        stage: values for stage, values in history.items() if len(values) > 1 and np.isfinite(values).all()
    }
    return [convergence_picture(shown, of, is_cost)] if shown else []


def convergence_picture(
    history: Mapping[str, Sequence[float]], of: str = "subject and atlas", is_cost: bool = False
) -> Picture:
    """Draws similarity, or cost, against iteration.

    Args:
        history: stage -> value per iteration; at least one stage, each with at least two values.
        of: what is compared, in words.
        is_cost: lower is better.

    Returns:
        One plot per stage, side by side.
    """
    words = (
        f"Cost of the fit of {of}; lower is better"
        if is_cost
        else f"Similarity of {of} while the pose is refined; higher is better"
    )
    name = "cost" if is_cost else "similarity"
    return Picture(
        "convergence",
        "Convergence",
        f"{words}, and a flat end means that nothing is left to gain.",
        draw_curves({f"{name}, {stage}": values for stage, values in history.items()}, "iteration"),
    )
