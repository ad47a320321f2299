import threading

import torch

from DeepRegistrationLib.task_pool import run_tasks, split_evenly


def test_shares_cover_everything_once():
    assert split_evenly(7, 3) == [(0, 2), (2, 4), (4, 7)]
    assert split_evenly(2, 1) == [(0, 2)]


def test_all_tasks_are_done_with_one_thread_and_with_two():
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            done, lock = [], threading.Lock()

            def note(number, done=done, lock=lock):
                with lock:
                    done.append(number)

            run_tasks([(note, (number,)) for number in range(5)])
            assert sorted(done) == list(range(5))
    finally:
        torch.set_num_threads(before)
    run_tasks([])
