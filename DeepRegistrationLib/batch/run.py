"""A batch in this process, one case after the other."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from DeepRegistrationLib.batch.case import BatchCase, CaseOutcome
from DeepRegistrationLib.batch.run_case import finished_outcome, run_case
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress, Report, keep_going

RunCases = Callable[[Sequence[BatchCase], Path, Report], list[CaseOutcome]]
"""(cases, folder, report) -> outcomes in the order of the cases; raises Cancelled."""


def run_in_turn(cases: Sequence[BatchCase], folder: Path, report: Report = keep_going) -> list[CaseOutcome]:
    """Runs the cases that are not finished, one after the other.

    Args:
        cases: of the batch.
        folder: of the batch.
        report: receives progress; returns False to stop.

    Returns:
        The outcome of each case.

    Raises:
        Cancelled: `report` returned False; finished cases are kept.
    """
    outcomes, left = split_finished(cases, folder, report)
    started = time.perf_counter()
    for done, case in enumerate(left):

        def tell(progress: Progress, done: int = done, name: str = case.name) -> bool:
            fraction = (done + progress.fraction) / len(left)
            passed = time.perf_counter() - started
            seconds_left = passed * (1 - fraction) / fraction if done else None
            return report(
                Progress(fraction, f"{name} ({done + 1} of {len(left)}): {progress.text}", seconds_left)
            )

        outcomes[case.name] = run_case(case, folder, tell)
    return [outcomes[case.name] for case in cases]


def split_finished(
    cases: Sequence[BatchCase], folder: Path, report: Report
) -> tuple[dict[str, CaseOutcome], list[BatchCase]]:
    """Outcomes of the finished cases by name, and the cases that are left.

    Raises:
        Cancelled: `report` returned False.
    """
    finished: dict[str, CaseOutcome] = {}
    left = []
    for number, case in enumerate(cases):
        if not report(Progress(0.0, f"Looking for finished cases ({number + 1} of {len(cases)})")):
            raise Cancelled
        known = finished_outcome(case, folder)
        if known is None:
            left.append(case)
        else:
            finished[case.name] = known
    return finished, left


def exit_code_of(outcomes: Sequence[CaseOutcome]) -> ExitCode:
    """Of the whole batch: failed if any case has no result, else not trusted if any is not."""
    if not all(outcome.is_done for outcome in outcomes):
        return ExitCode.FAILED
    if any(outcome.exit_code == ExitCode.NOT_TRUSTED for outcome in outcomes):
        return ExitCode.NOT_TRUSTED
    return ExitCode.DONE
