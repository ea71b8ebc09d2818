"""What the log alone shows: curves that turn, that explode, that end, that leave a player nothing to learn."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from saddle.evaluation.health.advice import Settings, change, named, other
from saddle.evaluation.health.field import Field
from saddle.evaluation.health.verdict import Evidence, Verdict, severity

__all__ = [
    "Curve",
    "Rows",
    "Wave",
    "best_share",
    "critic_share",
    "curves",
    "exploding",
    "fading",
    "non_finite",
    "oscillation",
    "recent",
    "spectrum",
    "strongest_wave",
]

Rows = Sequence[Mapping[str, Any]]
"""Lines of ``log.jsonl``: ``round``, and numbers called ``player.term``."""

LEAST_ROWS = 100
"""Lines that a spectrum needs: with fewer, the few lines about a peak are a large share of it by themselves."""
CYCLES = 6
"""A wave must be seen so often; what is slower is drift."""
SHARE = 0.75
"""Share of a curve's power in one line, at which the players turn. Noise reaches it in at most 9 of 1,000 curves,
whatever its memory (first-order autoregressions from white noise to a random walk, 100 and 200 lines)."""
OTHER = 0.6
"""The same for the other player: its curve is often the noisier one."""
TOGETHER = 0.25
"""Largest relative difference of the two players' frequencies: they turn together or not at all."""
TURNING = 0.5
"""Share of eigenvalues that turn, at which a field turns more than it pulls."""
RECENT = 0.2
"""The last part of the log, over which medians are taken."""
BEST = 0.1
"""Part of the lines in which a critic does best."""
EXPLODED = 1000.0
"""Times its size at the start: no loss of a healthy game gets there."""


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
    """Share of the curve's power in that line, in [0, 1]."""
    growth: float
    """Amplitude in the later half over that in the earlier one."""


def curves(rows: Rows, player: str) -> list[Curve]:
    """A player's loss terms as curves over the lines at equal steps; the gradient's norm is none.

    Args:
        rows: the log.
        player: ``"D"`` or ``"G"``.
    """
    rounds = torch.tensor([row["round"] for row in rows], dtype=torch.int64)
    if len(rounds) < 3:
        return []
    step = int((rounds[1:] - rounds[:-1]).mode().values)
    kept = [i for i in range(len(rows)) if int(rounds[i]) % max(step, 1) == 0]  # round 1 is logged besides
    found = []
    for name in _terms(rows[-1], player):
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
    if float(rest.abs().max()) <= 1e-9 * max(float(values.abs().max()), 1e-300):
        return torch.zeros(n // 2 + 1, dtype=torch.float64)
    power = torch.fft.rfft(rest * torch.hann_window(n, periodic=True, dtype=torch.float64)).abs().square()
    return power / power.sum()


def strongest_wave(curve: Curve) -> Wave | None:
    """The line that holds the most power; None for a curve that is too short.

    A line is what lies within two places of its peak, as wide as Hann's window makes a pure wave, or within a tenth of
    its frequency, for waves that speed up or slow down; and the same about its double: where x and y turn, a payoff
    such as xy turns twice. The double counts for no more than the line itself.
    """
    n = len(curve.values)
    if n < LEAST_ROWS:
        return None
    power = spectrum(curve.values)
    lines = [_line(k, len(power)) for k in range(CYCLES, len(power))]
    single = [float(power[slice(*line)].sum()) for line in lines]
    whole = [alone + min(alone, _octave(power, k)) for k, alone in enumerate(single, CYCLES)]
    best = max(range(len(whole)), key=whole.__getitem__)
    low, high = lines[best]
    k = torch.arange(low, high, dtype=torch.float64)
    cycles = float((k * power[low:high]).sum() / power[low:high].sum().clamp_min(1e-300))  # its centre of mass
    share = whole[best]
    step = float(curve.rounds[-1] - curve.rounds[0]) / (n - 1)
    early, late = (float(part.std(correction=0)) for part in curve.values.split([n // 2, n - n // 2]))
    return Wave(curve.name, n * step / max(cycles, 1e-300), share, late / early if early else math.inf)


def _line(k: int, places: int) -> tuple[int, int]:
    """First place of the line about k, and the first after it."""
    reach = max(2, k // 10)
    return max(0, k - reach), min(k + reach + 1, places)


def _octave(power: Tensor, k: int) -> float:
    """Power about 2k that is not about k."""
    if 2 * k >= len(power):
        return 0.0
    low, high = _line(2 * k, len(power))
    return float(power[max(low, _line(k, len(power))[1]) : high].sum())


def oscillation(rows: Rows, settings: Settings, field: Field | None = None) -> Verdict | None:
    """Both players' curves hold most of their power in one line, at one frequency.

    Args:
        rows: the log; its last four fifths are looked at.
        settings: the recipe's, for the advice.
        field: where it is known, the verdict says beside the curves whether the field turns, and how fast.
    """
    late = [row for row in rows if row["round"] >= rows[-1]["round"] * RECENT] if rows else []
    waves = [[wave for curve in curves(late, player) if (wave := strongest_wave(curve))] for player in ("D", "G")]
    turning = [
        (strong, other)
        for d, g in product(*waves)
        for other, strong in [sorted((d, g), key=lambda wave: wave.share)]
        if strong.share >= SHARE
        and other.share >= OTHER
        and abs(d.period - g.period) <= TOGETHER * max(d.period, g.period)
    ]
    if not turning:
        return None
    strong, other = max(turning, key=lambda pair: pair[0].share + pair[1].share)
    now = int(rows[-1]["round"])
    evidence = [
        Evidence(f"share of the power of {wave.curve} in a wave of {wave.period:,.0f} rounds", wave.share, least, now)
        for wave, least in ((strong, SHARE), (other, OTHER))
    ]
    what = f"amplitude of {strong.curve}, second half over first"
    evidence.append(Evidence(what, strong.growth, 1.0, now))
    if field is not None:
        what = "share of the field's eigenvalues nearer to the imaginary axis than to the real one"
        evidence.append(Evidence(what, field.turning, TURNING, field.round))
        what = f"rounds to a turn by the field and the step sizes, against {strong.period:,.0f} in the curves"
        evidence.append(Evidence(what, field.period, strong.period, field.round))
    strength = severity(strong.share / max(1e-9, 1.0 - strong.share), SHARE / (1.0 - SHARE))
    return Verdict("oscillation", strength, tuple(evidence), _calm(settings))


def _calm(settings: Settings) -> str:
    slower = f"{change(settings, 'lr_generator', 0.2)} {change(settings, 'lr_critic', 0.2)}"
    words = named(settings, "dynamics", "extragradient") if settings.get("n_critic", 1) == 1 else []
    penalty = other(settings, "r3gan", "a gradient penalty (recipe r3gan or wgan-gp)")
    return "; or ".join([*words, slower, *penalty])


def recent(rows: Rows, names: Sequence[str]) -> float | None:
    """Median over the last fifth of the log of the sum of these terms; None where a line lacks one or none is left."""
    sums = _sums(rows[-max(1, int(len(rows) * RECENT)) :], names)
    return float(sums.median()) if len(sums) else None


def critic_share(rows: Rows, chance: float) -> float | None:
    """The critic's adversarial loss of late as a share of `critic.chance_loss`.

    Near 0 the critic is always right and sure of it: it has nothing left to learn, and a generator that learns from
    where it errs has nothing either. At 1 it has learnt nothing, above 1 it is worse than none. A Wasserstein critic's
    loss has no floor and 0 at chance: for it, this is 1 where the loss is not below 0, else None.
    """
    late = recent(rows, _adversarial(rows))
    if late is None:
        return None
    if chance > 0:
        return late / chance
    return 1.0 if late >= 0 else None


def best_share(rows: Rows, chance: float) -> float | None:
    """`critic_share` in the best tenth of the later half of the log, for a critic that is now right and now fooled.

    A critic that a generator exploits is never better than chance; one that chases a generator from mode to mode is,
    again and again, though it may be worse in the middle. Without a floor to its loss, 1 where the loss is not below 0.
    """
    late = _sums(rows[len(rows) // 2 :], _adversarial(rows))
    if not len(late):
        return None
    best = float(late.quantile(BEST))
    return best / chance if chance > 0 else float(best >= 0)


def fading(rows: Rows) -> float | None:
    """Norm of G's gradient of late over its largest running median: near 0 it vanishes. None for a short log."""
    norms = [float(row["G.gradient"]) for row in rows if "G.gradient" in row]
    if len(norms) < 20:
        return None
    width = max(5, len(norms) // 10)
    medians = torch.tensor(norms, dtype=torch.float64).unfold(0, width, 1).median(1).values
    return float(medians[-1] / medians.max().clamp_min(1e-300))


def exploding(rows: Rows, settings: Settings) -> Verdict | None:
    """A loss term is a thousand times as large as it was at the start, or as 1 where it began below."""
    found: list[tuple[float, str, Evidence]] = []
    for player in ("D", "G"):
        for curve in curves(rows, player):
            start = max(1.0, float(curve.values[: max(1, len(curve.values) // 20)].abs().min()))
            late = recent(rows, [curve.name])
            if late is not None and abs(late) > EXPLODED:
                what = f"size of {curve.name} over its size at the start"
                found.append(
                    (abs(late) / start, player, Evidence(what, abs(late) / start, EXPLODED, int(rows[-1]["round"])))
                )
    if not found or max(found)[0] < EXPLODED:
        return None
    number, _, evidence = max(found)
    advice = f"{change(settings, 'lr_critic', 0.01)} {change(settings, 'lr_generator', 0.01)}"
    return Verdict("learning-rate", severity(math.log(number), math.log(EXPLODED)), (evidence,), advice)


def non_finite(rows: Rows, failure: str | None, settings: Settings, precision: str = "fp32") -> Verdict | None:
    """A logged number is not finite, or training ended because one was.

    Args:
        rows: the log.
        failure: what training said when it ended: ``round 7: player D's loss term 'real' is nan``; None: it did not.
        settings: the recipe's, for the advice.
        precision: fp32 or bf16.
    """
    bad = [(int(row["round"]), name) for row in rows for name, value in row.items() if _broken(value)]
    if failure is None and not bad:
        return None
    where, what = (bad[0][0], f"{bad[0][1]} is not finite") if bad else (_round_of(failure or "", rows), failure or "")
    names = [name for player in ("D", "G") for name in _terms(rows[-1], player)] if rows else []
    largest = max(
        ((abs(float(rows[-1][name])), name) for name in names if not _broken(rows[-1][name])), default=(0.0, "")
    )
    evidence = [Evidence(what, math.inf, EXPLODED, where)]
    if largest[1]:
        evidence.append(
            Evidence(f"size of {largest[1]} in the last line of the log", largest[0], EXPLODED, int(rows[-1]["round"]))
        )
    player = "lr_critic" if "D" in what.partition("player ")[2][:1] or what.startswith("D.") else "lr_generator"
    advice = [change(settings, player, 0.1)]
    advice += ["--precision fp32"] if precision != "fp32" else []
    advice += ["--loss non-saturating"] if settings.get("loss") == "maximum-likelihood" else []
    return Verdict("non-finite", 1.0, tuple(evidence), "; or ".join(reversed(advice)))


def _adversarial(rows: Rows) -> list[str]:
    """The terms of the critic's loss that are compared with its loss at chance."""
    return [name for name in ("D.real", "D.fake", "D.pair") if rows and name in rows[-1]]


def _sums(rows: Rows, names: Sequence[str]) -> Tensor:
    """The sum of these terms in each line that has them all, float64 (n,)."""
    whole = [row for row in rows if names and all(name in row for name in names)]
    return torch.tensor([sum(float(row[name]) for name in names) for row in whole], dtype=torch.float64)


def _broken(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _round_of(failure: str, rows: Rows) -> int:
    words = failure.partition("round ")[2].partition(":")[0].replace(",", "")
    return int(words) if words.isdecimal() else int(rows[-1]["round"]) if rows else 0


def _terms(row: Mapping[str, Any], player: str) -> list[str]:
    return [name for name in row if name.startswith(f"{player}.") and not name.endswith(".gradient")]
