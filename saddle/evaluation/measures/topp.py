"""Topological precision and recall: supports are where a density estimate stands above its own bootstrap noise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["TopPR", "top_precision_recall"]

MOST_DIMENSIONS = 32
"""Features with more are projected to so many by a random linear map."""
RESAMPLES = 100
"""Bootstrap resamples behind each threshold."""


@dataclass(frozen=True)
class TopPR:
    """Topological precision and recall."""

    precision: float
    """TopP: share of significant generated samples that lie in the data's significant support."""
    recall: float
    """TopR: share of significant real samples that lie in the generated samples' significant support."""

    @property
    def f1(self) -> float:
        """Their harmonic mean, in [0, 1]."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def top_precision_recall(
    real: Tensor, fake: Tensor, rng: torch.Generator, alpha: float = 0.1, neighbours: int | None = None
) -> TopPR:
    """TopP&R of features, with p_R and p_F cosine-kernel densities and c_R, c_F the heights of their noise.

    TopP = #{Y: p_R(Y) > c_R and p_F(Y) > c_F} / #{Y: p_F(Y) > c_F}; TopR likewise over real X. The bandwidth is the
    median distance to the k-th nearest neighbour. c is the (1 - alpha) quantile of max |p - p*| over resamples.

    Args:
        real: features (N, d).
        fake: features (M, d).
        rng: random numbers: projection (where d > 32) and resamples.
        alpha: share of resamples whose noise may exceed c.
        neighbours: k; None: 5 times the dimensions (160 after projection), all others where there are fewer.
    Returns:
        Both in [0, 1].
    Raises:
        ValueError: fewer than 2 samples, other shapes, not finite, samples of which most are the same, or no
            significant sample on a side, which takes more neighbours or more samples.
    Source: Kim et al. 2023, arXiv:2306.08013, section 3.
    """
    shapes = (tuple(real.shape), tuple(fake.shape))
    require(real.ndim == fake.ndim == 2 and real.shape[1] == fake.shape[1], "features", shapes, "(N, d) and (M, d)")
    require(min(len(real), len(fake)) >= 2, "features", shapes, "2 or more samples of each")
    require(bool(real.isfinite().all() and fake.isfinite().all()), "features", "NaN or infinity", "finite numbers")
    require(0 < alpha < 1, "alpha", alpha, "a share between 0 and 1")
    x, y = real.double(), fake.double()
    if x.shape[1] > MOST_DIMENSIONS:
        line = torch.randn(x.shape[1], MOST_DIMENSIONS, generator=rng, dtype=torch.float64) / math.sqrt(x.shape[1])
        x, y = x @ line, y @ line
    k = neighbours or 5 * x.shape[1]
    data, made = _Support.of(x, rng, alpha, k), _Support.of(y, rng, alpha, k)
    return TopPR(_share(data.holds(y), made.significant), _share(made.holds(x), data.significant))


@dataclass(frozen=True)
class _Support:
    """Where a density estimate p(x) = 1/n sum_j cos(pi/2 |x - x_j| / h) [|x - x_j| <= h] exceeds c."""

    points: Tensor
    bandwidth: float
    threshold: float
    significant: Tensor

    @classmethod
    def of(cls, points: Tensor, rng: torch.Generator, alpha: float, neighbours: int) -> "_Support":
        n = len(points)
        distances = _distances(points, points)
        neighbour = min(neighbours, n - 1)  # of n - 1 others: the point itself stands first
        bandwidth = float(distances.kthvalue(neighbour + 1, dim=1).values.quantile(0.5))
        require(bandwidth > 0, "features", f"most of {n} rows the same", "samples that differ")
        weights = _kernel(distances, bandwidth)  # (n, n); the kernel's constant factor cancels in every comparison
        density = weights.mean(1)
        drawn = torch.randint(n, (RESAMPLES, n), generator=rng)
        counts = torch.zeros(RESAMPLES, n, dtype=torch.float64).scatter_add_(1, drawn, torch.ones_like(drawn).double())
        noise = (weights @ counts.T / n - density[:, None]).abs().amax(0)  # p* only re-weights the columns
        threshold = float(noise.quantile(1 - alpha))
        significant = density > threshold
        clear = bool(significant.any())
        require(clear, "neighbours", neighbours, "more of them, or more samples: no density here exceeds its own noise")
        return cls(points, bandwidth, threshold, significant)

    def holds(self, x: Tensor) -> Tensor:
        """Which of x (m, d) lie in the support (m,)."""
        return _kernel(_distances(x, self.points), self.bandwidth).mean(1) > self.threshold


def _kernel(distances: Tensor, bandwidth: float) -> Tensor:
    return torch.cos(0.5 * math.pi * (distances / bandwidth).clamp_max(1.0)).clamp_min_(0.0)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _share(within: Tensor, of: Tensor) -> float:
    return int((within & of).sum()) / int(of.sum())
