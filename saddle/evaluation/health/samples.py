"""What the samples show: few kinds, or copies of the training data."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.health.advice import Settings, change, other, raised
from saddle.evaluation.health.verdict import Evidence, Verdict, severity
from saddle.evaluation.measures.bins import bin_centres, nearest_bin
from saddle.evaluation.measures.birthday import birthday
from saddle.evaluation.measures.frechet import frechet_distance
from saddle.evaluation.measures.manifold import recall
from saddle.evaluation.moments import Moments
from saddle.evaluation.nearest import nearest_rows
from saddle.evaluation.study import Study

__all__ = [
    "Look",
    "copied",
    "effective",
    "look",
    "memorisation",
    "mode_collapse",
    "relative_distance",
    "spread",
]

CELLS = 20
"""Kinds that data without known modes are cut into, by k-means."""
FEW_KINDS = 0.6
"""Effective number of kinds among the samples over that among the data."""
ALIKE = 0.4
"""Mean distance of two samples in a batch over that of two of the data."""
COPY = 1 / 3
"""A sample is a copy when it is nearer to a training sample than so much of the way from there to the next one."""
COPIES = 0.5
"""Share of copies. Of new samples of the data's own law in d dimensions about (1/3)^d are."""


@dataclass(frozen=True)
class Look:
    """What was seen of the samples at one round."""

    far: float
    """Squared Fréchet distance to the data over the trace of the data's covariance."""
    kinds: float
    """Effective number of kinds over that of the data."""
    spread: float
    """Mean distance of two samples over that of two of the data."""
    recall: float
    """Share of the data within the samples' support."""
    support: float
    """Distinct samples by the birthday test, over the same of the data."""
    copied: float
    """Share of copies of training samples."""
    copied_held_out: float | None
    """The same of held-out real samples."""
    finite: bool
    """Whether the data have an end: what never comes twice cannot be copied."""
    round: int
    """When."""


def look(study: Study, round: int, finite: bool, modes: Tensor | None = None, held_out: Tensor | None = None) -> Look:
    """All of it, of a study's features.

    Args:
        study: real against generated samples.
        round: of the checkpoint that made them.
        finite: whether the data have an end.
        modes: where they are known, (K, d).
        held_out: features (k, d) of real samples that were not trained on.
    Raises:
        ValueError: fewer than 8 samples of a kind.
    """
    real, fake = study.real_features, study.fake_features
    require(min(len(real), len(fake)) >= 8, "samples", (len(real), len(fake)), "8 or more of each kind")
    centres = bin_centres(real, min(CELLS, len(real) // 2), study.seed) if modes is None else modes
    found = birthday(study)
    return Look(
        relative_distance(real, fake),
        effective(fake, centres) / effective(real, centres),
        spread(fake, study) / max(spread(real, study), 1e-300),
        float(recall(study.pairs).mean()),
        found.value / float(found.details["real"]["support"]),
        copied(fake, real),
        None if held_out is None else copied(held_out, real),
        finite,
        round,
    )


def relative_distance(real: Tensor, fake: Tensor) -> float:
    """Squared Fréchet distance over the trace of the data's covariance: 0 for equal laws, 1 for a point at the mean.

    Args:
        real: (N, d).
        fake: (M, d).

    >>> x = torch.tensor([[-1.0], [1.0]])
    >>> relative_distance(x, torch.zeros(2, 1))
    1.0
    """
    of_data = Moments.of(real)
    return frechet_distance(of_data, Moments.of(fake)) / max(of_data.trace, 1e-300)


def effective(rows: Tensor, centres: Tensor) -> float:
    """Effective number of kinds: exp of the entropy of the histogram over the nearest centres.

    Args:
        rows: (n, d).
        centres: (k, d).
    Returns:
        In [1, k].

    >>> effective(torch.tensor([[0.0], [0.1], [5.0], [5.1]]), torch.tensor([[0.0], [5.0], [9.0]]))
    2.0
    """
    counts = torch.bincount(nearest_bin(rows, centres.double()), minlength=len(centres)).double()
    p = counts / counts.sum()
    return math.exp(-float(torch.special.xlogy(p, p).sum()))


def spread(rows: Tensor, study: Study, most: int = 500) -> float:
    """Mean distance of two rows of a batch of at most 500."""
    order = torch.randperm(len(rows), generator=study.rng("spread"))[:most]
    return float(torch.pdist(rows[order].double()).mean())


def copied(rows: Tensor, training: Tensor) -> float:
    """Share of rows that lie nearer to a training row than a third of the way from there to the next training row.

    Args:
        rows: (n, d).
        training: (N, d), N >= 2.
    Returns:
        In [0, 1].

    >>> copied(torch.tensor([[0.1], [1.5]]), torch.tensor([[0.0], [3.0]]))
    0.5
    """
    distance, place = (found[:, 0] for found in nearest_rows(rows, training, 1))
    apart = nearest_rows(training, training, 2)[0][:, 1]  # itself, or a duplicate of it, comes first
    return float(((distance < COPY * apart[place]) | (distance == 0)).double().mean())


def mode_collapse(seen: Look, settings: Settings) -> Verdict | None:
    """Few of the data's kinds are made, or all samples are alike.

    Args:
        seen: the samples.
        settings: the recipe's, for the advice.
    """
    if seen.kinds >= FEW_KINDS and seen.spread >= ALIKE:
        return None
    of_kinds, of_spread = severity(FEW_KINDS, seen.kinds), severity(ALIKE, seen.spread)
    evidence = [
        Evidence("effective number of kinds over the data's", seen.kinds, FEW_KINDS, seen.round),
        Evidence("mean distance of two samples over the data's", seen.spread, ALIKE, seen.round),
        Evidence("share of the data within the samples' support (recall)", seen.recall, 0.5, seen.round),
        Evidence("distinct samples by the birthday test, over the data's", seen.support, 0.1, seen.round),
    ]
    if of_spread > of_kinds:
        evidence[:2] = evidence[1::-1]
    words = []
    if settings.get("lr_generator", 0) > settings.get("lr_critic", 0):
        words.append(raised(settings, "lr_generator", settings["lr_critic"]))
    if settings.get("beta1", 0) > 0.5:
        words.append(raised(settings, "beta1", 0.5))
    words += other(settings, "r3gan", "recipe r3gan, whose losses and penalties keep all modes")
    words += [change(settings, "z_dim", 8)] if settings.get("z_dim", 100) < 4 else []
    return Verdict("mode-collapse", max(of_kinds, of_spread), tuple(evidence), "; or ".join(words))


def memorisation(seen: Look, settings: Settings) -> Verdict | None:
    """Most samples are copies of training samples, and held-out ones are not so near to them.

    Args:
        seen: the samples.
        settings: the recipe's, for the advice.
    """
    usual = seen.copied_held_out or 0.0
    if not seen.finite or seen.copied < COPIES or seen.copied < 2 * usual:
        return None
    evidence = [Evidence("share of samples that are copies of training samples", seen.copied, COPIES, seen.round)]
    if seen.copied_held_out is not None:
        evidence.append(Evidence("the same of held-out real samples", usual, COPIES, seen.round))
    words = "more data, --mirror, or augmentation; a smaller network"
    words += f" ({change(settings, 'hidden', 0.5)})" if "hidden" in settings else ""
    return Verdict(
        "memorisation", severity(seen.copied, 1.0 - seen.copied + 1e-9), tuple(evidence), f"{words}; or stop earlier"
    )
