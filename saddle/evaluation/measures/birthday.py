"""The birthday paradox test: near-duplicates in a batch tell how many distinct samples a generator has."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.optimize import brentq
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.pairs import Pairs
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = [
    "Collisions",
    "birthday",
    "closest_pairs",
    "collision_probability",
    "contact_sheet",
    "count_collisions",
    "near_duplicate",
    "support_size",
]

Judge = Callable[[Tensor, Tensor], Tensor]
"""Says of pairs of rows (T, d), (T, d) which are duplicates: bool (T,)."""

QUANTILE = 0.01
"""A pair of samples is a duplicate when it is nearer than all but this share of the data's nearest neighbours."""

TOP = 20
"""Candidates judged in each batch, and shown."""

FEWEST = 4
"""Batches that are left at the largest size tried."""


def collision_probability(s: int, support: float) -> float:
    """Chance that s draws from `support` equally likely ones hold two alike, 1 - prod_{i<s} (1 - i / support).

    Args:
        s: draws, 0 or more.
        support: N > 0; a real number above s - 1 interpolates the product.
    Returns:
        Probability; 1 where support <= s - 1.

    >>> collision_probability(23, 365)
    0.5072972343
    """
    require(support > 0, "support", support, "a positive number of distinct samples")
    if support <= s - 1:
        return 1.0
    i = torch.arange(s, dtype=torch.float64)
    return -math.expm1(float(torch.log1p(-i / support).sum())) if math.isfinite(support) else 0.0


def support_size(probability: float, s: int) -> float:
    """The N at which s draws collide with this probability: inverse of `collision_probability`.

    Borji's and the paper's "about s^2" is N = s (s - 1) / (2 ln 2) for probability 1/2, to first order.

    Args:
        probability: in [0, 1].
        s: draws, 2 or more.
    Returns:
        N; inf for probability 0, and s - 1, the most that surely collides, for 1.
    Raises:
        ValueError: s < 2 or no probability.

    >>> support_size(0.01, 2)
    100.0
    """
    require(s >= 2, "s", s, "2 or more draws")
    require(0.0 <= probability <= 1.0, "probability", probability, "a number in [0, 1]")
    if probability in (0.0, 1.0):
        return math.inf if probability == 0 else s - 1.0
    most = s * s / -math.log1p(-probability)  # from prod(1 - i/N) >= 1 - s^2 / 2N and -ln(1 - p) >= p
    low = math.log(s - 1.0) + 1e-15
    high = max(math.log(most), low) + 1.0
    if collision_probability(s, math.exp(low)) <= probability:
        return math.exp(low)
    return math.exp(
        brentq(lambda log_n: collision_probability(s, math.exp(log_n)) - probability, low, high, xtol=1e-13)
    )


def closest_pairs(rows: Tensor, top: int = TOP) -> tuple[Tensor, Tensor]:
    """The pairs of different rows that lie nearest to each other.

    Args:
        rows: (n, d), n >= 2.
        top: how many; all n (n - 1) / 2 where there are fewer.
    Returns:
        Indices int64 (T, 2), first < second, and distances float64 (T,), ascending; found in the expanded form, then
        computed again by subtraction, so that copies are at distance 0.
    Raises:
        ValueError: fewer than 2 rows.
    """
    require(len(rows) >= 2, "rows", len(rows), "2 or more")
    rows = rows.double()
    rows = rows - rows.mean(0)
    squares = rows.square().sum(1)
    pairs, lengths = torch.empty(0, 2, dtype=torch.long), torch.empty(0, dtype=torch.float64)
    for first in range(0, len(rows), 512):
        some = rows[first : first + 512]
        block = torch.addmm(squares[first:], some, rows[first:].T, alpha=-2.0)  # |y|^2 - 2 x.y (b, n - first)
        block.add_(squares[first : first + 512, None])
        square = block[:, : len(some)]
        square.masked_fill_(torch.ones_like(square, dtype=torch.bool).tril(), torch.inf)
        # The T smallest numbers are no larger than the T-th smallest of the rows' minima
        bound = block.amin(1).topk(top, largest=False).values[-1] if len(some) >= top else torch.inf
        at = (block <= bound).nonzero()
        pairs, lengths = torch.cat([pairs, at + first]), torch.cat([lengths, block[at[:, 0], at[:, 1]]])
        kept = lengths.topk(min(top, len(lengths)), largest=False).indices
        pairs, lengths = pairs[kept], lengths[kept]
    pairs = pairs[lengths.isfinite()]
    exact = (rows[pairs[:, 0]] - rows[pairs[:, 1]]).norm(dim=1)
    order = exact.argsort(stable=True)
    return pairs[order], exact[order]


def near_duplicate(threshold: float) -> Judge:
    """The judge that needs no eyes: a pair is a duplicate at a distance of at most `threshold`."""
    return lambda first, second: (first.double() - second.double()).norm(dim=1) <= threshold


@dataclass(frozen=True)
class Collisions:
    """What batches of one size showed."""

    size: int
    """s, samples a batch."""
    batches: int
    """Batches judged; no two share a sample."""
    hits: int
    """Batches with a duplicate."""

    @property
    def rate(self) -> float:
        """Share of batches with a duplicate."""
        return self.hits / self.batches

    @property
    def support(self) -> float:
        """Implied number of distinct, equally likely samples, from the rate with half a count added to either outcome.

        So it is finite; where no batch had a duplicate, read the lower end of the interval: the upper one is inf.
        """
        return support_size((self.hits + 0.5) / (self.batches + 1), self.size)

    @property
    def interval(self) -> Interval:
        """95 % interval of the support, from Clopper and Pearson's for the rate."""
        low, high = clopper_pearson(self.hits, self.batches)
        return support_size(high, self.size), support_size(low, self.size)


def count_collisions(rows: Tensor, size: int, judge: Judge, top: int = TOP) -> Collisions:
    """Cuts samples into batches and judges the nearest pairs of each.

    Args:
        rows: (n, d) in random order; the rest after the last whole batch is left out.
        size: s, samples a batch, 2 to n.
        judge: says which candidates are duplicates; people may do it.
        top: candidates shown to the judge per batch.
    Raises:
        ValueError: size out of range.
    Source: Arora and Zhang 2017, arXiv:1706.08224, section 3.
    """
    require(2 <= size <= len(rows), "size", size, f"2 to {len(rows)} samples a batch")
    hits = 0
    batches = [batch for batch in rows.split(size) if len(batch) == size]
    for batch in batches:
        pairs, _ = closest_pairs(batch, top)
        hits += bool(judge(batch[pairs[:, 0]], batch[pairs[:, 1]]).any())
    return Collisions(size, len(batches), hits)


def contact_sheet(images: Tensor, pairs: Tensor, across: int = 5) -> Tensor:
    """Pairs of images side by side, for eyes to judge.

    Args:
        images: uint8 (n, C, H, W), C = 1 or 3.
        pairs: indices (T, 2), T >= 1.
        across: pairs in a row.
    Returns:
        uint8 (rows, columns, 3); the two of a pair touch, and white lines part the pairs.
    """
    couples = images[pairs.flatten()].expand(-1, 3, -1, -1).unflatten(0, (-1, 2))  # (T, 2, 3, H, W)
    joined = torch.cat([couples[:, 0], couples[:, 1]], 3)  # (T, 3, H, 2 W)
    framed = torch.nn.functional.pad(joined, (2, 2, 2, 2), value=255)
    blank = torch.full_like(framed[:1], 255).expand(-len(framed) % across, -1, -1, -1)
    grid = torch.cat([framed, blank]).unflatten(0, (-1, across))  # (rows, across, 3, h, w)
    sheet: Tensor = grid.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1).contiguous()
    return sheet


def _closest_of_all(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """The 2 k nearest pairs of generated samples, as `closest_pairs`', from the k nearest neighbours of each.

    None is missed: a pair that is on neither one's list has 2 k nearer ones there.
    """
    k, index = pairs.neighbours, pairs.ff_index
    both = torch.stack([torch.arange(len(index))[:, None].expand_as(index), index], 2).flatten(0, 1).sort(1).values
    lengths, order = pairs.ff_distance.flatten().sort(stable=True)
    order, lengths = order[: 4 * k], lengths[: 4 * k]  # each may stand there twice
    first = [i for i, at in enumerate(both[order].tolist()) if at not in both[order[:i]].tolist()][: 2 * k]
    return both[order[first]], lengths[first]


def _ladder(rows: Tensor, judge: Judge) -> list[Collisions]:
    """Batches of doubling size until half of them hold a duplicate or too few are left."""
    rungs: list[Collisions] = []
    size = max(2, len(rows) // (16 * FEWEST))
    while len(rows) // size >= FEWEST and not (rungs and rungs[-1].rate >= 0.5):
        rungs.append(count_collisions(rows, size, judge))
        size *= 2
    return rungs


def _telling(rungs: list[Collisions]) -> Collisions:
    return min(rungs, key=lambda rung: abs(rung.rate - 0.5))


def birthday(study: Study) -> Result:
    """Adapter. Value: number of equally likely samples that would collide as often as the generated ones do.

    As in the paper, the batch size doubles until half of the batches hold a duplicate, or four batches are left;
    the value is read at the size where that share is nearest to one half, and so is the interval, Clopper and
    Pearson's over batches: its upper end is inf where none had a duplicate. Details: ``size``, ``batches``, ``hits``,
    ``ladder`` (size, batches, hits), ``threshold`` (the data's 1 % quantile of nearest-neighbour distances), ``real``
    (the same of the data themselves: compare with it), ``candidates`` (first, second, distance of the ten nearest
    pairs of all). Pictures: those pairs, where images are given.
    """
    real, fake = study.real_features, study.fake_features
    n = min(len(real), len(fake))
    require(n >= 2 * FEWEST, "samples", (len(real), len(fake)), f"at least {2 * FEWEST} of each kind")
    threshold = float(study.pairs.rr_distance[:, 0].double().quantile(QUANTILE))
    judge, rng = near_duplicate(threshold), study.rng("birthday")
    order = [torch.randperm(len(x), generator=rng)[:n] for x in (real, fake)]
    of_real, of_fake = (_ladder(x[index], judge) for x, index in zip((real, fake), order, strict=True))
    pairs, lengths = _closest_of_all(study.pairs)
    last, base = _telling(of_fake), _telling(of_real)
    details = {
        "size": last.size,
        "batches": last.batches,
        "hits": last.hits,
        "ladder": [[rung.size, rung.batches, rung.hits] for rung in of_fake],
        "threshold": threshold,
        "threshold_quantile": QUANTILE,
        "real": {"support": base.support, "interval": list(base.interval), "size": base.size, "hits": base.hits},
        "candidates": [[int(i), int(j), float(length)] for (i, j), length in zip(pairs, lengths, strict=True)],
        "interval_over": "batches of that size",
    }
    images = study.fake.images
    pictures = {} if images is None else {"candidates": contact_sheet(images, pairs)}
    return Result(last.support, last.interval, details, pictures)
