"""The one pass divided among the ranks of torch.distributed: each holds some rows and computes some of the tiles."""

from dataclasses import fields
from functools import reduce
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from saddle.evaluation.nearest import Near
from saddle.evaluation.tiles import Between, Within

__all__ = ["Ranks", "gather_rows"]

P = TypeVar("P", Within, Between)


def gather_rows(rows: Tensor) -> Tensor:
    """All ranks' rows, in the order of the ranks, on every rank.

    Args:
        rows: this rank's (n_rank, d); the numbers of rows may differ.
    Returns:
        (sum of n_rank, d).
    """
    counts = [int(n) for n in _from_all(torch.tensor([len(rows)]))]
    padded = rows.new_zeros(max(counts), rows.shape[1])
    padded[: len(rows)] = rows
    return torch.cat([held[:n] for held, n in zip(_from_all(padded), counts, strict=True)])


class Ranks:
    """This rank's share of a pass; `sweep(gather_rows(real), gather_rows(fake), share=Ranks())` on every rank.

    What the ranks exchange is of size n k a rank, in tensors only; the result is that of one process, on all ranks.
    """

    def __init__(self) -> None:
        self.part = (distributed.get_rank(), distributed.get_world_size())

    def merged(self, mine: P) -> P:
        """What all ranks have found together."""
        theirs = [_from_all(tensor) for tensor in _tensors(mine)]
        return reduce(type(mine).merge, (_rebuilt(mine, list(tensors)) for tensors in zip(*theirs, strict=True)))


def _from_all(tensor: Tensor) -> list[Tensor]:
    held = [torch.empty_like(tensor) for _ in range(distributed.get_world_size())]
    distributed.all_gather(held, tensor.contiguous())
    return held


def _tensors(part: Within | Between | Near) -> list[Tensor]:
    """Every tensor in it, in the order of its fields."""
    held = (getattr(part, field.name) for field in fields(part))
    return [leaf for value in held for leaf in (_tensors(value) if isinstance(value, Near) else [value])]


def _rebuilt(like: P, tensors: list[Tensor]) -> P:
    """The inverse of `_tensors`."""
    rest = iter(tensors)
    held = (getattr(like, field.name) for field in fields(like))
    parts: list[Any] = [Near(next(rest), next(rest)) if isinstance(value, Near) else next(rest) for value in held]
    return type(like)(*parts)
