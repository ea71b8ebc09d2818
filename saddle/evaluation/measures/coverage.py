"""AdaGAN's coverage: the share of the data where the generator's density is above its own 5 % level."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = ["Coverage", "coverage_metric", "coverage_of", "kernel_log_density"]

LEVEL = 0.05
"""Share of the generated samples' own mass below the threshold."""
_CAP = 3000
_JUDGED = 500
_RESAMPLES = 400
_GRID = tuple(2.0**power for power in range(-7, 7))


class Coverage(NamedTuple):
    """Coverage of data by a density, and what it was computed with."""

    value: float
    """Threshold from densities that leave out the sample itself: 0.95 is expected where both sides have one law."""
    on_own_points: float
    """Threshold from densities at the kernels' own centres, as in the authors' program: lower by a bias of 1/M."""
    bandwidth: float
    """Standard deviation of the Gaussian kernels."""
    interval: tuple[float, float]
    """95 %, of the value, over resamples of both sides with the density fixed."""


def kernel_log_density(squared: Tensor, bandwidth: float, d: int) -> Tensor:
    r"""log p(x) = log 1/M sum_j N(x; y_j, h^2 I), from squared distances.

    Args:
        squared: |x_i - y_j|^2 (N, M); infinite where a pair is left out, and M then counts the rest.
        bandwidth: h.
        d: number of features.
    Returns:
        float64 (N,), in nats.

    >>> kernel_log_density(torch.zeros(1, 3), 1.0, 2)  # -log 2 pi
    tensor([-1.8379], dtype=torch.float64)
    """
    count = squared.isfinite().sum(1)
    exponent = (squared.double() * (-0.5 / bandwidth**2)).logsumexp(1)
    return exponent - count.double().log() - 0.5 * d * math.log(2 * math.pi * bandwidth**2)


def coverage_of(real: Tensor, fake: Tensor, rng: torch.Generator, bandwidth: float | None = None) -> Coverage:
    r"""C = P_data(p_model >= t) with P_model(p_model >= t) = 0.95, p_model a Gaussian kernel estimate.

    Args:
        real: features (N, d).
        fake: features (M, d), M >= 3.
        rng: of the resamples behind the interval.
        bandwidth: of the kernels; None: the best for generated samples (the first 500) left out one at a time, among
            the median distance of two of them times 2^-7 to 2^6.
    Returns:
        Coverage in [0, 1].
    Raises:
        ValueError: fewer than 3 generated samples.
    Source: Tolstikhin et al. 2017, arXiv:1701.02386, section 4; leaving samples out is ours.
    """
    require(len(fake) >= 3 and len(real) >= 1, "samples", (len(real), len(fake)), "1 real and 3 generated, or more")
    d = fake.shape[1]
    own, across = _squared(fake, fake), _squared(real, fake)
    others = own.clone().fill_diagonal_(math.inf)
    if bandwidth is None:
        bandwidth = _best_bandwidth(others, across, d)
    left_out, at_real = (kernel_log_density(x, bandwidth, d) for x in (others, across))
    value = _share_above(at_real, torch.quantile(left_out, LEVEL))
    on_own = _share_above(at_real, torch.quantile(kernel_log_density(own, bandwidth, d), LEVEL))
    some = [x[torch.randint(len(x), (_RESAMPLES, len(x)), generator=rng)] for x in (at_real, left_out)]
    again = (some[0] >= torch.quantile(some[1], LEVEL, dim=1, keepdim=True)).double().mean(1)
    low, high = torch.quantile(again, torch.tensor([0.025, 0.975]).double()).tolist()
    return Coverage(value, on_own, bandwidth, (min(low, value), max(high, value)))


def coverage_metric(study: Study) -> Result:
    """Share of the real features where a kernel density of the generated ones is above its own 5 % level.

    At most 3,000 rows of each side, chosen by the seed. Details: ``bandwidth``; ``on_own_points``, with the threshold
    of the authors' program; ``baseline``, the coverage of held-out real features by a density of the others.
    """
    rng = study.rng("coverage-metric")
    real, fake = (_some(rows, rng) for rows in (study.real_features, study.fake_features))
    found = coverage_of(real, fake, rng)
    details: dict[str, Any] = {
        "bandwidth": found.bandwidth,
        "level": LEVEL,
        "on_own_points": found.on_own_points,
        "samples": [len(real), len(fake)],
        "interval_over": "samples of both sides, the density fixed",
    }
    fitted, kept = (_some(rows, rng) for rows in study.half_features)
    if len(fitted) >= 3:
        details["baseline"] = coverage_of(kept, fitted, rng).value
        details["baseline_samples"] = [len(kept), len(fitted)]
    return Result(found.value, found.interval, details)


def _some(rows: Tensor, rng: torch.Generator) -> Tensor:
    return rows[torch.randperm(len(rows), generator=rng)[:_CAP]]


def _squared(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 (N, M), float64, about a common centre."""
    middle = y.double().mean(0)
    x, y = x.double() - middle, y.double() - middle
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2.0 * x @ y.T).clamp_min_(0.0)


def _best_bandwidth(others: Tensor, across: Tensor, d: int) -> float:
    """By likelihood of left-out generated samples; where those are all equal, on the scale of the data about them."""
    apart = others[others.isfinite() & (others > 0)]
    apart = apart if len(apart) else across[across > 0]
    if not len(apart):
        return 1.0
    middle = math.sqrt(float(apart[:: len(apart) // 1_000_000 + 1].median()))
    some = others[:_JUDGED]
    return max((middle * share for share in _GRID), key=lambda h: float(kernel_log_density(some, h, d).mean()))


def _share_above(values: Tensor, threshold: Tensor) -> float:
    return float((values >= threshold).double().mean())
