"""The generative adversarial metric: battles of two models, in which each one's critic judges the other's samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import norm
from torch import Tensor

from saddle.config import require
from saddle.data.dataset import to_floats
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.result import Result
from saddle.evaluation.side import Model
from saddle.evaluation.study import Study

__all__ = [
    "Battle",
    "Contest",
    "Critic",
    "battle",
    "calibrate",
    "distinct",
    "errors",
    "gam",
    "play_all",
    "smoothed_rate",
    "two_proportion_test",
]

BATCH = 100
"""Samples that a critic sees at once: those with batch normalisation judge a sample by its batch."""
CALIBRATION = 200
"""Samples of each kind that a critic's threshold is set on; no match is played with them."""
MATCH = 500
"""Samples of each kind that matches are played with, at most."""
LEVEL = 0.05
"""Size of the tests that call a ratio 1."""


@dataclass(frozen=True)
class Critic:
    """How to read a critic's output: which way real lies, and from where on."""

    threshold: float
    """Halfway between the median outputs for real samples and for its own generator's."""
    sign: float
    """1: high means real, as for logits; -1: low does, as for energies."""


@dataclass(frozen=True)
class Battle:
    """Model 1 against model 2."""

    r_test: float
    """Errors of critic 1 on real samples over those of critic 2."""
    r_sample: float
    """Errors of critic 1 on model 2's samples over those of critic 2 on model 1's; below 1: model 1 is ahead."""
    p_test: float
    """p-value of equal errors on real samples."""
    p_sample: float
    """p-value of equal errors on generated samples."""
    winner: int
    """1 or 2; 0: a tie."""


@dataclass(frozen=True)
class Contest:
    """All critics' judgements of all samples."""

    names: tuple[str, ...]
    """The models, each with a critic."""
    critics: tuple[Critic, ...]
    """How their outputs were read."""
    real: Tensor
    """(K, n): what critic i takes of real sample s: 1 wrong, 0 right, 0.5 on the threshold itself."""
    fake: Tensor
    """(K, K, n): likewise, critic i of generator j's sample s."""


def calibrate(real: Tensor, fake: Tensor) -> Critic:
    """How to read a critic, from its outputs (n,) for real samples and (m,) for its own generator's.

    Logits, values without a natural zero (Wasserstein, hinge) and energies are all read alike.

    >>> calibrate(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-3.0, -2.0, -1.0]))
    Critic(threshold=0.0, sign=1.0)
    """
    finite = bool(real.isfinite().all() and fake.isfinite().all())
    require(finite, "critic", "an output that is NaN or infinite", "a critic that has not diverged")
    high, low = (float(scores.double().quantile(0.5)) for scores in (real, fake))
    return Critic((high + low) / 2, 1.0 if high >= low else -1.0)


def errors(scores: Tensor, critic: Critic, real: bool) -> Tensor:
    """Where the critic is wrong about samples that are all real, or all generated: float64 (n,) of 0, 0.5 and 1.

    >>> errors(torch.tensor([2.0, 0.0, -1.0]), Critic(0.0, 1.0), real=True)
    tensor([0.0000, 0.5000, 1.0000], dtype=torch.float64)
    """
    side = critic.sign * (scores.double() - critic.threshold)
    return 0.5 - 0.5 * side.sign() * (1.0 if real else -1.0)


def smoothed_rate(wrong: float, n: int) -> float:
    """Jeffreys' estimate (wrong + 1/2) / (n + 1) of an error rate: in (0, 1), so that ratios of two are finite.

    >>> smoothed_rate(0, 99)
    0.005
    """
    return (wrong + 0.5) / (n + 1)


def two_proportion_test(wrong1: float, n1: int, wrong2: float, n2: int) -> float:
    """p-value in [0, 1] that two shares differ by chance: the z-test with the pooled share.

    >>> round(two_proportion_test(45, 100, 30, 100), 4)
    0.0285
    """
    pooled = (wrong1 + wrong2) / (n1 + n2)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    return 1.0 if spread == 0 else float(2 * norm.sf(abs(wrong1 / n1 - wrong2 / n2) / spread))


def battle(test: tuple[Tensor, Tensor], sample: tuple[Tensor, Tensor], level: float = LEVEL) -> Battle:
    r"""The generative adversarial metric of two models.

    $$r_{test} = \frac{\epsilon(D_1(x_{test}))}{\epsilon(D_2(x_{test}))}, \qquad
    r_{sample} = \frac{\epsilon(D_1(G_2(z)))}{\epsilon(D_2(G_1(z)))}$$

    Args:
        test: errors (n,) of critic 1 and of critic 2 on real samples, 0 or 1 each.
        sample: errors of critic 1 on model 2's samples, and of critic 2 on model 1's.
        level: a ratio counts as 1 where the test of two equal proportions does not reject at this level.
    Returns:
        Model 1 wins where r_test is 1 and r_sample below it, model 2 where r_sample is above; else they tie: critics
        that differ on real samples say nothing of the generators.
    Raises:
        ValueError: no samples.
    Source: Im et al. 2016, arXiv:1602.05110, section 5.
    """
    ratios, p = [], []
    for one, two in (test, sample):
        require(len(one) >= 1 and len(two) >= 1, "samples", (len(one), len(two)), "1 or more for each critic")
        (k1, n1), (k2, n2) = (float(one.sum()), len(one)), (float(two.sum()), len(two))
        ratios.append(smoothed_rate(k1, n1) / smoothed_rate(k2, n2))
        p.append(two_proportion_test(k1, n1, k2, n2))
    decided = p[0] >= level > p[1]
    winner = 0 if not decided else 1 if ratios[1] < 1 else 2
    return Battle(ratios[0], ratios[1], p[0], p[1], winner)


def play_all(
    models: Sequence[Model], real: Tensor, labels: Tensor | None, rng: torch.Generator, match: int = MATCH
) -> Contest:
    """Every model's critic judges real samples and every model's.

    Args:
        models: K, each with a critic, all of the same data.
        real: held-out samples as the networks take them (N, ...), float; uint8 images are turned to [-1, 1].
        labels: theirs (N,), for models that take labels.
        rng: draws the real samples, and the seeds of the generated ones.
        match: samples of each kind to play with, at most.
    Raises:
        ValueError: models of other data, some with labels and some without, no labels, too few samples, a model
            that has diverged.
    """
    classes = _alike(models, tuple(real.shape[1:]))
    require(not classes or labels is not None, "labels", None, "labels of the real samples, which these critics need")
    trial, n = _split(len(real), match)
    order = torch.randperm(len(real), generator=rng)[: trial + n]
    x, y = _floats(real[order]), labels[order] if classes and labels is not None else None
    made = [model.sample(trial + n, _seed(rng)) for model in models]
    critics, wrong_real, wrong_fake = [], [], []
    for model, own in zip(models, made, strict=True):
        require(bool(own[0].isfinite().all()), model.name, "samples not finite", "a generator that has not diverged")
        critic = calibrate(*(model.score(x[:trial], _cut(y, 0, trial)) for x, y in ((x, y), own)))
        critics.append(critic)
        wrong_real.append(errors(model.score(x[trial:], _cut(y, trial)), critic, real=True))
        scores = [model.score(sample[trial:], _cut(label, trial)) for sample, label in made]
        wrong_fake.append(torch.stack([errors(score, critic, real=False) for score in scores]))
    return Contest(tuple(m.name for m in models), tuple(critics), torch.stack(wrong_real), torch.stack(wrong_fake))


def _alike(models: Sequence[Model], shape: tuple[int, ...]) -> int:
    """Number of labels that all the models take."""
    classes = models[0].classes
    for model in models:
        fits = model.spec.shape == shape
        require(fits, model.name, model.spec.shape, f"a model of samples {shape}, as the real ones are")
        same = model.classes == classes
        require(same, model.name, f"{model.classes} labels", f"{classes}, as {models[0].name} takes")
    return classes


def gam(study: Study) -> Result:
    """GAM and GAM-II of the model against its rivals.

    value: share of battles that the model won, a tie being half a win. interval: Clopper-Pearson's over the battles.
    details: ``battles`` (both ratios, their p-values and the winner, by rival); ``gam_2``: how often each generator
    fools the critics of the others, on average (``mean``) and the least fooled of them (``worst``), with
    ``gam_2_ratio``, mean of the rivals' over the model's: below 1 means that the model fools critics more often;
    ``critics``: each one's threshold, and whether real is high or low; ``error_real``: each critic's errors on real
    samples; ``left_out``: rivals without a critic.
    """
    mine = study.model
    require(mine.has_critic, mine.name, "no critic", "a run with a critic")
    theirs = [side.model for side in study.rivals if side.model is not None and side.model.has_critic]
    left_out = [side.name for side in study.rivals if side.model is None or not side.model.has_critic]
    require(len(theirs) >= 1, "rivals", left_out or "none", "1 or more runs with critics: --against RUN")
    kept = study.halves[1]
    contest = play_all([mine, *theirs], kept.samples, kept.labels, study.rng("gam"))
    names = distinct(contest.names)
    battles = {
        names[j]: battle((contest.real[0], contest.real[j]), (contest.fake[0, j], contest.fake[j, 0]))
        for j in range(1, len(names))
    }
    points = sum({0: 0.5, 1: 1.0, 2: 0.0}[b.winner] for b in battles.values())
    fooled = _fooled(contest)
    rivals = sum(fooled[1:, 0].tolist()) / len(theirs)
    details = {
        "battles": {name: vars(b) for name, b in battles.items()},
        "gam_2": {name: {"mean": float(f[0]), "worst": float(f[1])} for name, f in zip(names, fooled, strict=True)},
        "gam_2_ratio": rivals / float(fooled[0, 0]),
        "critics": {name: vars(critic) for name, critic in zip(names, contest.critics, strict=True)},
        "error_real": dict(zip(names, contest.real.mean(1).tolist(), strict=True)),
        "threshold": "halfway between a critic's median outputs for real samples and for its own generator's",
        "level": LEVEL,
        "samples": contest.real.shape[1],
        "held_out": study.held_out is not None,
        "left_out": left_out,
        "interval_over": "battles",
    }
    return Result(points / len(battles), clopper_pearson(points, len(battles)), details)


def _fooled(contest: Contest) -> Tensor:
    """(K, 2): smoothed error rate of the other models' critics on each model's samples: mean, and least."""
    n = contest.fake.shape[2]
    rates = (contest.fake.sum(2) + 0.5) / (n + 1)  # critic i, generator j
    others = [torch.cat([rates[:j, j], rates[j + 1 :, j]]) for j in range(len(rates))]
    return torch.stack([torch.stack([rate.mean(), rate.min()]) for rate in others])


def _split(n: int, most: int) -> tuple[int, int]:
    """How many real samples are for calibration, and how many for matches; whole batches where there are any."""
    require(n >= 8, "real samples", n, "8 or more kept apart, to set thresholds and to play with")
    trial = _whole(min(CALIBRATION, n // 2))
    return trial, _whole(min(most, n - trial))


def _whole(n: int) -> int:
    return n - n % BATCH if n > BATCH else n


def _floats(x: Tensor) -> Tensor:
    return to_floats(x) if x.dtype == torch.uint8 else x.float()


def _cut(y: Tensor | None, start: int, end: int | None = None) -> Tensor | None:
    return None if y is None else y[start:end]


def _seed(rng: torch.Generator) -> int:
    return int(torch.randint(2**31, (1,), generator=rng))


def distinct(names: Sequence[str]) -> list[str]:
    """Names as they are where they differ, else with their place."""
    return [name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names)]
