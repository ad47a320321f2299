"""Where the constants of the confidence in ultrasound angles come from: the validation subjects only."""

from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.evaluation.logistic_fit import fit_logistic, left_out_sums
from DeepRegistrationLib.evaluation.metrics import caught_share_of
from DeepRegistrationLib.evaluation.study_tables import in_order, table
from DeepRegistrationLib.evaluation.us_refusal import RIGHT_DEG, JudgedPairs, joined_pairs, judged_pairs
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.us_confidence import EVIDENCE
from DeepRegistrationLib.workflows.us_methods import available_methods

PAGE = "us_confidence.md"


def run_us_confidence_study(
    data: Path,
    output: Path,
    per_subject: int = 12,
    methods: tuple[UsAnglesMethod, ...] | None = None,
    network: UsAngleNet | None = None,
    seed: int = 0,
    report: Report = keep_going,
) -> Path:
    """Registers good and bad pairs of the validation subjects and fits the confidence.

    Args:
        data: folder of the ultrasound.
        output: folder for `us_confidence.md`.
        per_subject: triplets and wrong pairs for each subject.
        methods: that register them, all fitted together; None takes the refined ones that can be used here.
        network: instead of the installed one.
        seed: of motions and noise.
        report: receives progress; returns False to stop.

    Returns:
        Path of the page with the constants.
    """
    report(Progress(0.0, "Registering pairs of the validation subjects"))
    refined = (UsAnglesMethod.NETWORK_REFINE, UsAnglesMethod.SEARCH_REFINE)
    methods = methods or tuple(method for method in refined if method in available_methods())
    pairs = joined_pairs(
        [judged_pairs(data, Split.VALIDATION, per_subject, method, seed, network) for method in methods]
    )
    fit = fit_logistic(pairs.evidence, pairs.right)
    left_out = left_out_sums(pairs.evidence, pairs.right, pairs.subject)
    constants = ", ".join(f"{name}: {weight:.3g}" for name, weight in zip(EVIDENCE, fit.weights, strict=True))
    page = [
        "# Confidence in ultrasound angles",
        f'Logistic regression of "same place, and the angle is right within {RIGHT_DEG:g} degrees" on '
        f"{len(pairs.right)} pairs of {len(set(pairs.subject))} validation subjects, "
        f"methods {', '.join(methods)}.",
        f"`_CONSTANT = {fit.constant:.3g}`; weights {constants}",
        "Wrong ones caught at 5 % false alarms: "
        f"{_percent(caught_share_of(fit.sums(pairs.evidence), pairs.right))}; "
        f"of subjects left out of the regression: {_percent(caught_share_of(left_out, pairs.right))}.",
        kinds_table(pairs, fit.probabilities(pairs.evidence)),
    ]
    output.mkdir(parents=True, exist_ok=True)
    path = output / PAGE
    path.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    report(Progress(1.0, "Done"))
    return path


def kinds_table(pairs: JudgedPairs, confidence: np.ndarray, threshold: float = 0.5) -> str:
    """Share of each kind of pair that is refused."""
    kinds, rows = np.array(pairs.kind), []
    for kind in in_order(pairs.kind):
        of = kinds == kind
        right = _percent(float(pairs.right[of].mean()))
        rows.append(
            [
                kind,
                str(of.sum()),
                right,
                _percent(float((confidence[of] < threshold).mean())),
                f"{np.median(confidence[of]):.3f}",
            ]
        )
    return table(["pairs", "number", "right", "refused", "median confidence"], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
