"""The nearest neighbours of every sample, gathered from tiles of squared distances and settled exactly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["Factors", "Near", "mean_row", "nearest_rows", "settle", "slack", "squared_distances"]

SPARE = 3
"""Candidates kept beyond the neighbours asked for: rounding may have put the true ones behind."""
GROUP = 8
"""Columns whose minimum is taken first: the k smallest numbers of a row lie in the k groups of smallest minimum."""
TILE = 1024
"""Rows and columns of a tile in `nearest_rows`."""
CHUNK = 1 << 20
"""Numbers that an exact evaluation holds at once."""


def mean_row(*sides: Tensor) -> Tensor:
    """Mean of all rows (n, d) of all sides, float64 (d,), in chunks."""
    total = sum(part.double().sum(0) for rows in sides for part in rows.split(TILE))
    return torch.as_tensor(total) / sum(map(len, sides))


def _squares(rows: Tensor, centre: Tensor) -> Tensor:
    """|x - centre|^2, float64 (n,), in chunks."""
    return torch.cat([(part - centre).double().square_().sum(1) for part in rows.split(TILE)])


class Factors:
    """Rows written so that one matrix product of two of them is the squared distances."""

    def __init__(self, rows: Tensor, centre: Tensor) -> None:
        """Of rows (n, d), about a centre (d,) that both factors of a product share."""
        self.d = rows.shape[1]
        self._rows, self._centre = rows, centre
        self.norms = _squares(rows, centre).to(rows.dtype)
        self.offset = (_squares(rows, torch.zeros_like(centre)) / (2 * self.d) + 0.5).to(rows.dtype)

    def left(self, some: slice) -> Tensor:
        """(b, d + 2) of b of the rows, so that left @ right = |x|^2 + |y|^2 - 2 x.y."""
        norms = self.norms[some].unsqueeze(1)
        return torch.cat([self._rows[some] - self._centre, norms, torch.ones_like(norms)], 1)

    def right(self) -> Tensor:
        """(d + 2, n) of all rows."""
        made = self._rows.new_ones(len(self._rows), self.d + 2)
        torch.sub(self._rows, self._centre, out=made[:, :-2]).mul_(-2.0)
        made[:, -1] = self.norms
        return made.T


def slack(norms: Tensor, other: Tensor, d: int) -> Tensor:
    """How far |x|^2 + |y|^2 - 2 x.y may be off, in squared distance, for each x against all y.

    Args:
        norms: |x|^2 about the common centre, in the precision of the product (n,).
        other: |y|^2 likewise (m,).
        d: number of features.
    Returns:
        float64 (n,).
    """
    unit = torch.finfo(norms.dtype).eps * (4.0 + math.sqrt(d))
    return (norms.double() + other.max().double()) * unit


def squared_distances(x: Tensor, y: Tensor, i: Tensor, j: Tensor) -> Tensor:
    """|x_i - y_j|^2 of pairs, by differences in float64.

    Args:
        x: rows (N, d), uncentred.
        y: rows (M, d).
        i: which rows of x (P,).
        j: which rows of y (P,).
    Returns:
        float64 (P,); the same pair gives the same bits, whichever way round it is given.
    """
    found = torch.empty(len(i), dtype=torch.float64)
    step = max(1, CHUNK // x.shape[1])
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        difference = x[i[part]].double().sub_(y[j[part]])
        torch.sum(difference.square_(), 1, out=found[part])
    return found


@dataclass(frozen=True)
class Near:
    """The smallest numbers seen so far in each of n rows, and where they stood."""

    values: Tensor
    """Ascending (n, keep); infinite where fewer were seen."""
    index: Tensor
    """int64 (n, keep); -1 likewise."""

    @classmethod
    def empty(cls, n: int, keep: int, dtype: torch.dtype) -> "Near":
        """Nothing seen yet."""
        return cls(torch.full((n, keep), torch.inf, dtype=dtype), torch.full((n, keep), -1))

    def see(self, rows: slice, block: Tensor, columns: Tensor) -> None:
        """Take in a block of numbers.

        Args:
            rows: which rows it belongs to, b of them.
            block: (b, c).
            columns: int64 (c,), what its columns are called.
        """
        values, place = _smallest(block, min(self.values.shape[1], block.shape[1]))
        self._keep(rows, values, torch.where(values.isinf(), -1, columns[place]))  # infinite: itself

    def merge(self, other: "Near") -> "Near":
        """What both have seen, where they saw different columns."""
        both = Near(self.values.clone(), self.index.clone())
        both._keep(slice(None), other.values, other.index)
        return both

    def _keep(self, rows: slice, values: Tensor, index: Tensor) -> None:
        values = torch.cat([self.values[rows], values], 1)
        index = torch.cat([self.index[rows], index], 1)
        best, place = values.topk(self.values.shape[1], dim=1, largest=False)
        self.values[rows] = best
        self.index[rows] = index.gather(1, place)


def _smallest(block: Tensor, keep: int) -> tuple[Tensor, Tensor]:
    """The ``keep`` smallest of each row of (b, c), ascending, and their columns."""
    b, c = block.shape
    groups = c // GROUP
    if c % GROUP or groups <= 2 * keep:
        values, place = block.topk(keep, dim=1, largest=False)
        return values, place
    minima = block.view(b, GROUP, groups).amin(1)  # (b, groups): columns g, g + groups, g + 2 groups, ...
    best = minima.topk(keep, dim=1, largest=False, sorted=False).indices
    members = (best.unsqueeze(2) + torch.arange(0, c, groups)).flatten(1)  # (b, keep * GROUP)
    values, place = block.gather(1, members).topk(keep, dim=1, largest=False)
    return values, members.gather(1, place)


def settle(near: Near, x: Tensor, y: Tensor, k: int, margin: Tensor, itself: bool) -> tuple[Tensor, Tensor]:
    """The k nearest rows of y for each row of x, by exact distances.

    Rows whose candidates rounding may have got wrong (the k-th distance is not clearly below the last
    candidate's) are searched again by differences in float64.

    Args:
        near: candidates, by squared distances that are off by at most ``margin``.
        x: rows (N, d), uncentred.
        y: rows (M, d); x itself where ``itself``.
        k: number of neighbours.
        margin: (N,), from `slack`.
        itself: whether a row must not be its own neighbour.
    Returns:
        Squared distances, float64 (N, k), ascending; and int64 (N, k).
    """
    squared, index = _exact(near.index, x, y, torch.arange(len(x)))
    width, last = near.index.shape[1], squared[:, k - 1]
    if len(y) - itself > width:  # else every other row is a candidate
        unsure = (last > near.values[:, -1].double() - margin) & (last > 0)
        for rows in unsure.nonzero().flatten().split(max(1, CHUNK // len(y))):
            distance = _differences(x[rows], y)
            if itself:
                distance[torch.arange(len(rows)), rows] = torch.inf
            squared[rows], index[rows] = _exact(_smallest(distance, width)[1], x, y, rows)
    return squared[:, :k].contiguous(), index[:, :k].contiguous()


def nearest_rows(x: Tensor, y: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest rows of y for each row of x, by exact distances, in memory of tiles.

    Args:
        x: rows (N, d): floats, or pixels in uint8.
        y: rows (M, d), M >= k.
        k: number of neighbours.
    Returns:
        Distances, float64 (N, k), ascending; and int64 (N, k).

    >>> nearest_rows(torch.tensor([[0.0]]), torch.tensor([[5.0], [-1.0]]), 1)
    (tensor([[1.]], dtype=torch.float64), tensor([[1]]))
    """
    require(len(y) >= k >= 1, "k", k, f"from 1 to {len(y)}, the rows to choose from")
    dtype = torch.promote_types(torch.promote_types(x.dtype, y.dtype), torch.float32)
    centre = mean_row(y).to(dtype)
    a, names = Factors(x.to(dtype), centre), torch.arange(len(y))
    near, largest = Near.empty(len(x), k + SPARE, dtype), torch.zeros(1, dtype=dtype)
    for j in range(0, len(y), TILE):
        b = Factors(y[j : j + TILE].to(dtype), centre)
        right, largest = b.right(), torch.maximum(largest, b.norms.max())
        for i in range(0, len(x), TILE):
            rows = slice(i, i + TILE)
            near.see(rows, a.left(rows) @ right, names[j : j + TILE])
    squared, index = settle(near, x, y, k, slack(a.norms, largest, a.d), False)
    return squared.sqrt(), index


def _differences(x: Tensor, y: Tensor) -> Tensor:
    """Distances (n, m) by differences in float64."""
    parts = (
        torch.cdist(x.double(), some.double(), compute_mode="donot_use_mm_for_euclid_dist")
        for some in y.split(max(1, CHUNK // y.shape[1]))
    )
    return torch.cat(list(parts), 1)


def _exact(index: Tensor, x: Tensor, y: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Candidates (n, keep) in the order of their exact squared distances, then of their indices."""
    index = index.sort(1).values
    seen = index >= 0
    squared = torch.full(index.shape, torch.inf, dtype=torch.float64)
    squared[seen] = squared_distances(x, y, rows.unsqueeze(1).expand_as(index)[seen], index[seen])
    squared, order = squared.sort(stable=True, dim=1)
    return squared, index.gather(1, order)
