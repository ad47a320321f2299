"""Slices that tests register, and a worker that knows where they lie."""

import json
import sys
from pathlib import Path

import numpy as np
from DeepRegistrationSlicer.AtlasSource import AtlasByAge
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.MrmlBridge import createVolume
from DeepRegistrationSlicer.SliceSource import SliceSource
from DeepRegistrationSlicer.WorkerClient import WorkerClient


class ScriptedWorker(WorkerClient):
    """Answers without computing; see the script for what it answers.

    Attributes:
        script: beside this file.

    Args:
        log: file that gets one line per job.
        seconds: how long each job takes.
    """

    script = "scripted_slice_worker.py"

    def __init__(self, log: Path, seconds: float = 0.0) -> None:
        path = Path(__file__).with_name(self.script)
        super().__init__([sys.executable, str(path), str(log), str(seconds)])
        self._log = log

    def jobs(self) -> list[dict]:
        """What it was asked for, as the script tells it."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]


def sliceVolume(value: float = 7.0, name: str = "Slice", shape_kji=(1, 12, 10)):
    """A volume of one slice with the same value everywhere, 2 mm pixels, 3 mm thick."""
    return createVolume(np.full(shape_kji, value, np.float32), np.diag([2.0, 2.0, 3.0, 1.0]), name)


def sliceRequest(phantom: Path, source, **changes) -> FetalSliceRequest:
    """A request to find a slice, or a source of one, in the phantom atlas."""
    source = source if isinstance(source, SliceSource) else SliceSource(source)
    return FetalSliceRequest(source, **{"atlas": AtlasByAge(phantom / "atlas"), **changes})


def setValue(volume, value: float) -> None:
    """Gives a slice another image."""
    import slicer

    array = slicer.util.arrayFromVolume(volume)
    slicer.util.updateVolumeFromArray(volume, np.full(array.shape, value, np.float32))
