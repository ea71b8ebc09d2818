"""C_T, the three-sample test of data copying: are generated samples nearer to the training data than new data are?"""

import math
from typing import Any, NamedTuple

import torch
from scipy import stats
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.measures.bins import bin_centres, nearest_bin
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = ["Copying", "copying_test", "data_copying", "nearest_distance", "rank_test"]

DIMENSIONS = 64
"""Features are first brought to this many principal components of the training data."""
CELLS = 3
"""Cells of k-means on the training data, in each of which samples are compared."""


def rank_test(p: Tensor, q: Tensor) -> tuple[float, float]:
    r"""Mann-Whitney's test of whether q tends to be above p, as a z-score, and the standard error of that score.

    Z = (U - (nm/2 - 1/2)) / sqrt(nm (n + m + 1) / 12), U the number of pairs with q > p, ties counting half.

    Args:
        p: numbers (n,).
        q: numbers (m,).
    Returns:
        Z, about N(0, 1) where both have one law and below 0 where q is smaller; and its standard error in general,
        from the spread of the share of pairs that each number wins; 0 where all of q lie on one side of p.
    Source: Mann and Whitney 1947; Meehan et al. 2020, arXiv:2004.05675, section 3; DeLong et al. 1988 for the error.

    >>> f"{rank_test(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([7.0, 8.0, 9.0]))[0]:.3f}"
    '2.182'
    """
    n, m = len(p), len(q)
    p, q = p.double().sort().values, q.double().sort().values
    q_wins = _below(p, q) / n  # (m,)
    p_loses = 1.0 - _below(q, p) / m  # (n,)
    U = n * m * float(q_wins.mean())
    scale = math.sqrt(n * m * (n + m + 1) / 12)
    variance = float(q_wins.var(correction=0)) / m + float(p_loses.var(correction=0)) / n
    return (U - (n * m / 2 - 0.5)) / scale, n * m * math.sqrt(variance) / scale


def _below(held: Tensor, x: Tensor) -> Tensor:
    """How many sorted numbers lie below each x, equal ones counting half."""
    left, right = (torch.searchsorted(held, x, right=right) for right in (False, True))
    return 0.5 * (left + right).double()


def nearest_distance(rows: Tensor, training: Tensor) -> Tensor:
    """Distance from each row to the nearest training row, float64 (n,), of the pair itself by differences.

    Args:
        rows: (n, d).
        training: (N, d).
    """
    middle = training.double().mean(0)
    known = training.double() - middle
    squares = 0.5 * known.square().sum(1)
    found = []
    for chunk in rows.split(max(1, (1 << 22) // len(training))):
        centred = chunk.double() - middle
        place = (squares - centred @ known.T).argmin(1)
        found.append((chunk.double() - training[place].double()).norm(dim=1))
    return torch.cat(found)


class Copying(NamedTuple):
    """What the test found."""

    value: float
    """C_T: far below 0 for copies, far above for samples that miss the data."""
    error: float
    """Its standard error over held-out and generated samples."""
    null_error: float
    """The same where both have one law."""
    cells: tuple[float | None, ...]
    """Z of every cell; None where too few generated or held-out samples lie there."""


def copying_test(training: Tensor, held_out: Tensor, fake: Tensor, seed: int, cells: int = CELLS) -> Copying:
    r"""C_T: mean over cells of the Z of generated against held-out distances to the training data.

    C_T = sum P(cell) Z(cell) / sum P(cell), over cells with 20 or more generated samples and any held-out ones; P is
    the share of held-out samples.

    Args:
        training: features (N, d).
        held_out: features (n, d) that the generator never saw.
        fake: features (m, d).
        seed: of k-means.
        cells: k of k-means on the training features.
    Raises:
        ValueError: no cell holds enough of both.
    Source: Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675, eq. 3.
    """
    centres = bin_centres(training, cells, seed, starts=10)
    places = [nearest_bin(rows, centres) for rows in (held_out, fake)]
    distances = [nearest_distance(rows, training) for rows in (held_out, fake)]
    scores: list[float | None] = []
    total = weight = variance = null = 0.0
    for cell in range(len(centres)):
        p, q = (distance[place == cell] for distance, place in zip(distances, places, strict=True))
        if len(p) < 1 or len(q) < min(20, len(fake)):
            scores.append(None)
            continue
        Z, error = rank_test(p, q)
        scores.append(Z)
        total += len(p) * Z
        weight += len(p)
        variance += (len(p) * error) ** 2
        null += len(p) ** 2
    require(weight > 0, "samples", (len(held_out), len(fake)), "a cell with 20 generated and 1 held-out sample")
    return Copying(total / weight, math.sqrt(variance) / weight, math.sqrt(null) / weight, tuple(scores))


def data_copying(study: Study) -> Result:
    """C_T of the generated features, with the interval of its error over held-out and generated samples.

    Without held-out data one half of the real features stands for them (``held_out`` is false): a generator that saw
    both halves and copies both then shows about half its copies. Details: ``cells``, Z of each or null; ``p_value``,
    two-sided, of both having one law; ``dimensions`` kept.
    """
    training, kept = study.half_features
    kept_dimensions = min(DIMENSIONS, training.shape[1])
    turn = _main_directions(training, kept_dimensions)
    seed = int(torch.randint(2**31, (), generator=study.rng("data-copying")))
    found = copying_test(training.double() @ turn, kept.double() @ turn, study.fake_features.double() @ turn, seed)
    spread = Z95 * found.error
    details: dict[str, Any] = {
        "held_out": study.held_out is not None,
        "samples": {"training": len(training), "held_out": len(kept)},
        "dimensions": kept_dimensions,
        "cells": list(found.cells),
        "p_value": float(2.0 * stats.norm.sf(abs(found.value) / found.null_error)),
        "interval_over": "held-out and generated samples, the training data fixed",
    }
    return Result(found.value, (found.value - spread, found.value + spread), details)


def _main_directions(rows: Tensor, kept: int) -> Tensor:
    """The first principal axes of rows as columns (d, kept); all axes, unturned, where all are kept."""
    n, d = rows.shape
    if kept == d:
        return torch.eye(d, dtype=torch.float64)
    centred = rows.double() - rows.double().mean(0)
    if n <= d:
        return torch.linalg.svd(centred, full_matrices=False).Vh[:kept].T
    return torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -kept:]
