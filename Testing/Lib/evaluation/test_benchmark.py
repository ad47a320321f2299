"""What the benchmark refuses, and how it reads memory."""

import subprocess
import sys

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation import benchmark
from DeepRegistrationLib.evaluation.timed_worker import peak_memory_mb


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(InputError, match="sta"):
        benchmark.benchmark_fetal_volume(tmp_path, tmp_path / "out")


def test_one_job_alone_cannot_be_the_second(tmp_path):
    with pytest.raises(ValueError, match="at least 2"):
        benchmark.benchmark_fetal_volume(tmp_path, tmp_path, repeats=1)


@pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc")
def test_the_peak_of_a_process_stays_after_it_has_freed_the_memory():
    program = "block = bytearray(200 * 2**20); del block; print('freed', flush=True); input()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "freed\n"
        peak = peak_memory_mb(process.pid)
        process.communicate("\n")
    assert 200 < peak < 400


def test_the_table_has_the_second_job_and_the_median_of_the_later_ones():
    row = benchmark.BenchmarkRow("given", 5.04, 1.0, (3.0, 1.26, 1.1, 1.2), 812.4)
    assert "| given | 5.0 | 1.0 | 3.0 | 1.3 | 1.2 | 812 |" in benchmark._table([row], "0.1")
