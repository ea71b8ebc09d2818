"""Classifier two-sample tests: how well a classifier tells real from generated samples."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.stats import binom
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.measures.probes import Fit, Probe, Scale, logistic
from saddle.evaluation.pairs import Pairs, sweep
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = [
    "Neighbourhood",
    "TwoSample",
    "balance",
    "c2st",
    "nearest_classes",
    "two_sample_test",
]

PERMUTATIONS = 999
"""Relabellings behind the nearest neighbour's p-value: the least it can be is 1 / 500."""

KNN_ROWS = 2000
"""Rows a side that the k-nearest-neighbour classifier is given at most, half to learn from."""


@dataclass(frozen=True)
class TwoSample:
    """What a classifier reached on samples that it did not learn from."""

    accuracy: float
    """Share classified right, in [0, 1]; 1/2 where there is nothing to tell."""
    interval: tuple[float, float]
    """Clopper-Pearson, 95 %."""
    p_value: float
    """Chance of at least this accuracy where both sides follow one law."""
    accuracy_real: float
    """Share of real samples called real."""
    accuracy_fake: float
    """Share of generated samples called generated."""
    tested: int
    """Samples tested, half of each kind."""


def balance(real: Tensor, fake: Tensor, rng: torch.Generator, most: int | None = None) -> tuple[Tensor, Tensor]:
    """As many rows of each: accuracy against chance means nothing where one class is larger.

    Args:
        real: (N, d).
        fake: (M, d).
        rng: chooses the rows of the larger set.
        most: no more than so many of each.
    Returns:
        (n, d) and (n, d), n = min(N, M, most); a set that has n rows keeps its order.
    """
    n = min(len(real), len(fake), most or len(real))
    return tuple(x if len(x) == n else x[torch.randperm(len(x), generator=rng)[:n]] for x in (real, fake))  # type: ignore[return-value]


def two_sample_test(real: Tensor, fake: Tensor, fit: Fit, rng: torch.Generator) -> TwoSample:
    r"""Trains a classifier on half of each set and tests it on the other halves.

    Under H0 the number right among n_te held-out samples is Binomial(n_te, 1/2). With as many of each kind among
    them it varies no more than that (n_te q (1 - q), q the share called real), so the exact test never rejects
    more often than its level.

    Args:
        real: (N, d), the larger set is cut to the size of the smaller.
        fake: (M, d).
        fit: what learns, such as `probes.logistic`, `probes.network` or `nearest_classes`.
        rng: cuts the sets.
    Returns:
        Accuracy in [0, 1], exact interval and one-sided p-value.
    Raises:
        ValueError: fewer than 4 samples of either kind.
    Source: Lopez-Paz and Oquab 2017, arXiv:1610.06545, section 3.

    >>> x = torch.randn(200, 2)
    >>> two_sample_test(x[:100] + 9, x[100:] - 9, logistic, torch.Generator().manual_seed(0)).accuracy
    1.0
    """
    require(min(len(real), len(fake)) >= 4, "samples", (len(real), len(fake)), "at least 4 of each kind")
    real, fake = balance(real, fake, rng)
    n = len(real)
    half = n // 2
    pool = torch.cat([x[torch.randperm(n, generator=rng)] for x in (real, fake)])  # (2 n, d)
    y = torch.arange(2 * n) // n  # 0: real, 1: generated
    learn = torch.arange(2 * n) % n < half
    scale = Scale.of(pool[learn])
    probe = fit(scale(pool[learn]), y[learn], 2)
    right = probe(scale(pool[~learn])).argmax(1) == y[~learn]
    t, n_te = int(right.sum()), len(right)
    kept = n - half
    accuracy_real, accuracy_fake = (float(part.double().mean()) for part in (right[:kept], right[kept:]))
    p_value = float(binom.sf(t - 1, n_te, 0.5))
    return TwoSample(t / n_te, clopper_pearson(t, n_te), p_value, accuracy_real, accuracy_fake, n_te)


def nearest_classes(x: Tensor, y: Tensor, classes: int) -> Probe:
    """k nearest neighbours, k = floor(sqrt(n)); the nearest of them settles a tie.

    Args:
        x: features (n, d).
        y: labels (n,) in [0, classes).
        classes: K.
    Returns:
        The probe; its logits are counts of neighbours, half a count more for the nearest one's class.
    Source: k as in Lopez-Paz and Oquab 2017, arXiv:1610.06545, section 5.
    """
    k = int(len(x) ** 0.5)
    centre = x.mean(0)  # float32 distances lose digits far from 0
    x = (x - centre).float()

    def probe(other: Tensor) -> Tensor:
        votes = F.one_hot(y[torch.cdist((other - centre).float(), x).topk(k, largest=False).indices], classes)
        return votes.sum(1).double() + votes[:, 0] / 2  # (N, K)

    return probe


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest other sample of every sample of a pool of n real and n generated ones."""

    own: Tensor
    """(2 n,) 1 where it is of the same side, 0 where not, 1/2 where both sides have one just as near."""
    nearest: Tensor
    """(2 n,) its index in the pool, real first; ties between the sides are tossed for."""

    @classmethod
    def of(cls, pairs: Pairs, rng: torch.Generator) -> "Neighbourhood":
        """From the pass over the distances.

        Args:
            pairs: of as many real as generated samples.
            rng: tosses for ties.
        Raises:
            ValueError: not as many of each.
        """
        n, m = len(pairs.rr_distance), len(pairs.ff_distance)
        require(n == m, "samples", (n, m), "as many real as generated ones, for accuracy to mean anything")
        within = torch.cat([pairs.rr_distance[:, 0], pairs.ff_distance[:, 0]])  # (2 n,)
        across = torch.cat([pairs.rf_distance[:, 0], pairs.fr_distance[:, 0]])
        own = (within < across).double() + (within == across).double() / 2
        kin = torch.cat([pairs.rr_index[:, 0], pairs.ff_index[:, 0] + n])
        stranger = torch.cat([pairs.rf_index[:, 0] + n, pairs.fr_index[:, 0]])
        heads = torch.rand(2 * n, generator=rng, dtype=torch.float64) < own
        return cls(own, torch.where(heads, kin, stranger))

    @property
    def accuracies(self) -> tuple[float, float, float]:
        """Leave-one-out accuracy over all, over real and over generated samples, each in [0, 1]."""
        real, fake = self.own.chunk(2)
        return float(self.own.mean()), float(real.mean()), float(fake.mean())

    def p_value(self, rng: torch.Generator, permutations: int = PERMUTATIONS) -> float:
        """Chance of an accuracy as far out, either way, where both sides follow one law.

        Leave-one-out answers depend on one another, so that no binomial holds; but who is nearest to whom does
        not depend on the labels, so that any relabelling of the pool is as likely under H0 as the one seen.

        Args:
            rng: draws relabellings.
            permutations: how many.
        Returns:
            Two-sided p-value, at least 2 / (permutations + 1).
        Source: Schilling 1986, J. Am. Stat. Assoc. 81; Henze 1988, Ann. Stat. 16.
        """
        y = torch.arange(len(self.own)) < len(self.own) // 2
        seen = int((y == y[self.nearest]).sum())
        drawn = torch.empty(permutations)
        for i in range(permutations):
            label = y[torch.randperm(len(y), generator=rng)]
            drawn[i] = (label == label[self.nearest]).sum()
        above, below = int((drawn >= seen).sum()), int((drawn <= seen).sum())
        return min(1.0, 2 * (1 + min(above, below)) / (permutations + 1))


def c2st(study: Study) -> Result:
    """Adapter. Value: held-out accuracy of logistic regression told to tell real from generated features.

    Interval: Clopper and Pearson's over held-out samples. Details: its one-sided ``p_value`` and accuracy on each
    side; ``nearest_neighbour`` with ``nearest_neighbour_real`` and ``nearest_neighbour_fake``, leave-one-out over
    all samples, what they would be by chance, and a two-sided p-value by permutation (below chance: copies);
    ``knn``, its interval and p-value, k = floor(sqrt(n)); sizes. The larger side is cut to the smaller one first.
    """
    rng = study.rng("c2st")
    real, fake = balance(study.real_features, study.fake_features, rng)
    found = two_sample_test(real, fake, logistic, rng)
    knn = two_sample_test(*balance(real, fake, rng, KNN_ROWS), nearest_classes, rng)
    whole = len(study.real_features) == len(study.fake_features)
    hood = Neighbourhood.of(study.pairs if whole else sweep(real, fake, neighbours=1, balls=(1,)), rng)
    total, of_real, of_fake = hood.accuracies
    n = len(real)
    details = {
        "p_value": found.p_value,
        "accuracy_real": found.accuracy_real,
        "accuracy_fake": found.accuracy_fake,
        "nearest_neighbour": total,
        "nearest_neighbour_real": of_real,
        "nearest_neighbour_fake": of_fake,
        "nearest_neighbour_by_chance": (n - 1) / (2 * n - 1),
        "nearest_neighbour_p_value": hood.p_value(rng),
        "permutations": PERMUTATIONS,
        "knn": knn.accuracy,
        "knn_interval": list(knn.interval),
        "knn_p_value": knn.p_value,
        "knn_tested": knn.tested,
        "samples_a_side": n,
        "tested": found.tested,
        "interval_over": "held-out samples of both sides",
    }
    return Result(found.accuracy, found.interval, details)
