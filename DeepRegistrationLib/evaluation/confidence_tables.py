"""The tables of the studies that fit the constants of a confidence."""

from collections.abc import Mapping

import numpy as np

from DeepRegistrationLib.evaluation.logistic_fit import LogisticFit
from DeepRegistrationLib.evaluation.metrics import FALSE_ALARMS
from DeepRegistrationLib.evaluation.study_tables import table


def weights_table(fit: LogisticFit, in_program: Mapping[str, float], left_out: tuple[str, ...] = ()) -> str:
    """Fitted weights beside those in force.

    Args:
        fit: of the evidence in the order of `in_program`.
        in_program: "constant" and the name of each piece of evidence -> weight.
        left_out: pieces of evidence that were not fitted.
    """
    names = [name for name in in_program if name != "constant" and name not in left_out]
    fitted = {"constant": fit.constant, **dict(zip(names, fit.weights, strict=True))}
    rows = [[name, f"{value:.2f}", f"{in_program[name]:.2f}"] for name, value in fitted.items()]
    return table(["evidence", "fitted weight", "in the program"], rows)


def caught_table(shares: Mapping[str, float], right: np.ndarray) -> str:
    """How many answers are wrong, and which share of them each choice of evidence tells.

    Args:
        shares: choice of evidence -> share of the wrong answers that is caught, 0 to 1.
        right: (N,) bool; which answers are right.
    """
    rows = [[title, f"{100 * share:.0f} %"] for title, share in shares.items()]
    head = ["evidence", f"failures caught at {100 * FALSE_ALARMS:.0f} % false alarms"]
    return f"{int((~right).sum())} of {len(right)} answers are wrong.\n\n" + table(head, rows)
