"""What the log alone shows: curves that turn, that explode, that end, that vanish."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from saddle.evaluation.health.verdict import Evidence, Verdict, severity

__all__ = [
    "Curve",
    "Wave",
    "curves",
    "oscillation",
    "spectrum",
    "strongest_wave",
]

Rows = Sequence[Mapping[str, Any]]
"""Lines of ``log.jsonl``: ``round``, and numbers called ``player.term``."""

LEAST_ROWS = 40
"""Fewer lines than this have no spectrum worth reading."""
CYCLES = 4
"""A wave must be seen so often; what is slower is drift."""


@dataclass(frozen=True)
class Curve:
    """One logged number over the rounds, at equal steps."""

    name: str
    """``player.term``."""
    rounds: Tensor
    """int64 (n,)."""
    values: Tensor
    """float64 (n,), finite."""


@dataclass(frozen=True)
class Wave:
    """The strongest line in a curve's spectrum."""

    curve: str
    """Which curve."""
    period: float
    """Rounds to a cycle."""
    share: float
    """Share of the power about it and its first harmonics, in [0, 1]."""
    growth: float
    """Amplitude in the later half over that in the earlier one."""


def curves(rows: Rows, player: str | None = None) -> list[Curve]:
    """The players' loss terms as curves over the lines that are at equal steps; those that hold none are left out.

    Args:
        rows: the log.
        player: only this player's.
    """
    rounds = torch.tensor([row["round"] for row in rows], dtype=torch.int64)
    if len(rounds) < 3:
        return []
    step = int((rounds[1:] - rounds[:-1]).mode().values)
    kept = [i for i in range(len(rows)) if int(rounds[i]) % step == 0]  # round 1 is logged besides
    found = []
    for name in rows[-1]:
        owner, dot, term = name.partition(".")
        if not dot or owner == "control" or term == "gradient" or (player and owner != player):
            continue
        values = torch.tensor([float(rows[i].get(name, math.nan)) for i in kept], dtype=torch.float64)
        if len(values) and bool(values.isfinite().all()):
            found.append(Curve(name, rounds[kept], values))
    return found


def spectrum(values: Tensor) -> Tensor:
    """Power at k = 0, 1, ... cycles in the window: |FFT|^2 of a curve less its parabola, under Hann's window.

    Args:
        values: (n,), float64.
    Returns:
        (n // 2 + 1,), summing to 1; zeros for a curve that is a parabola.
    """
    n = len(values)
    t = torch.linspace(-1.0, 1.0, n, dtype=torch.float64)
    basis = torch.stack([torch.ones_like(t), t, t * t], 1)
    rest = values - basis @ torch.linalg.lstsq(basis, values[:, None]).solution[:, 0]
    if float(rest.abs().max()) <= 1e-9 * float(values.abs().max().clamp_min(1e-300)):
        return torch.zeros(n // 2 + 1, dtype=torch.float64)
    power = torch.fft.rfft(rest * torch.hann_window(n, periodic=True, dtype=torch.float64)).abs().square()
    return power / power.sum()


def strongest_wave(curve: Curve) -> Wave | None:
    """The line that holds the most power, with what is about its second and third harmonic; None for too short a curve.

    A line is what lies within two places of its peak, as wide as Hann's window makes a pure wave, or within a tenth of
    its frequency, for waves that speed up or slow down.
    """
    n = len(curve.values)
    if n < LEAST_ROWS:
        return None
    power = spectrum(curve.values)
    peaks = range(CYCLES, len(power) - 1)
    shares = [_share(power, k) for k in peaks]
    best = int(torch.tensor(shares).argmax())
    k = peaks[best]
    step = float(curve.rounds[-1] - curve.rounds[0]) / (n - 1)
    half = n // 2
    early, late = (float((part - part.mean()).square().mean().sqrt()) for part in curve.values.split([half, n - half]))
    return Wave(curve.name, n * step / k, shares[best], late / early if early else math.inf)


def _share(power: Tensor, k: int) -> float:
    total, last = 0.0, -1
    for harmonic in (k, 2 * k, 3 * k):
        reach = max(2, harmonic // 10)
        low, high = max(harmonic - reach, last + 1), min(harmonic + reach, len(power) - 1)
        if low > high or (harmonic > k and k < CYCLES):
            break
        total, last = total + float(power[low : high + 1].sum()), high
    return total
