"""What is wrong with a run: a cause, the evidence for it, and what to change; and which of several comes first."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from saddle.config import choose

__all__ = ["CAUSES", "EXPLAINS", "Evidence", "Verdict", "ranked", "severity"]

CAUSES = {
    "non-finite": "a loss, a gradient or a weight is infinite or NaN",
    "learning-rate": "a step size is far too large, or so small that nothing moves",
    "oscillation": "the players chase each other round and round",
    "memorisation": "the generator repeats its training data",
    "critic-overfitting": "the critic knows its training data by heart",
    "critic-too-strong": "the critic is always right and the generator learns nothing from it",
    "generator-exploiting": "the critic is at chance although the samples are bad",
    "mode-collapse": "the generator makes few of the kinds of thing that are in the data",
    "healthy": "nothing of this was found",
}
"""The causes and what each means."""

EXPLAINS = {
    "non-finite": ("learning-rate", "oscillation", "critic-too-strong", "generator-exploiting", "mode-collapse"),
    "learning-rate": (
        "critic-too-strong",
        "generator-exploiting",
        "oscillation",
        "critic-overfitting",
        "mode-collapse",
    ),
    "critic-too-strong": ("mode-collapse",),
    "generator-exploiting": ("mode-collapse",),
    "oscillation": ("critic-too-strong", "generator-exploiting", "mode-collapse"),
    "critic-overfitting": ("critic-too-strong", "mode-collapse"),
    "memorisation": ("critic-overfitting", "mode-collapse"),
}
"""What each cause brings about: such a finding stands behind its cause, however strong it is by itself."""

STEP = 1e-3
"""By how much a consequence stands behind its cause."""


@dataclass(frozen=True)
class Evidence:
    """A number that was measured, and the threshold that it is beyond."""

    what: str
    """What was measured, in words."""
    number: float
    """Its value."""
    threshold: float
    """Where it begins to count."""
    round: int
    """The round that it was measured at."""

    def document(self) -> dict[str, Any]:
        """For JSON, which knows neither infinity nor NaN."""
        number = float(self.number) if math.isfinite(self.number) else None
        return {"what": self.what, "number": number, "threshold": self.threshold, "round": self.round}


@dataclass(frozen=True)
class Verdict:
    """One cause that was found.

    >>> Verdict("oscillation", 0.5, (Evidence("share", 0.9, 0.5, 100),), "lower --lr_critic").document()["evidence"]
    {'what': 'share', 'number': 0.9, 'threshold': 0.5, 'round': 100}
    """

    cause: str
    """A key of `CAUSES`."""
    strength: float
    """How sure it is, in (0, 1]: 1/2 is just beyond the threshold."""
    evidence: tuple[Evidence, ...]
    """What it rests on, the most telling number first."""
    advice: str
    """Which flag to change, and to what."""

    def __post_init__(self) -> None:
        choose(self.cause, CAUSES, "cause")
        assert self.evidence
        assert 0.0 <= self.strength <= 1.0

    def document(self) -> dict[str, Any]:
        """For JSON: ``evidence`` is the most telling number; those beside it are under ``more``."""
        first, *more = (one.document() for one in self.evidence)
        evidence = first | ({"more": more} if more else {})
        return {"cause": self.cause, "strength": round(self.strength, 4), "evidence": evidence, "advice": self.advice}


def severity(number: float, threshold: float) -> float:
    """How far a number is beyond its threshold: 1/2 at it, and to 1 as the ratio of the two grows.

    Args:
        number: what was measured, > 0; larger is worse. For one of which less is worse give both the other way round.
        threshold: > 0.
    Returns:
        number / (number + threshold), in [0, 1].

    >>> severity(3.0, 1.0)
    0.75
    """
    if math.isinf(number):
        return 1.0
    return number / (number + threshold)


def ranked(found: Iterable[Verdict | None], round: int = 0) -> list[Verdict]:
    """The verdicts in order: the strongest first, but none before one that explains it; ``healthy`` if there is none.

    Args:
        found: what the checks returned; None stands for nothing found.
        round: rounds played so far, for ``healthy``.

    >>> [verdict.cause for verdict in ranked([])]
    ['healthy']
    """
    verdicts: dict[str, Verdict] = {}
    for verdict in found:
        if verdict is not None and (
            verdict.cause not in verdicts or verdict.strength > verdicts[verdict.cause].strength
        ):
            verdicts[verdict.cause] = verdict
    if not verdicts:
        return [healthy(round)]
    order = _causes_first(list(verdicts))
    for place, cause in enumerate(order):
        above = [verdicts[earlier].strength for earlier in order[:place] if cause in EXPLAINS.get(earlier, ())]
        if above:
            strength = min(verdicts[cause].strength, max(0.0, min(above) - STEP))
            verdicts[cause] = replace(verdicts[cause], strength=strength)
    return sorted(verdicts.values(), key=lambda verdict: (-verdict.strength, order.index(verdict.cause)))


def healthy(round: int) -> Verdict:
    """Nothing was found."""
    return Verdict("healthy", 1.0, (Evidence("findings", 0.0, 1.0, round),), "nothing to change")


def _causes_first(causes: Sequence[str]) -> list[str]:
    """`CAUSES` lists every cause before what it explains."""
    return [cause for cause in CAUSES if cause in causes]
