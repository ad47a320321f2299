import pytest
import torch

from DeepRegistrationLib.training.random_stream import draws_of_step, generator_for

CPU = torch.device("cpu")


def test_two_processes_make_the_draws_of_one_with_twice_the_batch():
    for step in range(3):
        one = [*draws_of_step(step, 16, 4, rank=0, processes=1)]
        two = [draw for rank in (0, 1) for draw in draws_of_step(step, 8, 4, rank, processes=2)]
        assert one == two


def test_no_draw_is_used_twice():
    used = [
        draw
        for step in range(5)
        for rank in range(3)
        for draw in draws_of_step(step, 6, 2, rank, processes=3)
    ]
    assert sorted(used) == [*range(5 * 3 * 3)]


def test_a_draw_size_that_does_not_divide_the_batch_is_refused():
    with pytest.raises(ValueError, match="must divide"):
        draws_of_step(0, 10, 4, 0, 1)


def test_numbers_depend_on_seed_stream_and_index():
    def numbers(*arguments: object) -> list[float]:
        return torch.rand(4, generator=generator_for(*arguments, CPU)).tolist()

    assert numbers(0, "train", 1) == numbers(0, "train", 1)
    different = [
        numbers(0, "train", 1),
        numbers(1, "train", 1),
        numbers(0, "validate", 1),
        numbers(0, "train", 2),
    ]
    assert len({tuple(row) for row in different}) == 4
