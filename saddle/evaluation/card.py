"""The scorecard: each result with all that its number depends on, and the refusal to compare unlike cards."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from saddle.evaluation.result import Result
from saddle.evaluation.table import MEASURES

__all__ = ["Context", "Difference", "Incomparable", "Scorecard"]


class Incomparable(ValueError):
    """Two cards whose numbers mean different things."""


@dataclass(frozen=True)
class Context:
    """What every number of a card depends on beside the samples."""

    real: str
    """Name of the real side."""
    fake: str
    """Name of the generated side."""
    n_real: int
    """Real samples."""
    n_fake: int
    """Generated samples."""
    features: str
    """Name of the extractor."""
    weights: str
    """sha256 of the extractor's weights, or ``none``."""
    resize: str
    """How images were brought to the extractor's size, and that size."""
    key: str
    """Everything that the extractor's numbers depend on, its normalisation included."""
    real_fingerprint: str
    """Of the real samples themselves."""
    seed: int
    """Where the measures' random numbers start."""
    version: str
    """Of saddle."""

    def against(self, other: "Context") -> list[str]:
        """Why numbers under this context and the other cannot be compared; empty if they can."""
        named = {
            "n_real": "N of the real side",
            "n_fake": "N of the generated side",
            "features": "features",
            "weights": "weights of the extractor",
            "resize": "resize",
            "key": "settings of the extractor",
            "real_fingerprint": "real samples",
        }
        pairs = [(words, getattr(self, name), getattr(other, name)) for name, words in named.items()]
        found = [f"{words}: {ours} and {theirs}" for words, ours, theirs in pairs if ours != theirs]
        return found if len(found) < 2 else [reason for reason in found if not reason.startswith(named["key"])]


@dataclass(frozen=True)
class Difference:
    """A measure on two comparable cards."""

    measure: str
    """Its name."""
    before: float | None
    """On the other card."""
    after: float | None
    """On this one."""
    better: bool | None
    """Whether this card's value is the better one; None where they are equal, unknown, or the intervals overlap."""


@dataclass(frozen=True)
class Scorecard:
    """What ``evaluate`` returns.

    ``card["fid"].value`` is a number, ``card.document()`` is what ``--json`` prints.
    """

    context: Context
    """What the numbers depend on."""
    results: Mapping[str, Result]
    """Results by measure, in the order they ran."""
    seconds: Mapping[str, float]
    """Time each took; what several share is counted where it was first asked for."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Measures that did not run, and what each would need."""
    looks: Mapping[str, Tensor] = field(default_factory=dict)
    """Some samples of ``real`` and ``fake``, to be drawn beside the numbers: uint8 (n, C, H, W), or rows (n, d)."""

    def __getitem__(self, measure: str) -> Result:
        if measure not in self.results:
            raise KeyError(f"{measure}: {self.skipped.get(measure, 'not asked for')}")
        return self.results[measure]

    def document(self) -> dict[str, Any]:
        """Everything but the pictures, for JSON."""
        c = self.context
        common = {"n_real": c.n_real, "n_fake": c.n_fake, "features": c.features, "seed": c.seed}
        measures = {
            name: {
                "direction": MEASURES[name].direction,
                **common,
                "seconds": round(self.seconds[name], 4),
                **result.document(),
            }
            for name, result in self.results.items()
        }
        extractor = {"name": c.features, "weights_sha256": c.weights, "resize": c.resize, "key": c.key}
        return {
            "measures": measures,
            "skipped": dict(self.skipped),
            "real": {"name": c.real, "n": c.n_real, "fingerprint": c.real_fingerprint},
            "fake": {"name": c.fake, "n": c.n_fake},
            "extractor": extractor,
            "seed": c.seed,
            "saddle": c.version,
        }

    def compare(self, before: "Scorecard") -> list[Difference]:
        """How this card's values differ from those of a card made before.

        Raises:
            Incomparable: another N, extractor, weights, resize or real samples; the message says which.
        """
        reasons = self.context.against(before.context)
        if reasons:
            raise Incomparable(
                f"card={before.context.fake}: expected a card that was measured alike; these differ in "
                f"{'; '.join(reasons)}. Measure both again under one of them."
            )
        return [
            _difference(name, self.results[name], before.results[name])
            for name in self.results
            if name in before.results
        ]

    @classmethod
    def read(cls, path: str | Path) -> "Scorecard":
        """A card that ``saddle evaluate --json`` printed into a file.

        Raises:
            ValueError: not such a file.
        """
        try:
            held = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls._of(held)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"card={path}: expected the JSON that saddle evaluate --json prints ({error!r})"
            ) from error

    @classmethod
    def _of(cls, held: Mapping[str, Any]) -> "Scorecard":
        real, fake, extractor = held["real"], held["fake"], held["extractor"]
        context = Context(
            str(real["name"]),
            str(fake["name"]),
            int(real["n"]),
            int(fake["n"]),
            str(extractor["name"]),
            str(extractor["weights_sha256"]),
            str(extractor["resize"]),
            str(extractor["key"]),
            str(real["fingerprint"]),
            int(held["seed"]),
            str(held["saddle"]),
        )
        measures = held["measures"]
        results = {name: _result(entry) for name, entry in measures.items()}
        seconds = {name: float(entry["seconds"]) for name, entry in measures.items()}
        return cls(context, results, seconds, dict(held.get("skipped", {})))


def _result(entry: Mapping[str, Any]) -> Result:
    value = entry["value"] if entry["value"] is not None else float("inf") * entry["infinite"]
    ends = entry["interval"]
    interval = None if ends is None or None in ends else (float(ends[0]), float(ends[1]))
    known = {"value", "interval", "direction", "n_real", "n_fake", "features", "seed", "seconds"}
    return Result(float(value), interval, {name: held for name, held in entry.items() if name not in known})


def _difference(name: str, after: Result, before: Result) -> Difference:
    measure = MEASURES.get(name)
    apart = after.interval is None or before.interval is None or _disjoint(after.interval, before.interval)
    if measure is None or not apart or after.value == before.value:
        return Difference(name, before.value, after.value, None)
    if measure.direction == "target":
        if measure.ideal is None:
            return Difference(name, before.value, after.value, None)
        better = abs(after.value - measure.ideal) < abs(before.value - measure.ideal)
    else:
        better = (after.value > before.value) == (measure.direction == "up")
    return Difference(name, before.value, after.value, better)


def _disjoint(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[1] < b[0] or b[1] < a[0]
