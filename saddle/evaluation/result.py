"""What a measure returns: a value, its interval, and whatever else it found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Interval", "Result"]

Interval = tuple[float, float]
"""The two ends of a 95 % interval."""


@dataclass(frozen=True)
class Result:
    """One measure's answer.

    >>> Result(0.5, (0.4, 0.6), {"accuracy_real": 0.45}).document()
    {'value': 0.5, 'interval': [0.4, 0.6], 'accuracy_real': 0.45}
    """

    value: float
    """The headline number; infinite where the definition says so, never NaN."""
    interval: Interval | None = None
    """95 % interval over samples (or what ``details`` says it is over); None where no honest one is known."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Further numbers, lists and words that JSON can hold, by name: settings used, parts, p-values."""
    pictures: Mapping[str, Any] = field(default_factory=dict)
    """What is better looked at, by name: uint8 (H, W, 3) tensors, left out of JSON."""

    def __post_init__(self) -> None:
        if math.isnan(self.value) or (self.interval is not None and any(map(math.isnan, self.interval))):
            raise ValueError(
                f"value={self.value}, interval={self.interval}: expected numbers; the inputs leave it undefined"
            )

    def document(self) -> dict[str, Any]:
        """For JSON, which knows no infinity: an infinite number becomes null beside a key that says so."""
        ends = None if self.interval is None else [_finite(end) for end in self.interval]
        found = {"value": _finite(self.value), "interval": ends, **_plain(self.details)}
        return found | ({} if math.isfinite(self.value) else {"infinite": math.copysign(1.0, self.value)})


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(held) for held in value]
    return _finite(value) if isinstance(value, float) else value
