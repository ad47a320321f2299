"""One case of a batch: skipped if it is finished, else registered; it never raises for a bad case."""

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from DeepRegistrationLib.batch.case import BatchCase, CaseOutcome
from DeepRegistrationLib.batch.fingerprint import fingerprint
from DeepRegistrationLib.batch.outcomes import keep_outcome, outcome_of
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.failures import explain
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.progress import Report, keep_going


def finished_outcome(case: BatchCase, folder: Path) -> CaseOutcome | None:
    """The outcome of a case that is done and has not changed since; None if there is work to do.

    Args:
        case: the case.
        folder: of the batch.
    """
    known = outcome_of(folder, case.name)
    if known is None or not known.is_done:
        return None
    try:
        return known if known.fingerprint == fingerprint(case.job) else None
    except Exception:  # an input that is gone is told when the case is run
        return None


def run_case(case: BatchCase, folder: Path, report: Report = keep_going) -> CaseOutcome:
    """Runs a case and remembers how it ended; a failure is an outcome, too.

    Args:
        case: the case.
        folder: of the batch.
        report: receives the progress of this case; returns False to stop.

    Returns:
        The outcome; the old one if the case is finished already.

    Raises:
        Cancelled: `report` returned False; the case is as it was.
    """
    known = finished_outcome(case, folder)
    if known is not None:
        return known
    started, mark = time.perf_counter(), ""
    try:
        mark = fingerprint(case.job)
        found = run_job(case.job, report)
    except Cancelled:
        raise
    except Exception as error:
        failure = explain(error)
        code, message, details = failure.exit_code, failure.message, failure.details
        confidence, trust = 0.0, ""
    else:
        code, message, details = found.exit_code, found.message, ""
        confidence, trust = found.confidence, str(found.trust)
    outcome = CaseOutcome(
        name=case.name,
        fingerprint=mark,
        exit_code=code,
        message=message,
        details=details,
        confidence=confidence,
        trust=trust,
        seconds=round(time.perf_counter() - started, 3),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        process=f"{socket.gethostname()}:{os.getpid()}",
    )
    keep_outcome(folder, outcome)
    return outcome
