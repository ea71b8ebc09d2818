"""NRDS: how long a new critic, trained against several generators at once, takes to reject each of them."""

import math
from collections.abc import Sequence

import torch
from scipy.stats import t as student
from torch import Tensor, nn
from torch.nn import functional as F

from saddle.config import require
from saddle.evaluation.measures.gam import distinct
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = ["areas", "nrds", "rejection_curves", "shares"]

SAMPLES = 2000
"""Samples of each side, at most; the same number of each."""
STEPS = 300
"""Steps of the critic, at most."""
EVERY = 5
"""Steps between records of the curves."""
REPEATS = 5
"""Critics trained, each on another split."""
REJECTED = 0.05
"""Mean answer below which a generator counts as rejected; training ends when all are."""


def rejection_curves(
    real: Tensor, fakes: Sequence[Tensor], tests: Sequence[Tensor], rng: torch.Generator, steps: int = STEPS
) -> Tensor:
    """Trains one critic on real (1) against the generators' pooled samples (0), and records how it judges each.

    The critic is a perceptron with one hidden layer on features that the real ones standardise. Half of each batch is
    real; the other half is drawn from the generators in equal parts.

    Args:
        real: features (N, d) to train on.
        fakes: features (M, d) of each of n generators to train on, M the same for all.
        tests: features (m, d) to record the critic's answers on: kept samples of each generator, and whatever else.
        rng: the critic's first weights and its batches.
        steps: of the critic, at most: it ends when it rejects all of the first n tests.
    Returns:
        float64 (records, len(tests)), mean answers D in [0, 1] after every `EVERY` steps.
    Raises:
        ValueError: no generator, unequal sizes, fewer tests than generators.
    """
    sizes = [len(fake) for fake in fakes]
    require(len(sizes) >= 1 and len(set(sizes)) == 1 and sizes[0] >= 1, "samples", sizes, "as many of each generator")
    require(len(tests) >= len(fakes), "tests", len(tests), f"{len(fakes)} or more, one for each generator")
    mean, spread = real.double().mean(0), real.double().std(0, correction=0)
    spread = spread.clamp_min(max(0.01 * float(spread.square().mean().sqrt()), 1e-30))  # numbers that hardly change
    real, pool, *tests = ((x.double() - mean).div(spread).float() for x in (real, torch.cat(list(fakes)), *tests))
    net = _critic(real.shape[1], rng)
    optimizer = torch.optim.Adam(net.parameters(), 5e-4, betas=(0.5, 0.999))
    half, records = 64, []
    answer = torch.tensor([1.0] * half + [0.0] * half)
    for step in range(1, steps + 1):
        rows = [x[torch.randint(len(x), (half,), generator=rng)] for x in (real, pool)]
        loss = F.binary_cross_entropy_with_logits(net(torch.cat(rows))[:, 0], answer)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % EVERY == 0 or step == steps:
            with torch.no_grad():
                records.append(torch.stack([net(x).double().sigmoid().mean() for x in tests]))
            if bool((records[-1][: len(fakes)] < REJECTED).all()):
                break
    return torch.stack(records)


def _critic(d: int, rng: torch.Generator, hidden: int = 64) -> nn.Module:
    """d -> 1, its weights drawn from rng; its last layer is 0, so that it starts undecided, 1/2 for everybody."""
    first, last = nn.utils.skip_init(nn.Linear, d, hidden), nn.utils.skip_init(nn.Linear, hidden, 1)
    with torch.no_grad():
        first.weight.copy_(torch.randn(hidden, d, generator=rng) / d**0.5)
        for zero in (first.bias, last.weight, last.bias):
            zero.zero_()
    return nn.Sequential(first, nn.LeakyReLU(0.2), last)


def areas(curves: Tensor) -> Tensor:
    """Area under each curve by the trapezoidal rule, over a time axis of length 1: float64 (n,) in [0, 1].

    Args:
        curves: (records, n), answers in [0, 1]; one record alone is its own area.

    >>> areas(torch.tensor([[1.0, 0.5], [0.0, 0.5]]))
    tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    curves = curves.double()
    return curves[0] if len(curves) == 1 else torch.trapezoid(curves, dim=0) / (len(curves) - 1)


def shares(area: Tensor) -> Tensor:
    """Normalised relative discriminative scores A_i / sum of A_j, float64 (n,), of sum 1; higher: harder to reject.

    Args:
        area: (n,), not negative. Where all are 0, every share is 1/n.
    Source: Zhang, Song, Qi 2018, arXiv:1803.03345, eq. 2.

    >>> shares(torch.tensor([0.3, 0.1]))
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    area = area.double()
    total = area.sum()
    return area / total if total > 0 else torch.full_like(area, 1 / len(area))


def nrds(study: Study) -> Result:
    """Normalised relative discriminative score of the generated side among its rivals.

    value: its share of the areas, mean over critics. interval: Student's t over the critics, each trained on another
    split, corrected for the samples that splits share. details: ``shares`` and ``areas`` by name, ``area_real`` (the
    same area for kept real samples, which no generator should pass), ``equal`` (1/n, what equal generators get),
    ``curves`` (of the first critic, by name), settings. A share changes whenever a model joins or leaves.
    """
    sides = [study.fake, *study.rivals]
    require(len(sides) >= 2, "rivals", "none", "other models or samples to compare with: --against RUN")
    names = distinct([side.name for side in sides])
    real, *fakes = (study.features_of(side).rows for side in (study.real, *sides))
    n = min(SAMPLES, len(real), *map(len, fakes))
    require(n >= 4, "samples", n, "4 or more on every side")
    rng = study.rng("nrds")
    found, kept_real, first = [], [], None
    for _ in range(REPEATS):
        parts = [x[torch.randperm(len(x), generator=rng)[:n]].tensor_split(2) for x in (real, *fakes)]
        (fit_real, test_real), split = parts[0], parts[1:]
        curves = rejection_curves(fit_real, [a for a, _ in split], [*(b for _, b in split), test_real], rng)
        first = curves if first is None else first
        area = areas(curves)
        found.append(area[:-1])
        kept_real.append(float(area[-1]))
    assert first is not None
    each = torch.stack([shares(area) for area in found])  # (repeats, generators)
    mean, value = each.mean(0), float(each[:, 0].mean())
    overlap = len(test_real) / len(
        fit_real
    )  # splits share samples: their spread tells too little (Nadeau, Bengio 2003)
    reach = float(student.ppf(0.975, REPEATS - 1) * each[:, 0].std()) * math.sqrt(1 / REPEATS + overlap)
    details = {
        "shares": dict(zip(names, mean.tolist(), strict=True)),
        "areas": dict(zip(names, torch.stack(found).mean(0).tolist(), strict=True)),
        "area_real": sum(kept_real) / REPEATS,
        "equal": 1 / len(sides),
        "curves": dict(zip([*names, "kept real samples"], first.T.tolist(), strict=True)),
        "record_every": EVERY,
        "steps": STEPS,
        "rejected_below": REJECTED,
        "samples": n,
        "critic": "perceptron, 64 hidden units, on standardised features",
        "critics": REPEATS,
        "interval_over": f"{REPEATS} critics and splits of the samples",
    }
    return Result(value, (max(0.0, value - reach), min(1.0, value + reach)), details)
