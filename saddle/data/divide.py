"""Dividing samples in two, so that variants of one another lie on one side."""

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["divide"]


def divide(
    count: int, first: int, rng: torch.Generator, groups: Tensor | None = None, name: str = "samples"
) -> tuple[Tensor, Tensor]:
    """Places of n samples in two parts, at random: ``first`` of them and the others.

    Where there are groups whole ones are taken, and the first part has as nearly as many as their sizes allow.

    Args:
        count: n.
        first: samples wanted in the first part, 1 to n - 1.
        rng: draws the order.
        groups: (n,) int64, the same number for samples that may not be parted; None: each stands for itself.
        name: of the samples, for the error.
    Returns:
        Two tensors of places, in the order drawn, groups one after another.
    Raises:
        ValueError: nothing is left for one of the parts, or all samples are of one group.

    >>> rng = torch.Generator().manual_seed(0)
    >>> one, other = divide(6, 3, rng, groups=torch.tensor([0, 0, 0, 1, 1, 1]))
    >>> sorted([one.tolist(), other.tolist()])
    [[0, 1, 2], [3, 4, 5]]
    """
    require(1 <= first < count, name, count, f"{max(first, 1) + 1} or more samples, to keep some apart")
    if groups is None:
        order = torch.randperm(count, generator=rng)
        return order[:first], order[first:]
    kinds, which, sizes = groups.unique(return_inverse=True, return_counts=True)
    require(len(kinds) >= 2, name, "variants of one sample", "two samples that are no variants, to keep some apart")
    order = torch.randperm(len(kinds), generator=rng)
    ends = sizes[order].cumsum(0)[:-1]  # sizes of the first part, if it is cut behind each group
    end = int(ends[(ends - first).abs().argmin()])
    places = torch.argsort(order.argsort()[which], stable=True)  # groups in the order drawn
    return places[:end], places[end:]
