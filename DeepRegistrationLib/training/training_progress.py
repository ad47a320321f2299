"""Lightning's progress as the reports of everything else: percentage, figures, time left, stop."""

import time
from typing import Any

import lightning

from DeepRegistrationLib.progress import Progress, Report


class TrainingProgress(lightning.Callback):
    """Tells a report after every step, and stops the training when it says so.

    Args:
        report: receives progress.
        steps: of the whole training.

    Attributes:
        stopped: whether the report asked to stop.
    """

    def __init__(self, report: Report, steps: int) -> None:
        self.stopped = False
        self._report = report
        self._steps = steps
        self._first_step = 0
        self._started = 0.0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Starts the clock; a resumed training counts from where it goes on."""
        self._first_step, self._started = trainer.global_step, time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *others: Any
    ) -> None:
        """Tells how far the training is."""
        step = trainer.global_step
        seconds = (time.monotonic() - self._started) / max(step - self._first_step, 1)
        figures = ", ".join(
            f"{name} {float(value):.3g}" for name, value in sorted(trainer.progress_bar_metrics.items())
        )
        progress = Progress(
            step / self._steps, f"Step {step} of {self._steps}: {figures}", seconds * (self._steps - step)
        )
        # after a stop lightning still ends the epoch's bookkeeping: it is told once only
        if not self.stopped and not self._report(progress):
            self.stopped = True
            trainer.should_stop = True
