"""Probes: classifiers on frozen features, which the measures of classification and of boundaries share."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from saddle.config import require

__all__ = [
    "ClassMoments",
    "Fit",
    "Probe",
    "Scale",
    "discriminant",
    "jackknife",
    "lda",
    "logistic",
    "network",
    "oracle_shrinkage",
    "temperature",
    "widened",
]

Probe = Callable[[Tensor], Tensor]
"""What was learned: features (N, d) to logits (N, K), float64; -inf for a class that it never saw."""

Fit = Callable[[Tensor, Tensor, int], Probe]
"""What learns: features (n, d), labels (n,) in [0, K) and K, to a `Probe`."""


@dataclass(frozen=True)
class Scale:
    """Standardisation by the mean and deviation of one set, for all sets compared."""

    mean: Tensor
    """(d,) float64."""
    deviation: Tensor
    """(d,) float64; 1 where the set is constant."""

    @classmethod
    def of(cls, x: Tensor) -> "Scale":
        """From features (n, d)."""
        x = x.double()
        deviation = x.std(0, correction=0)
        return cls(x.mean(0), torch.where(deviation > 0, deviation, 1.0))

    def __call__(self, x: Tensor) -> Tensor:
        """Features (N, d) in units of the deviation, float64."""
        return (x.double() - self.mean) / self.deviation


@dataclass(frozen=True)
class ClassMoments:
    """All that linear discriminant analysis must know of a labelled set; sets merge exactly.

    >>> x, y = torch.randn(30, 2), torch.arange(30) % 3
    >>> parts = ClassMoments.of(x[:12], y[:12], 3) + ClassMoments.of(x[12:], y[12:], 3)
    >>> torch.allclose(parts.scatter, ClassMoments.of(x, y, 3).scatter)
    True
    """

    count: Tensor
    """(K,) samples of each class."""
    mean: Tensor
    """(K, d) mean of each class; 0 where it has no sample."""
    scatter: Tensor
    """(d, d) sum over samples of (x - mean of its class)(x - mean of its class)'."""

    @classmethod
    def of(cls, x: Tensor, y: Tensor, classes: int) -> "ClassMoments":
        """From features (n, d) and labels (n,), in one pass, O(n d^2)."""
        x = x.double()
        count = torch.bincount(y, minlength=classes).double()  # (K,)
        total = torch.zeros(classes, x.shape[1], dtype=x.dtype).index_add_(0, y, x)  # (K, d)
        mean = total / count.clamp(min=1).unsqueeze(1)
        centred = x - mean[y]
        return cls(count, mean, centred.T @ centred)

    def __add__(self, other: "ClassMoments") -> "ClassMoments":
        """Of both sets together."""
        count = self.count + other.count
        share = other.count / count.clamp(min=1)  # (K,)
        apart = other.mean - self.mean  # (K, d)
        between = apart.T @ (apart * (self.count * share).unsqueeze(1))
        mean = self.mean + apart * share.unsqueeze(1)
        return ClassMoments(count, mean, self.scatter + other.scatter + between)


def lda(moments: ClassMoments, shrinkage: float) -> Probe:
    """Linear discriminant analysis in closed form, O(d^3): the best rule for Gaussian classes of one covariance S.

    logit_c(x) = m_c' S^-1 x - m_c' S^-1 m_c / 2 + log pi_c, where S is (1 - shrinkage) times the pooled covariance
    within classes plus shrinkage times its mean variance on the diagonal.

    Args:
        moments: class-wise sufficient statistics.
        shrinkage: in [0, 1]; 1 gives the nearest mean.
    Returns:
        The probe.
    Raises:
        ValueError: no sample at all, or shrinkage out of range.
    Source: Fisher 1936; Hastie, Tibshirani and Friedman 2009, eq. 4.10.
    """
    n = float(moments.count.sum())
    require(n >= 1, "samples", 0, "1 or more to learn from")
    require(0.0 <= shrinkage <= 1.0, "shrinkage", shrinkage, "a number in [0, 1]")
    S = moments.scatter / n
    level = float(S.trace()) / len(S) or 1.0  # classes without spread: any positive number gives the nearest mean
    S = (1 - shrinkage) * S + max(shrinkage, 1e-12) * level * torch.eye(len(S), dtype=S.dtype)
    directions = torch.linalg.solve(S, moments.mean.T)  # (d, K)
    offset = (moments.count / n).log() - (moments.mean * directions.T).sum(1) / 2  # (K,), -inf: never seen
    return lambda x: x.double() @ directions + offset


def oracle_shrinkage(moments: ClassMoments) -> float:
    r"""How far to shrink the pooled covariance, from its trace and that of its square alone.

    rho = min(1, ((1 - 2/d) tr S^2 + tr^2 S) / ((n + 1 - 2/d) (tr S^2 - tr^2 S / d))). Without it discriminant analysis
    falls to chance where there are about as many samples as dimensions.

    Args:
        moments: class-wise sufficient statistics; n counts samples less classes seen.
    Returns:
        rho in [0, 1], near 0 for many samples of unequal variances.
    Source: Chen, Wiesel, Eldar and Hero 2010, IEEE Trans. Signal Process. 58, eq. 23 (OAS), arXiv:0907.4698.
    """
    n, d = float(moments.count.sum() - (moments.count > 0).sum()), len(moments.scatter)
    if n < 1:
        return 1.0
    S = moments.scatter / n
    of_square, square = float(S.square().sum()), float(S.trace()) ** 2
    unequal = (n + 1 - 2 / d) * (of_square - square / d)
    return min(1.0, max(0.0, (1 - 2 / d) * of_square + square) / unequal) if unequal > 0 else 1.0


def discriminant(moments: ClassMoments) -> Probe:
    """`lda` with `oracle_shrinkage`: the closed-form probe of the measures."""
    return lda(moments, oracle_shrinkage(moments))


def jackknife(chunks: list[ClassMoments], measure: Callable[[Probe], float]) -> float:
    """Standard error of what discriminant analysis reaches, over the samples that it learnt from.

    Delete-a-group jackknife: the moments of each chunk are formed once, so that learning without it costs O(d^3).

    Args:
        chunks: moments of g >= 2 random parts of equal size of one training set.
        measure: of a probe, such as its accuracy on a fixed set.
    Returns:
        sqrt((g - 1) / g sum_j (theta_j - mean theta)^2), theta_j without chunk j.
    Source: Quenouille 1949; Efron and Tibshirani 1993, chapter 11.
    """
    g = len(chunks)
    require(g >= 2, "chunks", g, "2 or more")
    others = (reduce(add, chunks[:j] + chunks[j + 1 :]) for j in range(g))
    theta = torch.tensor([measure(discriminant(moments)) for moments in others], dtype=torch.float64)
    return math.sqrt(float((theta - theta.mean()).square().sum()) * (g - 1) / g)


def widened(value: float, interval: tuple[float, float], error: float) -> tuple[float, float]:
    """An interval over one source of chance, made to hold for a second, independent one, by adding squares.

    Args:
        value: within the interval.
        interval: 95 %, over the first.
        error: standard error over the second.

    >>> widened(0.5, (0.2, 0.8), 0.4 / 1.959964)
    (0.0, 1.0)
    """
    low, high = interval
    reach = 1.959964 * error
    return value - math.hypot(value - low, reach), value + math.hypot(high - value, reach)


def logistic(x: Tensor, y: Tensor, classes: int, l2: float = 1e-2) -> Probe:
    """Multinomial logistic regression: minimises mean cross-entropy + l2 |W|^2 / 2 by L-BFGS; convex, so no seed.

    Args:
        x: features (n, d), standardised.
        y: labels (n,) in [0, classes).
        classes: K.
        l2: weight of the penalty, greater than 0.
    Returns:
        The probe. One trained on a single class always answers that class.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    seen = y.unique()
    if len(seen) == 1:
        only = torch.full((classes,), -math.inf, dtype=torch.float64).index_fill_(0, seen, 0.0)
        return lambda x: only.expand(len(x), -1)
    model = LogisticRegression(C=1.0 / (l2 * len(x)), max_iter=300, tol=1e-3)
    with warnings.catch_warnings():  # separable classes: the penalty alone stops the weights, slowly
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x.float().numpy(), y.numpy())
    weight, bias = (torch.from_numpy(held).double() for held in (model.coef_, model.intercept_))
    if len(seen) == 2:  # given as one row, the log odds of the second
        weight, bias = torch.cat([-weight / 2, weight / 2]), torch.cat([-bias / 2, bias / 2])
    return lambda x: torch.full((len(x), classes), -math.inf, dtype=torch.float64).index_copy_(
        1, seen, x.double() @ weight.T + bias
    )


def network(
    x: Tensor, y: Tensor, classes: int, width: int = 20, epochs: int = 100, batch: int = 64, seed: int = 0
) -> Probe:
    """One hidden layer of ReLU units, trained by Adam: bends where the linear probes cannot.

    Args:
        x: features (n, d), standardised.
        y: labels (n,) in [0, classes).
        classes: K.
        width: hidden units.
        epochs: passes over the data.
        batch: samples a step.
        seed: of initial weights and order.
    Returns:
        The probe.
    Source: 20 units and 100 epochs as in Lopez-Paz and Oquab 2017, arXiv:1610.06545, section 5.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(x.shape[1], width), nn.ReLU(), nn.Linear(width, classes))
    x = x.float()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3 * math.sqrt(batch / 64))
    with torch.enable_grad():
        for _ in range(epochs):
            for part in torch.randperm(len(x), generator=rng).split(batch):
                optimiser.zero_grad()
                F.cross_entropy(net(x[part]), y[part]).backward()
                optimiser.step()
    unseen = torch.bincount(y, minlength=classes) == 0
    return lambda x: net(x.float()).detach().double().masked_fill(unseen, -math.inf)


def temperature(logits: Tensor, y: Tensor) -> float:
    """The T that makes softmax(logits / T) most likely on samples that the probe did not learn from.

    Args:
        logits: (n, K); samples of classes that it never saw (logit -inf) are left out.
        y: labels (n,).
    Returns:
        T in [e^-5, e^5]; above 1 for an over-confident probe, and 1 where no sample is left.
    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    known = logits.gather(1, y.unsqueeze(1)).squeeze(1).isfinite()
    if not bool(known.any()):
        return 1.0
    logits, y = logits[known], y[known]

    def loss(log_t: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_t), y))

    return math.exp(float(minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-6}).x))
