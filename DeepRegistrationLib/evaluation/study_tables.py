"""Tables that the studies have in common, as Markdown."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from DeepRegistrationLib.evaluation.metrics import (
    FAILURE_DEG,
    FALSE_ALARMS,
    bin_names,
    bin_of,
    caught_share,
    failures,
    summarize,
)
from DeepRegistrationLib.evaluation.paper_tables import SECONDS


def in_order(names: Iterable[str]) -> list[str]:
    """Different names, in the order in which they come first."""
    return list(dict.fromkeys(names))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; "Not part of this run." if it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return "Not part of this run."
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])


def per_bin(sizes_deg: Iterable[float], errors: Iterable[float]) -> list[list[float]]:
    """Errors sorted into the six bins of the rotation that was to be undone [degrees]."""
    bins: list[list[float]] = [[] for _ in bin_names()]
    for size_deg, error in zip(sizes_deg, errors, strict=True):
        bins[bin_of(size_deg)].append(error)
    return bins


def bin_table(
    ours: Mapping[str, Sequence[Sequence[float]]], papers: Mapping[str, Sequence[float]] | None = None
) -> str:
    """Errors per bin: mean and standard deviation, median, failures.

    Args:
        ours: name of the method -> errors of each of the six bins [degrees].
        papers: name -> mean of each bin [degrees].
    """
    rows = [[name, *map(_bin_cell, bins)] for name, bins in ours.items()]
    if rows:
        rows += [[name, *(f"{value:.2f}" for value in means)] for name, means in (papers or {}).items()]
    return table(["method", *bin_names()], rows)


def _bin_cell(errors: Sequence[float]) -> str:
    if not errors:
        return "-"
    summary = summarize(errors)
    return (
        f"{summary.mean:.2f} +- {summary.standard_deviation:.2f}, median {summary.median:.2f}; "
        f"{failures(errors)} of {summary.count} failed"
    )


def error_cells(rotation_deg: Sequence[float], distance_mm: Sequence[float]) -> list[str]:
    """Count; mean and standard deviation, median and largest of both errors; failures."""
    rotation, distance = summarize(rotation_deg), summarize(distance_mm)
    return [
        str(rotation.count),
        f"{rotation.mean:.2f} +- {rotation.standard_deviation:.2f}",
        f"{rotation.median:.2f}",
        f"{rotation.maximum:.2f}",
        f"{distance.mean:.2f} +- {distance.standard_deviation:.2f}",
        f"{distance.median:.2f}",
        str(failures(rotation_deg)),
    ]


ERROR_HEAD = ("n", "rotation mean [deg]", "median", "max", "mean [mm]", "median [mm]", "failures")
"""Heads of `error_cells`."""


CONFIDENCE_NOTE = (
    "*Trusted* is what the program itself says: the confidence is not low. The last column asks how well the "
    "confidence could tell failures from good results: an alarm goes off below a value that "
    f"{100 * FALSE_ALARMS:.0f} % of the good results fall below, and the column is the share of the failures "
    f"(more than {FAILURE_DEG:.0f} degrees, or no result) for which it goes off."
)


def confidence_table(trials: Sequence, errors_deg: Mapping[str, Sequence[float]]) -> str:
    """What the confidence makes of failures.

    Args:
        trials: each with `method`, `confidence` and `trust`.
        errors_deg: method -> rotation errors of its trials, in their order [degrees].
    """
    rows = []
    for method, errors in errors_deg.items():
        chosen = [trial for trial in trials if trial.method == method]
        trusted = [trial.trust not in ("low", "") for trial in chosen]
        failed = ~(np.asarray(errors) <= FAILURE_DEG)
        share = caught_share([trial.confidence for trial in chosen], errors)
        rows.append(
            [
                method,
                str(len(chosen)),
                str(int(failed.sum())),
                str(int((failed & trusted).sum())),
                str(int((~failed & ~np.asarray(trusted)).sum())),
                "-" if np.isnan(share) else f"{100 * share:.1f} %",
            ]
        )
    return table(
        [
            "method",
            "n",
            "failures",
            "of them trusted",
            "good ones not trusted",
            f"failures caught at {100 * FALSE_ALARMS:.0f} % false alarms",
        ],
        rows,
    )


def time_table(trials: Sequence, kind: str) -> str:
    """Seconds of each registration, the paper's table 3 below.

    Args:
        trials: each with `method` and `seconds`.
        kind: "volume" or "slice": the column of the paper's table.
    """
    rows = []
    for method in in_order(trial.method for trial in trials):
        seconds = [trial.seconds for trial in trials if trial.method == method]
        rows.append([method, str(len(seconds)), f"{np.median(seconds):.2f}", f"{np.mean(seconds):.2f}"])
    if rows:
        rows += [[name, "", "", text] for name, text in SECONDS[kind].items()]
    return table(["method", "n", "median [s]", "mean [s]"], rows)


def models_text(trials: Sequence, left_out: Sequence[str]) -> str:
    """Which networks took part, and what could not be measured without one.

    Args:
        trials: each with `models`.
        left_out: methods and pairs.
    """
    names = in_order(name for trial in trials for name in trial.models.split("; ") if name)
    text = f"Networks (name, version, checksum): {', '.join(names) or 'none'}."
    if left_out:
        text += f" Not measured, because a network is not installed: {', '.join(left_out)}."
    return text


def shown(title: str, file: str, figures: Collection[str]) -> str:
    """A picture with a title; nothing if it was not drawn."""
    return f"![{title}]({file})" if file in figures else ""
