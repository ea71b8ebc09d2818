"""Classification performance: classifiers trained on one side and tested on the other, and how far they agree."""

from collections.abc import Callable

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.measures.probes import (
    ClassMoments,
    Probe,
    Scale,
    discriminant,
    jackknife,
    logistic,
    temperature,
    widened,
)
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = [
    "Labelled",
    "accuracies",
    "adversarial_accuracy",
    "chunks",
    "classification",
    "divergence",
    "labelled",
    "right",
]

Labelled = tuple[Tensor, Tensor]
"""Features (n, d) and labels (n,) int64."""

SEEDS = 3
"""Draws of training sets; a classifier's accuracy depends on what it was shown."""

SHARE = 0.8
"""Share of the smaller training side in each draw."""

ROWS = 5000
"""Samples that a classifier learns from at most, of each side."""

NUMBERS = 20_000
"""Weights (classes times features) up to which logistic regression is fitted beside discriminant analysis."""


def labelled(study: Study) -> tuple[Labelled, Labelled, Labelled, int]:
    """Real samples to fit on, real ones kept from it, generated ones, and the number of classes K.

    Raises:
        ValueError: labels are missing, or there is one class only.
    """
    sides = (*study.halves, study.fake)
    for side in sides:
        require(side.labels is not None, side.name, "no labels", "labels of both sides")
    classes = max(max(side.classes, int(side.labels.max()) + 1) for side in sides if side.labels is not None)
    require(classes >= 2, "classes", classes, "2 or more")
    rows = (*study.half_features, study.fake_features)
    fit, kept, fake = ((x, side.labels.long()) for x, side in zip(rows, sides, strict=True) if side.labels is not None)
    return fit, kept, fake, classes


def right(probe: Probe, test: Labelled) -> Tensor:
    """Which samples (n,) a probe classifies right, float64: 0 or 1."""
    return (probe(test[0]).argmax(1) == test[1]).double()


def chunks(x: Tensor, y: Tensor, classes: int) -> list[ClassMoments]:
    """Moments of ten parts (or n, of fewer samples) of a labelled set in random order, for the jackknife."""
    g = min(10, len(y))
    return [ClassMoments.of(*part, classes) for part in zip(x.tensor_split(g), y.tensor_split(g), strict=True)]


def accuracies(real: Probe, fake: Probe, union: Probe, kept: Labelled, generated: Labelled) -> dict[str, Tensor]:
    """The four readings, as what each sample of the test set counts (n,).

    Args:
        real: learnt from real samples.
        fake: learnt from generated ones.
        union: learnt from both.
        kept: real samples that none has seen.
        generated: generated ones; those that `fake` has seen may be among them.
    Returns:
        ``gan_train`` (also known as CAS): learnt from generated, tested on real. ``gan_base``: real, real.
        ``gan_test``: learnt from real, tested on generated. ``nas``: learnt from both, tested on real.
    Source: Shmelkov et al. 2018, arXiv:1807.09499; Ravuri and Vinyals 2019, arXiv:1905.10887.
    """
    return {
        "gan_train": right(fake, kept),
        "gan_base": right(real, kept),
        "gan_test": right(real, generated),
        "nas": right(union, kept),
    }


def divergence(log_p_g: Tensor, log_p_r: Tensor) -> Tensor:
    r"""KL(P_g(y|x) || P_r(y|x)) = sum_y P_g log(P_g / P_r) for each sample: the generated side's classifier first.

    Args:
        log_p_g: log posteriors of the classifier that learnt from generated samples, (n, K).
        log_p_r: of the one that learnt from real samples, (n, K).
    Returns:
        float64 (n,) in [0, inf], in nats; inf where P_r excludes a class that P_g does not.
    Source: Yang et al. 2017 (LR-GAN), arXiv:1703.01560, section 4.

    >>> p = torch.tensor([[0.5, 0.5]]).log()
    >>> divergence(p, torch.tensor([[0.25, 0.75]]).log())
    tensor([0.1438], dtype=torch.float64)
    """
    log_p_g, log_p_r = log_p_g.double(), log_p_r.double()
    terms = log_p_g.exp() * (log_p_g - log_p_r)
    return torch.where(log_p_g == -torch.inf, 0.0, terms).sum(1).clamp(min=0.0)


def _draw(side: Labelled, n: int, rng: torch.Generator) -> Labelled:
    index = torch.randperm(len(side[0]), generator=rng)[:n]
    return side[0][index], side[1][index]


def _discriminants(real: Labelled, fake: Labelled, classes: int) -> tuple[Probe, Probe, Probe]:
    a, b = ClassMoments.of(*real, classes), ClassMoments.of(*fake, classes)
    return discriminant(a), discriminant(b), discriminant(a + b)  # the union costs nothing: its moments are the sum


def _regressions(real: Labelled, fake: Labelled, classes: int) -> tuple[Probe, Probe, Probe]:
    union = torch.cat([real[0], fake[0]]), torch.cat([real[1], fake[1]])
    return logistic(*real, classes), logistic(*fake, classes), logistic(*union, classes)


_LEARNERS: dict[str, Callable[[Labelled, Labelled, int], tuple[Probe, Probe, Probe]]] = {
    "lda": _discriminants,
    "logistic": _regressions,
}


def classification(study: Study) -> Result:
    """Adapter. Value: GAN-train accuracy, on held-out real samples, of discriminant analysis of generated features.

    It is a mean over three draws of training sets of equal size from both sides; the interval is Clopper and
    Pearson's over held-out real samples, widened by the jackknife over the generated ones learnt from. Details: for
    each probe (``lda``, and ``logistic`` where there are few enough weights) the ``gan_train``, ``gan_test``,
    ``gan_base`` and ``nas`` accuracy with the ``spread`` (standard deviation over draws) of each; ``gan_base`` at the
    top, which is what real training data reach; sizes. Features are standardised by the real training half for all.
    GAN-test above GAN-base hints at copies or easy samples.
    """
    fit, kept, fake, classes = labelled(study)
    scale = Scale.of(fit[0])
    fit, kept, fake = ((scale(x), y) for x, y in (fit, kept, fake))
    m = min(int(SHARE * min(len(fit[0]), len(fake[0]))), ROWS)
    require(m >= classes, "training samples", m, f"at least {classes}, one a class")
    rng, few = study.rng("classification"), classes * fit[0].shape[1] <= NUMBERS
    counts: dict[str, list[dict[str, Tensor]]] = {name: [] for name in _LEARNERS if name == "lda" or few}
    for _ in range(SEEDS):
        real, generated = _draw(fit, m, rng), _draw(fake, m, rng)
        for name, found in counts.items():
            found.append(accuracies(*_LEARNERS[name](real, generated, classes), kept, fake))
    details = {name: _summary(found) for name, found in counts.items()}
    value, n = details["lda"]["gan_train"], len(kept[0])
    error = jackknife(chunks(*_draw(fake, m, rng), classes), lambda probe: float(right(probe, kept).mean()))
    low, high = widened(value, clopper_pearson(value * n, n), error)
    details_all = {
        **{name: details["lda"][name] for name in ("gan_train", "gan_test", "gan_base")},
        **details,
        "classes": classes,
        "draws": SEEDS,
        "trained_on": m,
        "tested_on": n,
        "interval_over": "held-out real samples, and generated ones learnt from",
    }
    return Result(value, (max(0.0, low), min(1.0, high)), details_all)


def _summary(draws: list[dict[str, Tensor]]) -> dict[str, float]:
    rates = {name: torch.stack([draw[name].mean() for draw in draws]) for name in draws[0]}  # (seeds,) each
    means = {name: float(rate.mean()) for name, rate in rates.items()}
    return means | {f"{name}_spread": float(rate.std()) for name, rate in rates.items()}


def adversarial_accuracy(study: Study) -> Result:
    """Adapter. Value: adversarial divergence, the mean KL(P_g || P_r) over held-out real samples, in nats.

    P_r and P_g are discriminant analyses learnt from equally many real and generated samples, made honest by a
    temperature each on one half of the held-out samples; the other half is what everything is measured on, and the
    interval is its bootstrap. Details: ``accuracy_real`` and ``accuracy_fake`` (LR-GAN's adversarial accuracies,
    the nearer the better), ``real_halves`` (the divergence of two classifiers of real halves: what sampling alone
    gives), ``without_temperature`` (label noise that strikes all classes alike shows only there), temperatures and
    sizes. Infinite, without interval, where the real half lacks a class.
    """
    fit, kept, fake, classes = labelled(study)
    rng, scale = study.rng("adversarial-accuracy"), Scale.of(fit[0])
    fit, kept, fake = ((scale(x), y) for x, y in (fit, kept, fake))
    m, n = min(len(fit[0]) // 2, len(fake[0])), len(kept[0])
    require(m >= classes and n >= 4, "samples", (2 * m, n), f"{2 * classes} real to learn from and 4 kept apart")
    fit, kept = _draw(fit, 2 * m, rng), _draw(kept, n, rng)
    parts = {"real": (fit[0][:m], fit[1][:m]), "fake": _draw(fake, m, rng), "other": (fit[0][m:], fit[1][m:])}
    probes = {name: discriminant(ClassMoments.of(*part, classes)) for name, part in parts.items()}
    tune, (x, y) = (kept[0][: n // 2], kept[1][: n // 2]), (kept[0][n // 2 :], kept[1][n // 2 :])
    warmth = {name: temperature(probe(tune[0]), tune[1]) for name, probe in probes.items()}
    logits = {name: probe(x) for name, probe in probes.items()}
    log_p = {name: (z / warmth[name]).log_softmax(1) for name, z in logits.items()}
    raw = divergence(logits["fake"].log_softmax(1), logits["real"].log_softmax(1))
    each = divergence(log_p["fake"], log_p["real"])
    value = float(each.mean())
    again = each[torch.randint(len(each), (1000, len(each)), generator=rng)].mean(1)
    ends = again.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    details = {
        "accuracy_real": float(right(probes["real"], (x, y)).mean()),
        "accuracy_fake": float(right(probes["fake"], (x, y)).mean()),
        "real_halves": float(divergence(log_p["other"], log_p["real"]).mean()),
        "without_temperature": float(raw.mean()),
        "temperature_real": warmth["real"],
        "temperature_fake": warmth["fake"],
        "direction_of_divergence": "KL(generated || real)",
        "trained_on": m,
        "tuned_on": n // 2,
        "tested_on": len(x),
        "interval_over": "held-out real samples",
    }
    finite = bool(each.isfinite().all())
    return Result(value, (min(ends[0], value), max(ends[1], value)) if finite else None, details)
