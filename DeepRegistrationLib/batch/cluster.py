"""A batch on dask.distributed: processes of this machine, or of a cluster.

Whatever happens to a process, a case is done once: its folder appears complete or not at all, and a process
that gets a case which another one has finished finds the outcome and does nothing.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from DeepRegistrationLib.batch.case import BatchCase, CaseOutcome
from DeepRegistrationLib.batch.run import RunCases, split_finished
from DeepRegistrationLib.batch.run_case import run_case
from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress, Report

LOCAL = "local"
"""Instead of the address of a scheduler: processes of this machine."""
_TRIES = 3
"""So often a case may end its process, as one does that needs too much memory."""
_POLL_S = 0.5
_TIMEOUT = "20s"


def on_cluster(scheduler: str, workers: int | None = None) -> RunCases:
    """How to run cases on a cluster.

    Args:
        scheduler: `LOCAL`, or the address of a scheduler: "tcp://host:8786".
        workers: processes on this machine; None takes one for each two processors. Not for other clusters.
    """

    def run(cases: Sequence[BatchCase], folder: Path, report: Report) -> list[CaseOutcome]:
        outcomes, left = split_finished(cases, folder, report)
        if left:
            with _client(scheduler, workers) as client:
                outcomes |= _run(client, left, folder.resolve(), report)
        return [outcomes[case.name] for case in cases]

    return run


def _run(client: Client, left: list[BatchCase], folder: Path, report: Report) -> dict[str, CaseOutcome]:
    futures = {
        client.submit(run_case, case, folder, key=f"{case.name}-{number}", pure=False): case
        for number, case in enumerate(left)
    }
    outcomes: dict[str, CaseOutcome] = {}
    waiting = as_completed(futures)
    started = time.perf_counter()
    try:
        while len(outcomes) < len(left):
            for future in _ready(waiting):
                case = futures[future]
                outcomes[case.name] = _outcome(future, case)
            fraction = len(outcomes) / len(left)
            seconds_left = (time.perf_counter() - started) * (1 - fraction) / fraction if outcomes else None
            count = len(client.scheduler_info(n_workers=-1)["workers"])
            text = f"{len(outcomes)} of {len(left)} cases, {count} processes"
            if not report(Progress(fraction, text, seconds_left)):
                raise Cancelled
    finally:
        client.cancel(list(futures))
    return outcomes


def _ready(waiting: as_completed) -> Iterator[Future]:
    """The cases that have ended meanwhile."""
    if waiting.has_ready():
        yield from waiting.next_batch(block=False)
    else:
        time.sleep(_POLL_S)


def _outcome(future: Future, case: BatchCase) -> CaseOutcome:
    error = future.exception()
    if error is None:
        return future.result()
    message = f"The case could not be run on the cluster ({type(error).__name__}: {error})."
    if isinstance(error, KilledWorker):
        message = (
            f"The process that registered this case was ended {_TRIES} times, perhaps because the memory was "
            "full. Give its processes more memory, or resample the image to larger voxels."
        )
    return CaseOutcome(case.name, "", ExitCode.FAILED, message, "", 0.0, "", 0.0, "", "")


@contextmanager
def _client(scheduler: str, workers: int | None) -> Iterator[Client]:
    # a scheduler that exists has settings of its own; these are for one that is made here
    settings = {"distributed.scheduler.allowed-failures": _TRIES - 1}
    with dask.config.set(settings):
        if scheduler != LOCAL:
            try:
                client = Client(scheduler, timeout=_TIMEOUT)
            except (OSError, ValueError) as err:
                raise RegistrationError(
                    f"The scheduler '{scheduler}' does not answer ({err}). Check the address, such as "
                    f"tcp://host:8786, or take '{LOCAL}' for processes of this machine."
                ) from err
            with client:
                yield client
            return
        processors = os.cpu_count() or 1
        count = workers or max(processors // 2, 1)
        # one case at a time in each process; its threads share the processors with the others
        threads = str(max(processors // count, 1))
        environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        with (
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                env=environment,
                memory_limit=0,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
