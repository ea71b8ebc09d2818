"""Geometry score: the number of holes that a set shows at random scales, by witness complexes of random landmarks."""

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.nearest import squared_distances
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = [
    "geometry_score",
    "intervals",
    "landmarks",
    "landmarks_with_replacement",
    "living_times",
    "relative_living_times",
    "score",
    "score_interval",
]

LANDMARKS = 64
"""L0 of the paper's program: landmarks a draw."""

HOLES = 100
"""i_max of the paper's program: numbers of holes told apart, 0 ... 99."""

DRAWS = 30
"""Landmark draws a set; the paper takes 10,000, with hours to spend."""

WITNESSES = 1000
"""Samples a set that the adapter uses at most."""


def landmarks(n: int, count: int, rng: torch.Generator) -> Tensor:
    """`count` different samples of n, as indices (count,)."""
    return torch.randperm(n, generator=rng)[:count]


def landmarks_with_replacement(n: int, count: int, rng: torch.Generator) -> Tensor:
    """As the paper's program draws them: some twice, which says nothing new. For comparison with its numbers."""
    return torch.randint(n, (count,), generator=rng)


def intervals(distance: Tensor, gamma: float) -> tuple[Tensor, float]:
    r"""Births and deaths of the holes (H1 over Z/2) in the witness complex on chosen landmarks.

    A witness w supports a simplex at a when all its corners are at most a farther from w than the nearest landmark
    outside. A triangle therefore asks for no landmark beyond d_(4)(w) + alpha_max: each witness keeps those
    nearer, and one more as the end. Distances are not squared, as in the paper's program.

    Args:
        distance: of each witness from each landmark (N, L0), L0 >= 2.
        gamma: alpha_max = gamma times the greatest distance, > 0.
    Returns:
        Intervals (m, 2) float64, inf where a hole never closes; and alpha_max.
    Raises:
        ValueError: fewer than 2 landmarks, gamma not positive, all samples the same, or gudhi is not installed.
    Source: Khrulkov and Oseledets 2018, arXiv:1802.02664, section 4; de Silva and Carlsson 2004.
    """
    require(distance.shape[1] >= 2, "landmarks", distance.shape[1], "2 or more")
    require(gamma > 0, "gamma", gamma, "a positive number")
    alpha_max = gamma * float(distance.max())
    require(alpha_max > 0, "samples", "all the same", "different samples, which have a shape")
    order = distance.double().numpy().argsort(1)  # torch's sort of short rows takes six times as long
    near = np.take_along_axis(distance.double().numpy(), order, 1)  # (N, L0)
    count = near.shape[1]
    kept = np.minimum((near <= near[:, min(3, count - 1), None] + alpha_max).sum(1) + 1, count)
    ends = kept.cumsum().tolist()
    some = np.arange(count) < kept[:, None]
    entries = list(zip(order[some].tolist(), near[some].tolist(), strict=True))
    table = [entries[start:end] for start, end in pairwise([0, *ends])]
    tree = _gudhi().WitnessComplex(table).create_simplex_tree(max_alpha_square=alpha_max, limit_dimension=2)
    tree.compute_persistence(homology_coeff_field=2)
    found = torch.as_tensor(tree.persistence_intervals_in_dimension(1), dtype=torch.float64)
    return found.reshape(-1, 2), alpha_max


def _gudhi() -> Any:
    try:
        return import_module("gudhi")
    except ImportError as error:
        raise ValueError('geometry-score: gudhi is not installed: pip install "saddle-gan[topology]"') from error


def relative_living_times(holes: Tensor, alpha_max: float, most: int = HOLES) -> Tensor:
    """Share of the scales t in [0, alpha_max] at which exactly i holes are open.

    RLT(i) = |{t in [0, alpha_max] : beta_1(t) = i}| / alpha_max, by sorting the ends of the intervals.

    Args:
        holes: births and deaths (m, 2); what lies beyond alpha_max is cut off.
        alpha_max: greatest scale, > 0.
        most: i_max; larger numbers of holes are not counted.
    Returns:
        float64 (i_max,), each in [0, 1], of sum at most 1.
    Source: Khrulkov and Oseledets 2018, arXiv:1802.02664, definition 2.

    >>> relative_living_times(torch.tensor([[0.25, 0.5]]), 1.0, most=2)
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    ends = torch.cat([holes[:, 0], holes[:, 1]]).double().clamp(0.0, alpha_max)
    step = torch.ones(len(holes), dtype=torch.long)
    at, order = ends.sort()
    open_ = torch.cat([torch.zeros(1, dtype=torch.long), torch.cat([step, -step])[order].cumsum(0)])  # (2 m + 1,)
    edge = at.new_tensor([0.0]), at.new_tensor([alpha_max])
    length = torch.cat([at, edge[1]]) - torch.cat([edge[0], at])  # lengths 0 hide the order of equal ends
    counted = (length > 0) & (open_ < most)
    return torch.zeros(most, dtype=torch.float64).index_add_(0, open_[counted], length[counted]) / alpha_max


def living_times(x: Tensor, gamma: float, draws: list[Tensor], most: int = HOLES) -> Tensor:
    """Relative living times of one set for each draw of landmarks; their mean is the paper's MRLT.

    Args:
        x: samples (N, d), all of them witnesses.
        gamma: as in `intervals`.
        draws: indices of landmarks, one (L0,) a draw.
        most: i_max.
    Returns:
        float64 (draws, i_max).
    Raises:
        ValueError: no draws, fewer than 2 landmarks in one, gamma not positive, or all samples the same.
    """
    require(len(draws) >= 1, "draws", 0, "1 or more draws of landmarks")
    x = x.double()
    used, place = torch.cat(draws).unique(return_inverse=True)
    distance = _distances(x, used)  # (N, landmarks ever used)
    held = distance.T.contiguous()  # rows are picked in one piece each, columns number by number
    picked = (held[at].T.contiguous() for at in place.split([len(chosen) for chosen in draws]))
    return torch.stack([relative_living_times(*intervals(some, gamma), most) for some in picked])


def _distances(x: Tensor, some: Tensor) -> Tensor:
    """From all rows of x to some of them (N, n): one product, and differences where it would cost half the digits."""
    x = x - x.mean(0)
    norms = x.square().sum(1)
    squares = torch.addmm(norms[some], x, x[some].T, alpha=-2.0).add_(norms[:, None])
    i, j = (squares < 1e-6 * float(norms.max())).nonzero().unbind(1)
    squares[i, j] = squared_distances(x, x, i, some[j])
    return squares.sqrt_()


def score(first: Tensor, second: Tensor) -> float:
    """GS = sum_i (MRLT_1(i) - MRLT_2(i))^2.

    Args:
        first: living times of one set (n, i_max).
        second: of the other (m, i_max).
    Returns:
        Score in [0, 2]; noise of the draws keeps it above 0.
    Source: Khrulkov and Oseledets 2018, arXiv:1802.02664, eq. 10.
    """
    return float((first.mean(0) - second.mean(0)).square().sum())


def score_interval(first: Tensor, second: Tensor, rng: torch.Generator, repeats: int = 1000) -> Interval:
    """95 % bootstrap interval of the score over draws of landmarks; the samples stay as they are.

    A drawn-again score is too large on average, by what the draws' noise adds once more; that is taken off.

    Args:
        first: living times of one set (n, i_max).
        second: of the other (m, i_max).
        rng: draws again.
        repeats: bootstrap sets.
    """
    means = []
    for held in (first, second):
        n = len(held)
        counts = torch.zeros(repeats, n, dtype=torch.float64)
        again = torch.randint(n, (repeats, n), generator=rng)
        means.append(counts.scatter_add_(1, again, torch.ones_like(counts)) @ held / n)  # (repeats, i_max)
    found, drawn = score(first, second), (means[0] - means[1]).square().sum(1)
    low, high = (drawn - (drawn.mean() - found)).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return min(max(low, 0.0), found), max(high, found)


def geometry_score(study: Study) -> Result:
    """Adapter. Value: geometry score between half of the data and as many generated samples.

    Interval: over draws of landmarks, bootstrap. Details: ``real_halves``, the score of the two halves of the data
    at the same sizes, which is what noise alone gives; mean living times ``mrlt_real`` and ``mrlt_fake``
    up to the last number of holes seen; ``witnesses``, ``landmarks``, ``draws``, ``gamma``.
    """
    rng = study.rng("geometry-score")
    real, fake = (x[torch.randperm(len(x), generator=rng)] for x in (study.real_features, study.fake_features))
    m = min(len(real) // 2, len(fake), WITNESSES)
    require(m >= 8, "samples", (len(real), len(fake)), "at least 16 real and 8 generated ones")
    count, gamma = min(LANDMARKS, m // 2), m / 5000 / 128
    parts = real[:m], fake[:m], real[m : 2 * m]
    times = [living_times(x, gamma, [landmarks(m, count, rng) for _ in range(DRAWS)]) for x in parts]
    mrlt_real, mrlt_fake = times[0].mean(0), times[1].mean(0)
    seen = int(((mrlt_real + mrlt_fake) > 0).nonzero().max()) + 1
    details = {
        "real_halves": score(times[0], times[2]),
        "mrlt_real": mrlt_real[:seen].tolist(),
        "mrlt_fake": mrlt_fake[:seen].tolist(),
        "witnesses": m,
        "landmarks": count,
        "draws": DRAWS,
        "gamma": gamma,
        "interval_over": "draws of landmarks",
    }
    return Result(score(times[0], times[1]), score_interval(times[0], times[1], rng), details)
