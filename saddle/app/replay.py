"""Playing a run again without a fifth of its data, to ask a critic like its own about samples that it never saw."""

from dataclasses import dataclass, replace
from time import monotonic

import torch
from torch import Tensor

from saddle.app.probe import Probe
from saddle.app.train import Plan
from saddle.config import require
from saddle.data import Dataset, Images, Points
from saddle.data.divide import divide
from saddle.data.stacked import Stacked
from saddle.evaluation.health.critic import Scores
from saddle.evaluation.side import Side
from saddle.game import play

__all__ = ["Replay", "replay", "without_a_fifth"]

LEAST = 40
"""Samples that data must have, for the fifth to say anything."""
MOST = 1000
"""Kept samples that the critic is asked about."""


@dataclass(frozen=True)
class Replay:
    """What came of it."""

    scores: Scores
    """Of the critic that was trained on four fifths, with the fifth as held-out samples."""
    whole: bool
    """Whether as many rounds were played as the run has."""


def replay(plan: Plan, rounds: int, seconds: float) -> Replay:
    """Train as the run did, from its seed, on four fifths of its data; the run is left as it is.

    The data are a little fewer, which makes them a little easier to know by heart.

    Args:
        plan: the run's.
        rounds: as many as the run has played.
        seconds: when to stop at the latest.
    Raises:
        NonFinite: a loss or gradient is not finite.
        ValueError: too few data, or none that can be divided; or no critic.
    """
    rest, kept = without_a_fifth(plan.data, plan.options.seed)
    plan = replace(plan, data=rest)
    game, until = plan.build(), monotonic() + seconds
    probe = Probe(plan, game)
    for _ in play(game, probe.draw(), rounds):
        if monotonic() > until:
            break
    return Replay(probe.scores(Side.of_data(kept, min(len(kept) or MOST, MOST))), game.round >= rounds)


def without_a_fifth(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Four fifths of a finite data set, and the fifth that is kept, at random by the seed; variants are not parted.

    Raises:
        ValueError: fewer than 40 samples, or a density, which has no parts.

    >>> [len(part) for part in without_a_fifth(Points("x", torch.zeros(50, 2)), 0)]
    [40, 10]
    """
    if isinstance(data, Stacked):  # triples never end, the images that they are made of do
        one, other = without_a_fifth(data.base, seed)
        assert isinstance(one, Images) and isinstance(other, Images)
        return Stacked(data.name, one), Stacked(data.name, other)
    require(len(data) >= LEAST, "replay", f"{len(data)} samples", f"{LEAST} or more to keep a fifth of")
    groups = data.groups if isinstance(data, Images) else None
    kept, rest = divide(len(data), len(data) // 5, torch.Generator().manual_seed(seed), groups, data.name)
    return _part(data, rest), _part(data, kept)


def _part(data: Dataset, index: Tensor) -> Dataset:
    assert isinstance(data, Images | Points)  # what else is there has no end
    labels = None if data.labels is None else data.labels[index]
    if isinstance(data, Points):
        return Points(data.name, data.x[index], labels, data.spec.classes)
    groups = None if data.groups is None else data.groups[index]
    return Images(data.name, data.images[index], labels, data.spec.class_names, data.spec.classes, groups=groups)
