"""Random numbers that depend on the sample and on nothing else: not on restarts, not on processes."""

import hashlib

import torch


def generator_for(seed: int, stream: str, index: int, device: torch.device) -> torch.Generator:
    """Source of the random numbers of one draw.

    Args:
        seed: of the training.
        stream: "train", "validate" ...
        index: number of the draw since the start of the training, over all processes.
        device: where the numbers are made.

    Returns:
        A new generator; equal arguments give equal numbers on one kind of device.
    """
    digest = hashlib.sha256(f"{seed}/{stream}/{index}".encode()).digest()
    return torch.Generator(device=device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def draws_of_step(step: int, batch_size: int, draw_size: int, rank: int, processes: int) -> range:
    """Numbers of the draws that one process makes for one step.

    Args:
        step: optimizer step, from 0.
        batch_size: samples per process.
        draw_size: samples per draw.
        rank: of the process.
        processes: number of processes.

    Returns:
        `batch_size / draw_size` consecutive numbers; all processes together use each number once.

    Raises:
        ValueError: `draw_size` does not divide `batch_size`.
    """
    if batch_size % draw_size:
        raise ValueError(f"the draw size {draw_size} must divide the batch size {batch_size}")
    draws = batch_size // draw_size
    first = (step * processes + rank) * draws
    return range(first, first + draws)
