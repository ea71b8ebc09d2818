"""Scores of class posteriors: Inception Score, modified Inception Score, Mode Score, AM Score.

All are functions of log p(y|x) (N, K), so that log-softmax goes in and no zero is ever taken the log of.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = [
    "LOG_FLOOR",
    "ClassSums",
    "am",
    "am_score",
    "inception",
    "inception_score",
    "mode",
    "mode_original",
    "mode_score",
    "modified_inception",
    "modified_inception_score",
]

LOG_FLOOR = math.log(1e-16)
"""Least log p(y|x_j) that the modified Inception Score looks at: beyond it, one sure sample decides everything."""
SPLITS = 10
"""Parts whose Inception Scores are averaged."""


@dataclass(frozen=True)
class ClassSums:
    """What the scores need of any number of samples; sums of parts (of ranks, of shards) add up exactly.

    >>> both = ClassSums.of(torch.full((3, 4), 0.25).log()) + ClassSums.of(torch.full((2, 4), 0.25).log())
    >>> both.n, round(both.conditional_entropy / math.log(4), 12)
    (5, 1.0)
    """

    n: int
    """Samples."""
    log_probs: Tensor
    """log sum_i p(y|x_i), float64 (K,): of sums, because it stays finite where p itself underflows."""
    entropy: float
    """sum_i H(p_i), in nats."""
    squares: Tensor
    """sum_i p(y|x_i)^2, float64 (K,): for the bias of the marginal's entropy."""

    @classmethod
    def of(cls, log_probs: Tensor) -> "ClassSums":
        """Of log posteriors (N, K); minus infinity is a probability of 0.

        Raises:
            ValueError: not (N, K), NaN, or rows that are no log probabilities.
        """
        log_p = _checked(log_probs)
        p = log_p.exp()
        return cls(len(p), log_p.logsumexp(0), float(torch.special.entr(p).sum()), p.square().sum(0))

    def __add__(self, other: "ClassSums") -> "ClassSums":
        log_probs = torch.logaddexp(self.log_probs, other.log_probs)
        return ClassSums(self.n + other.n, log_probs, self.entropy + other.entropy, self.squares + other.squares)

    @property
    def log_marginal(self) -> Tensor:
        """log pbar (K,)."""
        return self.log_probs - math.log(self.n)

    @property
    def conditional_entropy(self) -> float:
        """E_x H(p(y|x)), in nats."""
        return self.entropy / self.n

    @property
    def information(self) -> float:
        """E_x KL(p(y|x) || pbar) = H(pbar) - E_x H(p(y|x)): the log of the Inception Score, in nats."""
        return max(0.0, float(torch.special.entr(self.log_marginal.exp()).sum()) - self.conditional_entropy)

    @property
    def bias(self) -> float:
        """Expected error of ``information`` (and of pbar's entropy) from N samples, in nats; 0 or below.

        To first order -1/2N (sum_y E[p_y^2] / pbar_y - 1): -(K - 1)/2N where posteriors are one-hot.
        """
        pbar = self.log_marginal.exp()
        ratio = torch.where(pbar > 0, self.squares / self.n / pbar, 0.0)
        return -max(0.0, float(ratio.sum()) - 1) / (2 * self.n)


def inception(log_probs: Tensor) -> float:
    """Inception Score, exp(E_x KL(p(y|x) || pbar)).

    Args:
        log_probs: log posteriors of generated samples (N, K).
    Returns:
        In [1, K].
    Source: Salimans et al. 2016, arXiv:1606.03498.

    >>> round(inception(torch.eye(3).log()), 12)
    3.0
    """
    return math.exp(ClassSums.of(log_probs).information)


def modified_inception(log_probs: Tensor, floor: float = LOG_FLOOR) -> dict[int, float]:
    """Modified Inception Score of each predicted class, exp(E_i E_{j != i} KL(p(y|x_i) || p(y|x_j))).

    The double mean factorises: mean_ij KL = mean_i sum_y p_i log p_i - pbar . mean_j log p_j; no pair is ever formed.

    Args:
        log_probs: log posteriors of generated samples (N, K).
        floor: least log p(y|x_j) that is looked at.
    Returns:
        By class that 2 or more samples are predicted to be: a number in [1, inf).
    Source: Gurumurthy et al. 2017 (DeLiGAN), arXiv:1706.02071; they count the pairs i = j too, which lowers it.
    """
    log_p = _checked(log_probs)
    found = {}
    for label, rows in _by_class(log_p).items():
        divergence, _ = _pairwise(rows, floor)
        found[label] = math.exp(divergence)
    return found


def mode(log_probs: Tensor, real_log_probs: Tensor) -> float:
    """Mode Score, exp(E_x KL(p(y|x) || pbar) - KL(pbar || q)), q the label marginal of the real side.

    Args:
        log_probs: log posteriors of generated samples (N, K).
        real_log_probs: log posteriors of real samples under the same classifier (M, K).
    Returns:
        In [0, K]; 0 where a class is generated that the data do not have at all.
    Source: Che et al. 2017, arXiv:1612.02136, as Xu et al. 2018, arXiv:1806.07755, compute it. With KL(p(y|x) || q) in
        the first term, as it is sometimes printed, it is the Inception Score itself.
    """
    fake, real = _both(log_probs, real_log_probs)
    return math.exp(fake.information - _divergence(fake.log_marginal, real.log_marginal))


def mode_original(log_probs: Tensor, real_log_probs: Tensor) -> float:
    """Mode Score with the last divergence the other way round, KL(q || pbar): 0 where a class is never generated.

    Args and source: see `mode`.
    """
    fake, real = _both(log_probs, real_log_probs)
    return math.exp(fake.information - _divergence(real.log_marginal, fake.log_marginal))


def am(log_probs: Tensor, real_log_probs: Tensor) -> float:
    """AM Score, E_x H(p(y|x)) + KL(q || pbar), q the label marginal of the real side.

    Args:
        log_probs: log posteriors of generated samples (N, K).
        real_log_probs: log posteriors of real samples under the same classifier (M, K).
    Returns:
        In [0, inf], nats; infinite where the data have a class whose probability is exactly 0 for every sample, which
        soft posteriors never do.
    Source: Zhou et al. 2018, arXiv:1703.02000.
    """
    fake, real = _both(log_probs, real_log_probs)
    return fake.conditional_entropy + _divergence(real.log_marginal, fake.log_marginal)


def inception_score(study: Study) -> Result:
    """Value: the mean over 10 random splits, as published numbers are. Interval: over samples, at this split size.

    Details: ``std`` over splits, ``all_at_once`` (one split), ``expected_bias`` of the value by split size,
    ``corrected`` for it, ``real``: the value of as many real samples.
    """
    log_p = study.fake_log_probs
    rng = study.rng("inception-score")
    scores, spread = _split_scores(log_p, rng)
    value = float(scores.mean())
    whole = ClassSums.of(log_p)
    corrected = math.exp(whole.information - whole.bias)
    real = study.real_log_probs
    some = real[torch.randperm(len(real), generator=rng)[: len(log_p)]]
    details = {
        "splits": SPLITS,
        "split_size": len(log_p) // SPLITS,
        "std": float(scores.std(correction=0)),
        "all_at_once": math.exp(whole.information),
        "expected_bias": corrected * math.expm1(whole.bias * SPLITS),
        "corrected": corrected,
        "classes": log_p.shape[1],
        "real": float(_split_scores(some, rng)[0].mean()) if len(some) >= 2 * SPLITS else None,
        "real_samples": len(some),
        "interval_over": "generated samples, at this split size",
    }
    return Result(value, _log_interval(value, spread), details)


def modified_inception_score(study: Study) -> Result:
    """Value: mean over predicted classes of exp(mean KL between their samples). Interval: over samples.

    Details: ``by_class``, ``std`` over classes, ``ungrouped`` (all samples as one class), ``log_floor``, ``real``: the
    value of the real samples, ``classes_found``: how many classes have 2 or more samples.
    """
    log_p = study.fake_log_probs
    by_class = modified_inception(log_p)
    require(bool(by_class), "fake", f"{len(log_p)} samples", "2 or more samples that the classifier puts in one class")
    scores = torch.tensor(list(by_class.values()), dtype=torch.float64)
    value = float(scores.mean())
    real = modified_inception(study.real_log_probs)
    details = {
        "by_class": {str(label): score for label, score in by_class.items()},
        "std": float(scores.std(correction=0)),
        "ungrouped": math.exp(_pairwise(_checked(log_p), LOG_FLOOR)[0]),
        "log_floor": LOG_FLOOR,
        "classes_found": len(by_class),
        "real": sum(real.values()) / len(real) if real else None,
        "interval_over": "generated samples, given their predicted classes",
    }
    return Result(value, _log_interval(value, _modified_spread(log_p, value)), details)


def mode_score(study: Study) -> Result:
    """Value: exp(E KL(p || pbar) - KL(pbar || q)). Interval: over samples of both sides.

    Details: ``original`` (KL(q || pbar) instead), ``inception`` (which the form with KL(p || q) equals, whatever q is),
    ``divergence`` = KL(pbar || q), ``real``: the data against themselves, which is their own Inception Score.
    """
    fake, real = study.fake_log_probs, study.real_log_probs
    value = mode(fake, real)
    sums, held = ClassSums.of(fake), ClassSums.of(real)
    details = {
        "original": mode_original(fake, real),
        "inception": math.exp(sums.information),
        "divergence": _divergence(sums.log_marginal, held.log_marginal),
        "classes": fake.shape[1],
        "expected_bias": value * math.expm1(2 * sums.bias + held.bias),
        "real": math.exp(held.information),
        "interval_over": "samples of both sides",
    }
    return Result(value, _log_interval(value, value * _mode_spread(fake, real)) if value > 0 else None, details)


def am_score(study: Study) -> Result:
    """Value: E H(p) + KL(q || pbar), in nats. Interval: over samples of both sides.

    Details: ``entropy`` and ``divergence``, its two parts; ``expected_bias``; ``real``: of the data against themselves,
    which is the mean entropy of their posteriors, and the least that a perfect generator gets.
    """
    fake, real = study.fake_log_probs, study.real_log_probs
    value = am(fake, real)
    sums, held = ClassSums.of(fake), ClassSums.of(real)
    details = {
        "entropy": sums.conditional_entropy,
        "divergence": _divergence(held.log_marginal, sums.log_marginal),
        "classes": fake.shape[1],
        "expected_bias": -sums.bias - held.bias,
        "real": held.conditional_entropy,
        "interval_over": "samples of both sides",
    }
    if math.isinf(value):
        return Result(value, None, details)
    spread = Z95 * _am_spread(fake, real)
    return Result(value, (max(0.0, value - spread), value + spread), details)


def _checked(log_probs: Tensor) -> Tensor:
    shape = tuple(log_probs.shape)
    require(log_probs.ndim == 2 and min(shape) >= 1, "log_probs", shape, "log posteriors (N, K), N and K 1 or more")
    log_p = log_probs.double()
    worst = float(log_p.logsumexp(1).abs().max())  # NaN where anything is NaN, and then nothing holds
    require(worst <= 1e-3, "log_probs", f"rows whose sum is off by {worst:.3g}", "log-softmax of the logits")
    return log_p


def _both(log_probs: Tensor, real_log_probs: Tensor) -> tuple[ClassSums, ClassSums]:
    classes = (log_probs.shape[-1], real_log_probs.shape[-1])
    require(classes[0] == classes[1], "classes", classes, "one classifier on both sides")
    return ClassSums.of(log_probs), ClassSums.of(real_log_probs)


def _divergence(log_p: Tensor, log_q: Tensor) -> float:
    """KL(p || q) of log probabilities (K,); infinite where q is exactly 0 and p is not."""
    p = log_p.exp()
    terms = torch.where(log_p == -math.inf, 0.0, p * (log_p - log_q))
    return max(0.0, float(terms.sum()))


def _information_each(log_p: Tensor) -> Tensor:
    """KL(p_i || pbar), whose deviations from the mean are the influence of each sample on it (N,)."""
    p = log_p.exp()
    log_pbar = log_p.logsumexp(0) - math.log(len(p))
    cross = torch.where(log_p == -math.inf, 0.0, p * log_pbar)
    return -torch.special.entr(p).sum(1) - cross.sum(1)


def _split_scores(log_p: Tensor, rng: torch.Generator) -> tuple[Tensor, float]:
    """Scores (SPLITS,) of random equal parts, and the standard error of their mean by influence functions."""
    n = len(log_p)
    require(n >= 2 * SPLITS, "samples", n, f"{2 * SPLITS} or more, 2 in each of {SPLITS} splits")
    parts = log_p[torch.randperm(n, generator=rng)].tensor_split(SPLITS)
    each = [_information_each(_checked(part)) for part in parts]
    scores = torch.stack([part.mean().exp() for part in each])  # (SPLITS,)
    variances = torch.stack([(score * part.std()) ** 2 / len(part) for score, part in zip(scores, each, strict=True)])
    return scores, float(variances.sum().sqrt()) / SPLITS


def _by_class(log_p: Tensor) -> dict[int, Tensor]:
    """Rows by predicted class, of classes with 2 or more."""
    predicted = log_p.argmax(1)
    parts = {label: log_p[predicted == label] for label in range(log_p.shape[1])}
    return {label: rows for label, rows in parts.items() if len(rows) >= 2}


def _pairwise(log_p: Tensor, floor: float) -> tuple[float, float]:
    """Mean of KL(p_i || p_j) over i != j, and its standard error: a U-statistic of order 2."""
    n = len(log_p)
    require(n >= 2, "samples", n, "2 or more, to have a pair")
    p, floored = log_p.exp(), log_p.clamp_min(floor)
    own = (p * floored).sum(1)  # sum_y p_i log p_i, (n,)
    mean_p, mean_log = p.mean(0), floored.mean(0)
    pairs = n / (n - 1)  # pairs i = j add nothing to the sum
    value = float((own.mean() - mean_p @ mean_log) * pairs)
    influence = pairs * (
        own - p @ mean_log + own.mean() - floored @ mean_p
    )  # i as the first of the pair, and as the other
    return max(0.0, value), float(influence.std()) / math.sqrt(n)


def _modified_spread(log_probs: Tensor, value: float) -> float:
    parts = [_pairwise(rows, LOG_FLOOR) for rows in _by_class(_checked(log_probs)).values()]
    return math.sqrt(sum((math.exp(mean) * error) ** 2 for mean, error in parts)) / len(parts) if value else 0.0


def _spread_of(fake: Tensor, real: Tensor) -> float:
    """Standard error from the influences of generated (N,) and real (M,) samples."""
    each = [influence.var() / len(influence) if len(influence) > 1 else torch.tensor(0.0) for influence in (fake, real)]
    return math.sqrt(float(sum(each)))


def _mode_spread(fake: Tensor, real: Tensor) -> float:
    """Standard error of log B: d KL(pbar || q) is (log pbar - log q) . dpbar - (pbar / q) . dq."""
    log_p, log_q = _checked(fake), _checked(real)
    log_pbar, log_qbar = ClassSums.of(fake).log_marginal, ClassSums.of(real).log_marginal
    slope = torch.where(log_pbar == -math.inf, 0.0, log_pbar - log_qbar)
    ratio = torch.where(log_pbar == -math.inf, 0.0, (log_pbar - log_qbar).exp())
    return _spread_of(_information_each(log_p) - log_p.exp() @ slope, log_q.exp() @ ratio)


def _am_spread(fake: Tensor, real: Tensor) -> float:
    """Standard error of AM: d KL(q || pbar) is (log q - log pbar) . dq - (q / pbar) . dpbar."""
    log_p, log_q = _checked(fake), _checked(real)
    log_pbar, log_qbar = ClassSums.of(fake).log_marginal, ClassSums.of(real).log_marginal
    slope = torch.where(log_qbar == -math.inf, 0.0, log_qbar - log_pbar)
    ratio = torch.where(log_qbar == -math.inf, 0.0, (log_qbar - log_pbar).exp())
    entropy = torch.special.entr(log_p.exp()).sum(1)
    return _spread_of(entropy - log_p.exp() @ ratio, log_q.exp() @ slope)


def _log_interval(value: float, error: float) -> Interval:
    """95 % of exp(...), symmetric in the exponent, so that it stays above 0."""
    width = Z95 * error / value
    return value * math.exp(-width), value * math.exp(width)
