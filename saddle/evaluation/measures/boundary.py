"""Boundary distortion: what a classifier loses when it learns its boundaries from generated data."""

import math
from typing import Any

import torch
from scipy.stats import norm
from torch import Tensor

from saddle.config import require
from saddle.evaluation.measures.classification import Labelled, chunks, labelled, right
from saddle.evaluation.measures.probes import ClassMoments, Fit, Probe, Scale, discriminant, jackknife, network, widened
from saddle.evaluation.moments import Moments
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = ["balanced", "boundary_distortion", "distortion", "linear_distortion", "rank", "spectrum"]

SIZES = (1, 10)
"""Generated training sets, in multiples of the real one, as far as there are samples."""

WIDTH = 64
"""Hidden units of the classifier that can bend."""

EPOCHS = 20
"""Its passes over the data."""

ROWS = 2500
"""Real samples that it learns from at most."""

SHOWN = 64
"""Eigenvalues listed."""


def balanced(side: Labelled, per_class: int, classes: int, rng: torch.Generator) -> Labelled:
    """At most so many samples of each class, at random.

    Args:
        side: features (n, d) and labels (n,).
        per_class: greatest number of each class.
        classes: K.
        rng: chooses.
    Returns:
        Features and labels, at most per_class times K.
    """
    order = torch.randperm(len(side[1]), generator=rng)
    y = side[1][order]
    chosen = torch.cat([order[y == c][:per_class] for c in range(classes)])
    return side[0][chosen], side[1][chosen]


def distortion(right_real: Tensor, right_fake: Tensor) -> tuple[float, Interval]:
    """Accuracy lost on the same held-out samples, accuracy(C_r) - accuracy(C_g), and its 95 % interval.

    The interval is that of the difference of paired rates with half a count added to each of the four outcomes,
    which keeps it honest where the two never disagree.

    Args:
        right_real: 1 where C_r, learnt from real samples, is right, else 0; (n,).
        right_fake: the same of C_g, learnt from generated ones; (n,).
    Returns:
        Gap in [-1, 1] and both ends.
    Source: Santurkar, Schmidt and Madry 2018, arXiv:1711.00970; Agresti and Min 2005, Stat. Med. 24.

    >>> distortion(torch.ones(10), torch.tensor([1.0] * 8 + [0.0] * 2))[0]
    0.2
    """
    apart = (right_real - right_fake).double()
    n, only_real, only_fake = len(apart) + 2.0, int((apart > 0).sum()) + 0.5, int((apart < 0).sum()) + 0.5
    gap, centre = float(apart.mean()), (only_real - only_fake) / n
    reach = float(norm.ppf(0.975)) * ((only_real + only_fake - (only_real - only_fake) ** 2 / n) ** 0.5) / n
    return gap, (max(-1.0, min(gap, centre - reach)), min(1.0, max(gap, centre + reach)))


def spectrum(x: Tensor) -> Tensor:
    """Eigenvalues of the covariance of features (n, d), descending, float64; at most min(n, d) of them.

    Raises:
        ValueError: fewer than 2 samples.
    """
    return Moments.of(x).eigenvalues.flip(0)


def rank(eigenvalues: Tensor) -> int:
    """How many eigenvalues are above rounding: a generator of rank r shows r."""
    noise = len(eigenvalues) * torch.finfo(torch.float64).eps * float(eigenvalues.max())
    return int((eigenvalues > noise).sum())


def _lda(x: Tensor, y: Tensor, classes: int) -> Probe:
    return discriminant(ClassMoments.of(x, y, classes))


def linear_distortion(
    real: Labelled, fake: Labelled, kept: Labelled, classes: int, rng: torch.Generator
) -> tuple[float, Interval]:
    """Accuracy lost by discriminant analysis that learns from generated samples.

    Args:
        real: what C_r learns from.
        fake: what C_g learns from.
        kept: real samples that both are tested on.
        classes: K.
        rng: orders the samples for the jackknife.
    Returns:
        Gap in [-1, 1], and a 95 % interval over all three sets.
    """
    gap, interval = distortion(right(_lda(*real, classes), kept), right(_lda(*fake, classes), kept))
    errors = [_training_error(side, kept, classes, rng) for side in (real, fake)]
    low, high = widened(gap, interval, math.hypot(*errors))
    return gap, (max(-1.0, low), min(1.0, high))


def _training_error(side: Labelled, kept: Labelled, classes: int, rng: torch.Generator) -> float:
    order = torch.randperm(len(side[1]), generator=rng)
    parts = chunks(side[0][order], side[1][order], classes)
    return jackknife(parts, lambda probe: float(right(probe, kept).mean()))


def _network(x: Tensor, y: Tensor, classes: int) -> Probe:
    return network(x, y, classes, WIDTH, EPOCHS)


def _gaps(fit: Fit, real: Labelled, fakes: list[Labelled], kept: Labelled, classes: int) -> list[dict[str, Any]]:
    base = right(fit(*real, classes), kept)
    found = []
    for fake in fakes:
        of_fake = right(fit(*fake, classes), kept)
        gap, interval = distortion(base, of_fake)
        accuracy = {"accuracy_real": float(base.mean()), "accuracy_fake": float(of_fake.mean())}
        found.append({"size": len(fake[0]), "gap": gap, "interval": list(interval), **accuracy})
    return found


def boundary_distortion(study: Study) -> Result:
    """Adapter. Value: accuracy on held-out real samples lost by a linear classifier that learns from generated ones.

    Both learn from balanced sets, standardised by the real one; the value is at equal size, its interval over
    held-out samples and (jackknife) over both sets learnt from. Details: ``linear`` (discriminant analysis) and
    ``network`` (one hidden layer), each the gap, its interval over held-out samples alone, and both accuracies at one
    and at ten times the real size, as far as there are samples; covariance ``spectrum_real`` and ``spectrum_fake``
    (largest eigenvalues) and their ranks. The paper trains one unconditional generator per class; for a conditional
    one this is GAN-base less GAN-train.
    """
    fit, kept, fake, classes = labelled(study)
    rng, scale = study.rng("boundary-distortion"), Scale.of(fit[0])
    spectra = [spectrum(x) for x in (fit[0], fake[0])]
    fit, kept, fake = ((scale(x), y) for x, y in (fit, kept, fake))
    require(min(len(fit[0]), len(fake[0])) >= classes, "samples", len(fake[0]), f"at least {classes}, one a class")
    each = max(1, min(len(fit[0]), len(fake[0]), ROWS) // classes)
    real = balanced(fit, each, classes, rng)
    fakes = [balanced(fake, each * times, classes, rng) for times in SIZES]
    fakes = fakes[: 2 if len(fakes[1][0]) > len(fakes[0][0]) else 1]
    linear, bent = (_gaps(learn, real, fakes, kept, classes) for learn in (_lda, _network))
    details = {
        "linear": linear,
        "network": bent,
        "network_width": WIDTH,
        "network_epochs": EPOCHS,
        "trained_on": len(real[0]),
        "tested_on": len(kept[0]),
        "spectrum_real": spectra[0][:SHOWN].tolist(),
        "spectrum_fake": spectra[1][:SHOWN].tolist(),
        "rank_real": rank(spectra[0]),
        "rank_fake": rank(spectra[1]),
        "interval_over": "held-out real samples, and both sets learnt from",
    }
    return Result(*linear_distortion(real, fakes[0], kept, classes, rng), details)
