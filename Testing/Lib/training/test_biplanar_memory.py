"""Memory of a training step: measured in a process of its own, and told when it was not enough."""

import sys

import pytest

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.training.biplanar_memory import (
    MemoryCase,
    benchmark_biplanar_memory,
    measure_step_memory,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")


@pytest.mark.slow
def test_a_step_of_the_laptop_size_takes_less_than_a_quarter_of_the_papers_memory(tmp_path):
    case = MemoryCase("laptop", device=Device.CPU)
    text = benchmark_biplanar_memory((case,), tmp_path).read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| laptop |"))
    peak, before = (float(cell) for cell in row.split("|")[3:5])
    assert before < peak < 18.7 / 4


def test_too_little_memory_is_told_with_what_to_do():
    with pytest.raises(RegistrationError, match=r"size 'paper' was not possible.*Free some memory"):
        measure_step_memory(MemoryCase("paper", device=Device.CPU, limit_gb=1.0))
