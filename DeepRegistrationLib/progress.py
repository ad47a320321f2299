"""How long work tells how far it is and hears that it should stop."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from DeepRegistrationLib.errors import Cancelled


@dataclass(frozen=True)
class Progress:
    """One report of a running job.

    Attributes:
        fraction: done so far, 0 to 1.
        text: what is being done, in words for the user.
        seconds_left: estimate of the remaining time [s]; None while nothing is known.
        pose: 16 numbers, row by row: the pose so far, fixed RAS from moving RAS [mm], for pictures that
            follow the registration; None where there is none yet.
        similarity: at `pose`; None where there is none yet.
    """

    fraction: float
    text: str
    seconds_left: float | None = None
    pose: tuple[float, ...] | None = None
    similarity: float | None = None


Report = Callable[[Progress], bool]
"""Receives progress; False means stop. Called at least once per iteration of anything that iterates."""


def keep_going(progress: Progress) -> bool:
    """Report of callers who neither watch nor cancel."""
    return True


@dataclass
class StageProgress:
    """Maps a job's named stages onto one bar, times them and turns a refused report into `Cancelled`.

    Args:
        report: receiver of the progress.
        shares: stage text -> share of the whole time, any positive scale, in order of execution.

    Attributes:
        seconds: stage text -> wall time [s] of each stage entered so far.
    """

    report: Report
    shares: Mapping[str, float]
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._started = time.perf_counter()
        self._reached = 0.0
        self._stage: str | None = None
        self._stage_started = self._started

    def enter(self, stage: str) -> None:
        """Ends the stage before and starts this one.

        Raises:
            KeyError: the stage was not announced in `shares`.
            Cancelled: the receiver wants to stop.
        """
        self.finish()
        self.shares[stage]  # an unannounced stage is a programmer's mistake: fail at its name
        self._stage, self._stage_started = stage, time.perf_counter()
        self.advance(0.0)

    def advance(
        self,
        fraction_of_stage: float,
        text: str | None = None,
        pose: tuple[float, ...] | None = None,
        similarity: float | None = None,
    ) -> None:
        """Reports how far the current stage is.

        Args:
            fraction_of_stage: 0 to 1.
            text: shown instead of the stage's name.
            pose: the pose so far, as in `Progress`.
            similarity: at this pose.

        Raises:
            Cancelled: the receiver wants to stop.
        """
        total = sum(self.shares.values())
        before = sum(list(self.shares.values())[: list(self.shares).index(self._stage)])
        fraction = (before + fraction_of_stage * self.shares[self._stage]) / total
        # a search that goes on corrects its estimates; the bar waits for it and never goes back
        fraction = self._reached = max(fraction, self._reached)
        elapsed = time.perf_counter() - self._started
        # below 5 % the estimate is noise
        seconds_left = elapsed * (1 - fraction) / fraction if fraction > 0.05 else None
        if not self.report(Progress(fraction, text or self._stage, seconds_left, pose, similarity)):
            raise Cancelled(self._stage)

    def finish(self) -> None:
        """Ends the current stage and keeps its time."""
        if self._stage is not None:
            spent = time.perf_counter() - self._stage_started
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
        self._stage = None
