"""Batches are dataclasses of tensors with the samples along the first axis."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import torch

Batch = TypeVar("Batch")


def joined(parts: Sequence[Batch]) -> Batch:
    """One batch from several of the same kind."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    names = [entry.name for entry in dataclasses.fields(first)]
    return type(first)(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})
