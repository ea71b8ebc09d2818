"""One pass over the distances within and between two sets of features, shared by every measure that needs any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.nearest import mean_row, settle, squared_distances
from saddle.evaluation.tiles import Balls, Between, Plan, Within, between, between_margins, within, within_margin

__all__ = ["ALONE", "KernelSums", "Pairs", "Share", "mean_squared_distance", "sweep"]

WIDTHS = (4.0, 2.0, 1.0, 0.5, 0.25)
"""sigma^2 of the Gaussian kernels over the mean squared distance of two real samples; each half the one before."""
LARGEST = 1e40
"""Of a feature, in size."""

P = TypeVar("P", Within, Between)


class Share(Protocol):
    """One of several workers that divide the tiles among them."""

    part: tuple[int, int]
    """(i, n): this is the i-th of n workers."""

    def merged(self, mine: P) -> P:
        """What all workers have found together."""


class _Alone:
    part = (0, 1)

    def merged(self, mine: P) -> P:
        return mine


ALONE: Share = _Alone()
"""The only worker."""


@dataclass(frozen=True)
class KernelSums:
    """Sums of one kernel k over the pairs that each sample belongs to, float64; samples with themselves left out."""

    rr: Tensor
    """sum over i' != i of k(x_i, x_i'), for each real sample (N,)."""
    ff: Tensor
    """sum over j' != j of k(y_j, y_j'), for each generated sample (M,)."""
    rf: Tensor
    """sum over j of k(x_i, y_j), for each real sample (N,)."""
    fr: Tensor
    """sum over i of k(x_i, y_j), for each generated sample (M,)."""
    sigma: float | None = None
    """Width of a Gaussian kernel; None for another."""


@dataclass(frozen=True)
class Pairs:
    """What one pass found: everything is of size n k. r is the real side (N, d), f the generated one (M, d).

    Distances are Euclidean, float64, by differences; nearest first. A sample is not its own neighbour.
    """

    neighbours: int
    """Number of neighbours k that are kept."""
    balls: tuple[int, ...]
    """Which neighbours' distances are the radii of balls, ascending: rows of `in_real` and its like, in this order."""
    inside: Callable[[Tensor, Tensor], Tensor]
    """Whether a distance lies within a radius: `torch.le` counts the boundary, `torch.lt` does not."""
    rr_distance: Tensor
    """From each real sample to its nearest other real ones (N, k)."""
    rr_index: Tensor
    """Which they are, int64 (N, k)."""
    ff_distance: Tensor
    """From each generated sample to its nearest other generated ones (M, k)."""
    ff_index: Tensor
    """Which they are, int64 (M, k)."""
    rf_distance: Tensor
    """From each real sample to its nearest generated ones (N, k)."""
    rf_index: Tensor
    """Which they are, int64 (N, k)."""
    fr_distance: Tensor
    """From each generated sample to its nearest real ones (M, k)."""
    fr_index: Tensor
    """Which they are, int64 (M, k)."""
    in_real: Tensor
    """Number of real samples' balls that hold each generated sample, int64 (balls, M)."""
    in_fake: Tensor
    """Number of generated samples' balls that hold each real sample, int64 (balls, N)."""
    covered: Tensor
    """Whether each real sample's ball holds a generated one, bool (balls, N)."""
    rarity: Tensor
    """Radius of the smallest real ball that holds each generated sample, float64 (balls, M); infinite outside all."""
    realism: Tensor
    """max of radius / distance over real balls (first of `balls`) of less than median radius, float64 (M,).

    Infinite for a copy of the centre of such a ball. Where half of the radii are equal, those are taken too; balls
    that are single points are not, and where all are it is 0."""
    cubic: KernelSums
    """Of the kernel (x.y / d + 1)^3, the rows taken as they are."""
    gaussian: tuple[KernelSums, ...]
    """Of the kernels exp(-|x - y|^2 / 2 sigma^2), widest first."""
    scale: float
    """Mean squared distance of two real samples; of two samples of either side where the real ones are all equal."""

    def ball(self, k: int) -> int:
        """Row of `in_real` and its like for balls that reach to the k-th neighbour.

        Raises:
            ValueError: the pass was not asked for it.
        """
        require(k in self.balls, "k", k, f"one of {', '.join(map(str, self.balls))}, which the pass counted")
        return self.balls.index(k)


def mean_squared_distance(rows: Tensor) -> float:
    r"""Mean of |x_i - x_j|^2 over i != j, without forming the pairs.

    .. math:: \frac{2}{n - 1} \sum_i |x_i - \bar x|^2

    Args:
        rows: (n, d), n >= 2.

    >>> mean_squared_distance(torch.tensor([[0.0], [1.0], [3.0]]))  # (1 + 9 + 4) / 3
    4.666666666666667
    """
    require(len(rows) >= 2, "rows", len(rows), "2 or more")
    mean = mean_row(rows)
    parts = ((part.double() - mean).square_().sum() for part in rows.split(1024))
    return 2.0 * float(sum(parts)) / (len(rows) - 1)


def sweep(
    real: Tensor,
    fake: Tensor,
    *,
    neighbours: int = 5,
    balls: Sequence[int] = (3, 5),
    inside: Callable[[Tensor, Tensor], Tensor] = torch.le,
    tile: int = 512,
    share: Share = ALONE,
) -> Pairs:
    """Nearest neighbours, ball counts and kernel sums of two sets of features, in one pass over tiles.

    Time 4 n^2 d (of two mirrored tiles within a side one is computed); memory tile^2 + n (d + k).
    float32 features are multiplied in float32: distances that are returned, and comparisons that rounding could
    decide, are computed again by differences in float64; sums add up in float64. float64 features, or any above 1e4 in
    size: all in float64.

    Args:
        real: (N, d), float32 or float64, finite.
        fake: (M, d), likewise.
        neighbours: how many nearest to keep, k.
        balls: which neighbours' distances are radii, each at most k.
        inside: `torch.le` counts the boundary of a ball as within it (Kynkäänniemi et al.), `torch.lt` does not (prdc).
        tile: rows and columns of a tile; results do not depend on it.
        share: which part of the tiles to compute and how to join it with the others'; all of them by default.
    Raises:
        ValueError: fewer than k + 1 samples on a side, other shapes, other types, not finite.

    >>> pairs = sweep(torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.5], [9.0]]), neighbours=1, balls=(1,))
    >>> pairs.rr_distance.flatten().tolist(), pairs.in_real.tolist()
    ([1.0, 1.0, 2.0], [[2, 0]])
    """
    _check(real, fake, neighbours, balls)
    dtype = _precision(real, fake)
    real, fake = real.detach().to(dtype), fake.detach().to(dtype)
    scale = _scale(real, fake)
    plan = Plan(neighbours, tuple(sorted(set(balls))), inside, tuple((w * scale) ** 0.5 for w in WIDTHS), tile)
    held = [share.merged(within(rows, plan, share.part)) for rows in (real, fake)]
    rr, rr_index = settle(held[0].near, real, real, neighbours, within_margin(real), True)
    ff, ff_index = settle(held[1].near, fake, fake, neighbours, within_margin(fake), True)
    radii = _balls(rr, ff, plan.balls)
    across = share.merged(between(real, fake, radii, plan, share.part))
    margins = between_margins(real, fake)
    rf, rf_index = settle(across.real_near, real, fake, neighbours, margins[0], False)
    fr, fr_index = settle(across.fake_near, fake, real, neighbours, margins[1], False)
    sums = zip(held[0].sums, held[1].sums, across.real_sums, across.fake_sums, (None, *plan.widths), strict=True)
    cubic, *gaussian = (KernelSums(*parts) for parts in sums)
    return Pairs(
        neighbours,
        plan.balls,
        inside,
        rr.sqrt(),
        rr_index,
        ff.sqrt(),
        ff_index,
        rf.sqrt(),
        rf_index,
        fr.sqrt(),
        fr_index,
        across.in_real,
        across.in_fake,
        inside(rf[:, 0], radii.real),
        across.smallest.sqrt(),
        _realism(across, real, fake, radii),
        cubic=cubic,
        gaussian=tuple(gaussian),
        scale=scale,
    )


def _check(real: Tensor, fake: Tensor, neighbours: int, balls: Sequence[int]) -> None:
    require(neighbours >= 1, "neighbours", neighbours, "1 or more")
    require(
        len(balls) > 0 and all(1 <= k <= neighbours for k in balls), "balls", tuple(balls), f"from 1 to {neighbours}"
    )
    for name, rows in (("real", real), ("fake", fake)):
        require(rows.ndim == 2 and rows.shape[1] > 0, name, tuple(rows.shape), "features (n, d)")
        require(rows.dtype in (torch.float32, torch.float64), name, rows.dtype, "float32 or float64")
        require(
            len(rows) > neighbours,
            name,
            f"{len(rows)} samples",
            f"{neighbours + 1} or more, for {neighbours} neighbours",
        )
        require(bool(rows.isfinite().all()), name, "NaN or infinity", "finite features")
    require(real.shape[1] == fake.shape[1], "fake", f"{fake.shape[1]} features", f"{real.shape[1]}, as the real side")


def _precision(real: Tensor, fake: Tensor) -> torch.dtype:
    """float64 where either side has it, or where float32 might not hold the cube of a square."""
    largest = max(float(rows.abs().max()) for rows in (real, fake))
    require(
        largest <= LARGEST, "features", f"up to {largest:.3g}", f"numbers up to {LARGEST:g}, whose sixth powers exist"
    )
    return torch.float64 if largest > 1e4 else torch.promote_types(real.dtype, fake.dtype)


def _scale(real: Tensor, fake: Tensor) -> float:
    return mean_squared_distance(real) or mean_squared_distance(torch.cat([real, fake])) or 1.0


def _balls(real: Tensor, fake: Tensor, balls: tuple[int, ...]) -> Balls:
    """From squared distances to the neighbours (N, k), (M, k)."""
    which = torch.tensor(balls) - 1
    real, fake = real.T[which].contiguous(), fake.T[which].contiguous()
    median, some = real[0].quantile(0.5), real[0] > 0
    below = (real[0] < median) & some
    return Balls(real, fake, below if bool(below.any()) else (real[0] <= median) & some)


def _realism(across: Between, real: Tensor, fake: Tensor, balls: Balls) -> Tensor:
    """max radius / distance over the trusted balls, exactly for the candidates; 0 where there is no such ball."""
    found = torch.zeros(len(fake), dtype=torch.float64)
    which, place = (across.depth.index >= 0).nonzero().unbind(1)
    ball = across.depth.index[which, place]
    ratio = balls.real[0][ball] / squared_distances(real, fake, ball, which)
    return found.scatter_reduce_(0, which, ratio, "amax").sqrt_()
