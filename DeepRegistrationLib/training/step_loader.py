"""What lightning iterates over: nothing but the number of steps, since batches are made on the device."""

from collections.abc import Iterator


class StepLoader:
    """Counts the steps of an epoch; goes on where it was when a training is resumed.

    Args:
        steps: in an epoch.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._next = 0

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[int]:
        while self._next < self._steps:
            self._next += 1
            yield self._next - 1
        self._next = 0

    def state_dict(self) -> dict[str, int]:
        """How far it is; lightning keeps it in checkpoints."""
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Goes on from a checkpoint."""
        self._next = state["next"] % self._steps
