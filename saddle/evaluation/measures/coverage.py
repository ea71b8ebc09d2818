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
_CAP = 1500
_JUDGED = 300
_CHUNK = 64
_SMALLEST = -700.0  # beside an exponent of 0; below it exp underflows, forty times as slowly
_RESAMPLES = 200
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
    count = (squared < math.inf).sum(1)
    return _log_sum(squared, bandwidth) - count.double().log() - _log_scale(bandwidth, d)


def coverage_of(real: Tensor, fake: Tensor, rng: torch.Generator, bandwidth: float | None = None) -> Coverage:
    r"""C = P_data(p_model >= t) with P_model(p_model >= t) = 0.95, p_model a Gaussian kernel estimate.

    Args:
        real: features (N, d).
        fake: features (M, d), M >= 3.
        rng: of the resamples behind the interval.
        bandwidth: of the kernels; None: the best for generated samples (the first 300) left out one at a time, among
            the median distance of two of them times 2^-7 to 2^6.
    Returns:
        Coverage in [0, 1].
    Raises:
        ValueError: fewer than 3 generated samples.
    Source: Tolstikhin et al. 2017, arXiv:1701.02386, section 4; leaving samples out is ours.
    """
    require(len(fake) >= 3 and len(real) >= 1, "samples", (len(real), len(fake)), "1 real and 3 generated, or more")
    d = fake.shape[1]
    others, across = _squared(fake, fake).fill_diagonal_(math.inf), _squared(real, fake)
    if bandwidth is None:
        bandwidth = _best_bandwidth(others, across, d)
    sums, count, scale = _log_sum(others, bandwidth), len(fake), _log_scale(bandwidth, d)
    left_out, at_real = sums - math.log(count - 1) - scale, _log_sum(across, bandwidth) - math.log(count) - scale
    value = _share_above(at_real, torch.quantile(left_out, LEVEL))
    at_own = torch.logaddexp(sums, torch.zeros_like(sums)) - math.log(count) - scale  # itself adds exp(0)
    on_own = _share_above(at_real, torch.quantile(at_own, LEVEL))
    some = [x[torch.randint(len(x), (_RESAMPLES, len(x)), generator=rng)] for x in (at_real, left_out)]
    again = (some[0] >= torch.quantile(some[1], LEVEL, dim=1, keepdim=True)).double().mean(1)
    low, high = torch.quantile(again, torch.tensor([0.025, 0.975]).double()).tolist()
    return Coverage(value, on_own, bandwidth, (min(low, value), max(high, value)))


def coverage_metric(study: Study) -> Result:
    """Share of the real features where a kernel density of the generated ones is above its own 5 % level.

    At most 1,500 rows of each side, chosen by the seed. Details: ``bandwidth``; ``on_own_points``, with the threshold
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
    found = torch.addmm(y.square().sum(1), x, y.T, alpha=-2.0)  # (N, M)
    return found.add_(x.square().sum(1)[:, None]).clamp_min_(0.0)


def _log_sum(squared: Tensor, bandwidth: float) -> Tensor:
    """log sum_j exp(-|x_i - y_j|^2 / 2 h^2) (N,), in chunks that a core's cache holds."""
    rate, found = -0.5 / bandwidth**2, []
    for chunk in squared.split(_CHUNK):
        largest = chunk.double().amin(1, keepdim=True)
        exponent = (chunk.double() - largest).mul_(rate).clamp_min_(_SMALLEST)
        found.append(exponent.exp_().sum(1).log_() + rate * largest.squeeze(1))
    return torch.cat(found)


def _log_scale(bandwidth: float, d: int) -> float:
    """Of the kernel: log (2 pi h^2)^(d/2)."""
    return 0.5 * d * math.log(2 * math.pi * bandwidth**2)


def _best_bandwidth(others: Tensor, across: Tensor, d: int) -> float:
    """By likelihood of left-out generated samples; where those are all equal, on the scale of the data about them."""
    some = others[:_JUDGED]
    apart = some[(some < math.inf) & (some > 0)]
    apart = apart if len(apart) else others[(others < math.inf) & (others > 0)]
    apart = apart if len(apart) else across[across > 0]
    if not len(apart):
        return 1.0
    middle = math.sqrt(float(apart[:: len(apart) // 100_000 + 1].median()))
    return max((middle * share for share in _GRID), key=lambda h: float(_log_sum(some, h).mean()) - _log_scale(h, d))


def _share_above(values: Tensor, threshold: Tensor) -> float:
    return float((values >= threshold).double().mean())
