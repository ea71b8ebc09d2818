"""Integrated alpha-precision and beta-recall, and authenticity: fidelity, diversity and copying, sample by sample."""

from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.nearest import nearest_rows
from saddle.evaluation.pairs import Pairs
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = [
    "alpha_precision",
    "authentic",
    "integrated",
    "integrated_alpha_precision",
    "integrated_beta_recall",
]

STEPS = 30
"""Levels alpha, evenly from 0 to 1, at which the curves are taken."""
_RESAMPLES = 200


def integrated(curve: Tensor) -> float:
    r"""1 - 2 int |a - P_a| da of a curve P at evenly spaced levels a from 0 to 1: 1 on the diagonal.

    Args:
        curve: (steps,), P_a in [0, 1].
    Returns:
        In [0, 1]; the sum over few steps may fall a little below 0, and is then 0.
    Source: Alaa et al. 2022, arXiv:2102.08921, section 4, summed as in its authors' program.

    >>> integrated(torch.linspace(0, 1, 30)), integrated(torch.zeros(30))
    (1.0, 0.0)
    """
    levels = torch.linspace(0, 1, len(curve), dtype=torch.float64)
    return max(0.0, 1.0 - 2.0 * float((levels - curve.double()).abs().sum()) / (len(curve) - 1))


def integrated_alpha_precision(real: Tensor, fake: Tensor, steps: int = STEPS) -> float:
    r"""Whether generated samples are as typical as real ones, at all levels of typicality.

    P_alpha is the share of generated samples in the ball about the real mean that holds a share alpha of real samples.

    Args:
        real: features (N, d).
        fake: features (M, d).
        steps: levels alpha.
    Returns:
        In [0, 1], 1: the distances from the centre have one law.
    Source: Alaa et al. 2022, arXiv:2102.08921, eq. 4; the centre is the mean, not that of a trained embedding.
    """
    return integrated(_precision_curve(*_radii(real, fake), steps))


def integrated_beta_recall(fake: Tensor, pairs: Pairs, steps: int = STEPS) -> float:
    r"""Whether generated samples come as near to real ones as other real samples do, at all levels of typicality.

    R_beta is the share of real x whose nearest generated sample is no farther than its nearest real one, and lies in
    the ball about the generated mean that holds a share beta of these nearest samples (counted as often as they are
    it).

    Args:
        fake: features (M, d).
        pairs: the pass over distances of real and these.
        steps: levels beta.
    Returns:
        In [0, 1]. Two samples of one law give about 0.5, not 1: compare with that of held-out data, at equal N.
    Source: Alaa et al. 2022, arXiv:2102.08921, eq. 6.
    """
    return _recall(fake, pairs.rf_distance[:, 0] <= pairs.rr_distance[:, 0], pairs.rf_index[:, 0], steps)


def _recall(fake: Tensor, near: Tensor, nearest: Tensor, steps: int) -> float:
    rows = fake.double()
    radius = (rows - rows.mean(0)).norm(dim=1)[nearest]  # (N,), of each real sample's nearest
    limits = torch.quantile(radius, torch.linspace(0, 1, steps, dtype=torch.float64))
    return integrated(((radius <= limits[:, None]) & near).double().mean(1))


def authentic(pairs: Pairs) -> Tensor:
    r"""Whether each generated sample y is farther from its nearest real x* than x* is from the nearest other real one.

    Returns:
        bool (M,). Its mean is the authenticity: 0 for copies. Samples of the same law give between 0.4 and 0.7, by
        dimension, not 1: compare with that of held-out data.
    Source: Alaa et al. 2022, arXiv:2102.08921, eq. 8.
    """
    return pairs.fr_distance[:, 0] > pairs.rr_distance[pairs.fr_index[:, 0], 0]


def alpha_precision(study: Study) -> Result:
    """Integrated alpha-precision about the mean of the real features.

    Details: ``beta_recall``, integrated; ``authenticity`` with its own interval over generated samples; and
    ``baseline``, the same three numbers of held-out real features (or one half of the real ones) against the others.
    """
    real, fake, pairs = study.real_features, study.fake_features, study.pairs
    radii = _radii(real, fake)
    value = integrated(_precision_curve(*radii, STEPS))
    spread = Z95 * _spread(*radii, study.rng("alpha-precision"))
    copied_not = authentic(pairs)
    share = binomtest(int(copied_not.sum()), len(copied_not)).proportion_ci()
    details: dict[str, Any] = {
        "centre": "mean of the real features",
        "levels": STEPS,
        "beta_recall": integrated_beta_recall(fake, pairs),
        "authenticity": float(copied_not.double().mean()),
        "authenticity_interval": [float(share.low), float(share.high)],
        "interval_over": "samples of both sides, by bootstrap",
    }
    fitted, kept = study.half_features
    if min(len(fitted), len(kept)) >= 2:
        own = nearest_rows(fitted, fitted, 2)[0][:, 1]  # itself, or a duplicate of it, comes first
        across, nearest = (held[:, 0] for held in nearest_rows(fitted, kept, 1))
        back, known = (held[:, 0] for held in nearest_rows(kept, fitted, 1))
        details["baseline"] = {
            "alpha_precision": integrated_alpha_precision(fitted, kept),
            "beta_recall": _recall(kept, across <= own, nearest, STEPS),
            "authenticity": float((back > own[known]).double().mean()),
            "samples": [len(fitted), len(kept)],
        }
    return Result(value, (max(0.0, value - spread), min(1.0, value + spread)), details)


def _radii(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Distances of both sides from the mean of the real one, (N,) and (M,)."""
    require(min(len(real), len(fake)) >= 2, "features", (len(real), len(fake)), "2 or more samples on each side")
    centre = real.double().mean(0)
    return (real.double() - centre).norm(dim=1), (fake.double() - centre).norm(dim=1)


def _precision_curve(real: Tensor, fake: Tensor, steps: int) -> Tensor:
    limits = torch.quantile(real, torch.linspace(0, 1, steps, dtype=torch.float64))
    return torch.searchsorted(fake.sort().values, limits, right=True).double() / len(fake)


def _spread(real: Tensor, fake: Tensor, rng: torch.Generator) -> float:
    """Standard deviation of the integrated precision over resamples of both sides' radii.

    The i-th smallest of a resample is the one at the i-th smallest of the drawn places, so that only places are sorted.
    """
    real, fake = real.sort().values, fake.sort().values
    again, other = (_places(len(x), rng) for x in (real, fake))
    at = torch.linspace(0, 1, STEPS, dtype=torch.float64) * (len(real) - 1)
    ends = [real[again[:, end.long()]] for end in (at.floor(), at.ceil())]  # (resamples, STEPS) each
    limits = torch.lerp(ends[0], ends[1], at - at.floor())
    within = torch.searchsorted(fake, limits, right=True)  # of all generated samples
    curves = torch.searchsorted(other, within).double() / len(fake)  # of those drawn
    return float(torch.tensor([integrated(curve) for curve in curves], dtype=torch.float64).std())


def _places(n: int, rng: torch.Generator) -> Tensor:
    """n of n places drawn for each resample, ascending, int64 (resamples, n)."""
    return torch.from_numpy(np.sort(torch.randint(n, (_RESAMPLES, n), generator=rng).numpy(), axis=1))
