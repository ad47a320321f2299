"""Machine code that releases Python's lock, on as many threads as torch may use."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import torch


def split_evenly(count: int, parts: int) -> list[tuple[int, int]]:
    """Ranges (first, last) that divide `count` things into `parts` nearly equal shares."""
    return list(pairwise(count * part // parts for part in range(parts + 1)))


def run_tasks(tasks: Sequence[tuple[Callable, tuple]]) -> None:
    """Calls functions with their arguments, side by side if torch has more than one thread.

    Args:
        tasks: (function, arguments); they may not write to the same place.
    """
    threads = min(torch.get_num_threads(), len(tasks))
    if threads <= 1:
        for function, arguments in tasks:
            function(*arguments)
        return
    for future in [_pool(threads, os.getpid()).submit(function, *args) for function, args in tasks]:
        future.result()


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that stay; a forked process (a data loader's) makes its own."""
    return ThreadPoolExecutor(threads, thread_name_prefix=f"tasks{process}")
