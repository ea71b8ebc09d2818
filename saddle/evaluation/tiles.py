"""The tile loops of the one pass: blocks of squared distances, and everything that is read off each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import torch
from torch import Tensor

from saddle.evaluation.nearest import SPARE, Factors, Near, mean_row, slack, squared_distances

__all__ = ["Balls", "Between", "Plan", "Within", "between", "within"]

Part = tuple[int, int]
"""(i, n): the i-th of n equal shares of the tiles."""


@dataclass(frozen=True)
class Plan:
    """What a pass gathers, and how."""

    neighbours: int
    """Nearest neighbours kept of every sample."""
    balls: tuple[int, ...]
    """Which neighbours' distances are radii of balls."""
    inside: Callable[[Tensor, Tensor], Tensor]
    """Whether a distance lies within a radius: `torch.le`, or `torch.lt`."""
    widths: tuple[float, ...]
    """sigma of the Gaussian kernels, each sqrt(2) times narrower than the one before."""
    tile: int
    """Rows and columns of a tile."""


@dataclass(frozen=True)
class Within:
    """What tiles of one side against itself have given so far. Self pairs are left out, by index."""

    near: Near
    """Candidates for the nearest neighbours (n, k + spare)."""
    sums: Tensor
    """sum_j k(x_i, x_j) over j != i, float64 (kernels, n): the cubic kernel, then the Gaussian ones."""

    def merge(self, other: "Within") -> "Within":
        """What both shares of the tiles have given."""
        return Within(self.near.merge(other.near), self.sums + other.sums)


@dataclass(frozen=True)
class Between:
    """What tiles of the real side against the generated one have given so far."""

    real_near: Near
    """Candidates for the nearest generated samples of each real one (N, k + spare)."""
    fake_near: Near
    """Candidates for the nearest real samples of each generated one (M, k + spare)."""
    real_sums: Tensor
    """sum_j k(x_i, y_j), float64 (kernels, N)."""
    fake_sums: Tensor
    """sum_i k(x_i, y_j), float64 (kernels, M)."""
    in_real: Tensor
    """Number of balls about real samples that hold each generated one, int64 (balls, M)."""
    in_fake: Tensor
    """Number of balls about generated samples that hold each real one, int64 (balls, N)."""
    smallest: Tensor
    """Squared radius of the smallest real ball that holds each generated sample, float64 (balls, M); else infinite."""
    depth: Near
    """Candidates for min_r |y - x_r|^2 / radius_r^2 over trusted real balls, for each generated sample (M, spare)."""

    def merge(self, other: "Between") -> "Between":
        """What both shares of the tiles have given."""
        return Between(
            self.real_near.merge(other.real_near),
            self.fake_near.merge(other.fake_near),
            self.real_sums + other.real_sums,
            self.fake_sums + other.fake_sums,
            self.in_real + other.in_real,
            self.in_fake + other.in_fake,
            torch.minimum(self.smallest, other.smallest),
            self.depth.merge(other.depth),
        )


@dataclass(frozen=True)
class Balls:
    """Squared radii of the balls about the samples of both sides."""

    real: Tensor
    """float64 (balls, N)."""
    fake: Tensor
    """float64 (balls, M)."""
    trusted: Tensor
    """Which real balls are at most of median radius and not a single point, bool (N,)."""


def _kernels(
    D: Tensor, x: Factors, y: Factors, rows: slice, columns: slice, widths: tuple[float, ...]
) -> Iterator[Tensor]:
    """The kernels of a block of squared distances, one after another in the same memory."""
    # x.y/d + 1 = (|x|^2 + |y|^2 - D) / 2d + 1, of the uncentred rows
    base = torch.add(y.offset[columns], D, alpha=-0.5 / x.d).add_(x.offset[rows].unsqueeze(1))
    yield torch.mul(base, base).mul_(base)
    if widths:
        K = torch.mul(D, -0.5 / widths[0] ** 2, out=base).exp_()
        yield K
        for _ in widths[1:]:  # sigma / sqrt(2) squares the kernel
            yield K.mul_(K)


def _slices(n: int, tile: int) -> list[slice]:
    return [slice(start, min(start + tile, n)) for start in range(0, n, tile)]


def _blocks(tiles: list[tuple[slice, slice]], x: Factors, right: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
    """Squared distances of each tile, (tile, tile)."""
    for a, row in groupby(tiles, key=itemgetter(0)):
        left = x.left(a)
        for _, b in row:
            yield a, b, left @ right[:, b]


def within(rows: Tensor, plan: Plan, part: Part = (0, 1)) -> Within:
    """A share of the tiles of one side against itself; of two mirrored tiles one is computed.

    Args:
        rows: (n, d).
        plan: what to gather.
        part: which share.
    """
    n = len(rows)
    x = Factors(rows, mean_row(rows).to(rows.dtype))
    right = x.right()
    held = Within(
        Near.empty(n, plan.neighbours + SPARE, rows.dtype),
        torch.zeros(1 + len(plan.widths), n, dtype=torch.float64),
    )
    every, names = _slices(n, plan.tile), torch.arange(n)
    tiles = [(a, b) for i, a in enumerate(every) for b in every[i:]]
    for a, b, D in _blocks(tiles[part[0] :: part[1]], x, right):
        for sums, K in zip(held.sums, _kernels(D, x, x, a, b, plan.widths), strict=True):
            if a == b:
                K.fill_diagonal_(0.0)
            else:
                sums[b] += K.sum(0)
            sums[a] += K.sum(1)
        if a == b:
            D.fill_diagonal_(torch.inf)
        else:
            held.near.see(b, D.T, names[a])
        held.near.see(a, D, names[b])
    return held


def within_margin(rows: Tensor) -> Tensor:
    """How far squared distances in `within` may be off, float64 (n,)."""
    x = Factors(rows, mean_row(rows).to(rows.dtype))
    return slack(x.norms, x.norms, x.d)


def between(real: Tensor, fake: Tensor, balls: Balls, plan: Plan, part: Part = (0, 1)) -> Between:
    """A share of the tiles of the real side against the generated one.

    Args:
        real: (N, d).
        fake: (M, d).
        balls: about both sides.
        plan: what to gather.
        part: which share.
    """
    n, m = len(real), len(fake)
    x, y = _about_one_centre(real, fake)
    right = y.right()
    held = _nothing(n, m, real.dtype, plan)
    margins = slack(x.norms, y.norms, x.d), slack(y.norms, x.norms, x.d)
    weight = torch.where(balls.trusted, balls.real[0].reciprocal(), 0.0).to(real.dtype)
    x_names, y_names = torch.arange(n), torch.arange(m)
    tiles = [(a, b) for a in _slices(n, plan.tile) for b in _slices(m, plan.tile)]
    for a, b, D in _blocks(tiles[part[0] :: part[1]], x, right):
        for k, K in enumerate(_kernels(D, x, y, a, b, plan.widths)):
            held.real_sums[k, a] += K.sum(1)
            held.fake_sums[k, b] += K.sum(0)
        held.real_near.see(a, D, y_names[b])
        held.fake_near.see(b, D.T, x_names[a])
        for ball, i, j in _inside(D, real, fake, a, b, balls.real, margins[0], plan):
            held.in_real[ball].index_add_(0, j, torch.ones_like(j))
            held.smallest[ball].scatter_reduce_(0, j, balls.real[ball][i], "amin")
        for ball, _, i in _inside(D.T, fake, real, b, a, balls.fake, margins[1], plan):
            held.in_fake[ball].index_add_(0, i, torch.ones_like(i))
        kept = balls.trusted[a].nonzero().flatten()
        if len(kept):
            held.depth.see(b, (D[kept] * weight[a][kept].unsqueeze(1)).T, x_names[a][kept])
    return held


def _inside(
    D: Tensor, x: Tensor, y: Tensor, rows: slice, columns: slice, radii: Tensor, margin: Tensor, plan: Plan
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Which pairs of a block lie within the balls about x: ball, i, j; those that rounding may decide, exactly."""
    largest = (radii[-1, rows] + margin[rows]).to(D.dtype) * (1 + torch.finfo(D.dtype).eps)  # rounded up
    i, j = torch.le(D, largest.unsqueeze(1)).nonzero().unbind(1)
    squared = D[i, j].double()
    i, j = i + rows.start, j + columns.start
    close = ((squared - radii[:, i]).abs() <= margin[i]).any(0)
    squared[close] = squared_distances(x, y, i[close], j[close])
    for ball, radius in enumerate(radii):
        held = plan.inside(squared, radius[i])
        yield ball, i[held], j[held]


def between_margins(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """How far squared distances in `between` may be off, float64 (N,), (M,)."""
    x, y = _about_one_centre(real, fake)
    return slack(x.norms, y.norms, x.d), slack(y.norms, x.norms, x.d)


def _about_one_centre(real: Tensor, fake: Tensor) -> tuple[Factors, Factors]:
    centre = mean_row(real, fake).to(real.dtype)
    return Factors(real, centre), Factors(fake, centre)


def _nothing(n: int, m: int, dtype: torch.dtype, plan: Plan) -> Between:
    keep, kernels, balls = plan.neighbours + SPARE, 1 + len(plan.widths), len(plan.balls)
    return Between(
        Near.empty(n, keep, dtype),
        Near.empty(m, keep, dtype),
        torch.zeros(kernels, n, dtype=torch.float64),
        torch.zeros(kernels, m, dtype=torch.float64),
        torch.zeros(balls, m, dtype=torch.int64),
        torch.zeros(balls, n, dtype=torch.int64),
        torch.full((balls, m), torch.inf, dtype=torch.float64),
        Near.empty(m, SPARE, dtype),
    )
