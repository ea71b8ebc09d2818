"""What people say: real or generated after a glance (Q2), and which they prefer and how they rate it (Q3)."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.human.agreement import fleiss_kappa, interval, krippendorff_alpha, nominal, ordinal
from saddle.evaluation.human.answers import Answers, Glance, Rater
from saddle.evaluation.human.draw import glance_picture
from saddle.evaluation.human.glance import detection, sprt
from saddle.evaluation.human.pairwise import FEW, mean_opinion, over_raters, strengths, thurstone, win_rates
from saddle.evaluation.human.psychometric import (
    THREE_UP_ONE_DOWN,
    Curve,
    fit_curve,
    reversal_threshold,
    staircase_durations,
)
from saddle.evaluation.intervals import clopper_pearson, wilson
from saddle.evaluation.result import Interval, Result

__all__ = ["preference", "scene_categorisation"]


def scene_categorisation(answers: Answers) -> Result:
    """Share of right answers to "real or generated?" over all set durations: 0.5 where people cannot tell.

    The interval is over raters (bootstrap) from 5 raters on, else over judgements (Clopper-Pearson). Details: by model
    ``fooled`` (share judged real), ``d_prime`` and ``criterion``; by duration shares with Wilson intervals; the fitted
    curve with ``threshold_ms``; the staircase's; the sequential test; ``late`` and ``interrupted`` glances; raters.
    """
    glances = [[glance for glance in rater.glances if not glance.adaptive] for rater in answers.raters]
    said = list(chain.from_iterable(glances))
    require(len(said) >= 1, "answers", "no glances at set durations by a careful rater", "1 or more")
    value, ends, over = _share([(sum(g.right for g in some), len(some)) for some in glances if some], answers)
    durations = _durations(said, answers.sources)
    curve = _curve(said)
    judged = {name: [g for g in said if g.source == source] for source, name in enumerate(answers.sources)}
    details = {
        **_who(answers, [rater for rater, some in zip(answers.raters, glances, strict=True) if some]),
        "interval_over": over,
        "judgements": len(said),
        "late": sum(g.late for g in said),
        "interrupted": sum(rater.interrupted for rater in answers.raters),
        "real_judged_real": _rate(
            sum(g.judged_real for g in judged[answers.sources[0]]), len(judged[answers.sources[0]])
        ),
        "models": {name: _model(judged[answers.sources[0]], judged[name]) for name in answers.sources[1:]},
        "durations": durations,
        "curve": None if curve is None else _told(curve),
        "staircase": _staircases(answers),
        "sprt": vars(sprt([g.right for g in said])) | {"p0": 0.5, "p1": 0.6, "alpha": 0.05, "beta": 0.05},
    }
    return Result(value, ends, details, {"psychometric": glance_picture(durations, curve)})


def preference(answers: Answers) -> Result:
    """Share of its comparisons with real images that generated ones won: 0.5 where they look as real.

    Without comparisons it comes from the ratings: how often a rater gave a generated image more than a real one, ties
    half; ``compared`` says which. The interval is over raters (bootstrap) from 5 raters on, else over comparisons
    (Clopper-Pearson; none for ratings). Details: ``wins``, ``win_rates``, Bradley-Terry ``strengths`` (log-odds
    against the real data), ``thurstone``, ``left`` (how often the left image won), ``agreement``, and ``ratings``.
    """
    wins = torch.stack([_wins(rater, len(answers.sources)) for rater in answers.raters] or [torch.zeros(2, 2)])
    paired = bool(wins.any())
    rated = any(rater.ratings for rater in answers.raters)
    require(paired or rated, "answers", "no comparisons and no ratings by a careful rater", "1 or more")
    tables = [(float(w[1:, 0].sum()), float(w[1:, 0].sum() + w[0, 1:].sum())) for w in wins]
    if not paired:
        tables = [_superior(rater) for rater in answers.raters]
    compared = [table for table in tables if table[1]]
    require(len(compared) >= 1, "answers", "nobody compared real with generated images", "1 or more who did")
    value, ends, over = _share(compared, answers)
    details: dict[str, Any] = {
        **_who(answers, [rater for rater in answers.raters if (rater.pairs if paired else rater.ratings)]),
        "compared": "pairs" if paired else "ratings",
        "interval_over": over if paired or len(compared) >= FEW else "none: too few raters",
    }
    if paired:
        details |= _comparisons(answers, wins)
    if rated:
        details["ratings"] = _opinions(answers)
    return Result(value, ends if paired or len(compared) >= FEW else None, details)


def _who(answers: Answers, raters: Sequence[Rater]) -> dict[str, Any]:
    excluded = {rater.name: f"{rater.caught} of {rater.catches} known answers missed" for rater in answers.excluded}
    return {"study": answers.study, "raters": len(raters), "excluded": excluded}


def _rng(answers: Answers) -> torch.Generator:
    return torch.Generator().manual_seed(int(answers.settings.get("seed", 0)))


def _share(tables: Sequence[tuple[float, float]], answers: Answers) -> tuple[float, Interval, str]:
    """A share from each rater's count and total; its interval, and over what that is."""
    held = torch.tensor(tables, dtype=torch.float64)  # (R, 2)
    k, n = held.sum(0).tolist()
    if len(held) < FEW:
        return k / n, clopper_pearson(int(k), int(n)), "judgements: too few raters to speak for others"
    low, high = over_raters(held, lambda table: (table[0] / table[1])[None], _rng(answers))
    return k / n, (float(low), float(high)), f"{len(held)} raters, bootstrap"


def _rate(k: int, n: int) -> dict[str, Any] | None:
    """A share with Wilson's interval, for tables; None where there is nothing."""
    return {"share": k / n, "interval": list(wilson(k, n)), "of": n} if n else None


def _model(real: list[Glance], fake: list[Glance]) -> dict[str, Any] | None:
    if not real or not fake:
        return None
    hits, alarms = sum(g.judged_real for g in real), sum(g.judged_real for g in fake)
    found = detection(hits, len(real), alarms, len(fake))
    told = {"d_prime": found.d_prime, "d_prime_interval": list(found.interval), "criterion": found.criterion}
    return {"fooled": _rate(alarms, len(fake)), **told}


def _durations(glances: Iterable[Glance], sources: Sequence[str]) -> list[dict[str, Any]]:
    """By the duration meant, without those that came late."""
    kept = [g for g in glances if not g.late]
    rows = []
    for ms in sorted({g.asked_ms for g in kept}):
        here = [g for g in kept if g.asked_ms == ms]
        judged = {
            name: _rate(sum(g.judged_real for g in here if g.source == k), sum(g.source == k for g in here))
            for k, name in enumerate(sources)
        }
        shares = {name: rate for name, rate in judged.items() if rate}
        rows.append({"ms": ms, "right": _rate(sum(g.right for g in here), len(here)), "judged_real": shares})
    return rows


def _curve(glances: Sequence[Glance]) -> Curve | None:
    """Of the durations measured, late or not: they are what was seen."""
    times = [max(1, round(g.shown_ms)) for g in glances]
    found = sorted(set(times))
    if len(found) < 2:
        return None
    right = [sum(g.right for g, t in zip(glances, times, strict=True) if t == ms) for ms in found]
    return fit_curve(found, right, [times.count(ms) for ms in found])


def _told(curve: Curve) -> dict[str, Any]:
    low, high = curve.interval
    return {
        "shape": curve.shape.__name__,
        "threshold_ms": curve.threshold,
        "threshold_interval": [
            None if low <= 1.001 * curve.bounds[0] else low,
            None if high >= 0.999 * curve.bounds[1] else high,
        ],
        "slope": curve.slope,
        "lapse": curve.lapse,
        "ms_for_79_percent": curve.duration_at(THREE_UP_ONE_DOWN),
        "p_chance": curve.p_chance,
    }


def _staircases(answers: Answers) -> dict[str, Any] | None:
    """Geometric mean of the raters' thresholds, with a bootstrap over raters."""
    s = answers.settings
    low, high = min(s["exposures"]), max(s["exposures"])
    found = []
    for rater in answers.raters:
        right = [g.right for g in rater.glances if g.adaptive]
        levels = staircase_durations(right, s["staircase_start"], s["staircase_step"], low, high)
        threshold = reversal_threshold(levels[:-1])
        found += [] if threshold is None else [threshold]
    if not found:
        return None
    logs = torch.tensor(
        [[t, 1.0] for t in torch.tensor(found, dtype=torch.float64).log().tolist()], dtype=torch.float64
    )
    mean: Callable[[Tensor], Tensor] = lambda table: (table[0] / table[1]).exp()[None]  # noqa: E731
    ends = [float(end) for end in over_raters(logs, mean, _rng(answers))] if len(found) >= FEW else None
    return {
        "threshold_ms": float(mean(logs.sum(0))),
        "interval": ends,
        "raters": len(found),
        "share_right_there": THREE_UP_ONE_DOWN,
    }


def _wins(rater: Rater, sources: int) -> Tensor:
    wins = torch.zeros(sources, sources, dtype=torch.float64)
    for pair in rater.pairs:
        wins[pair.winner, pair.loser] += 1
    return wins


def _superior(rater: Rater) -> tuple[float, float]:
    """Pairs of a generated and a real image in which the rater gave the generated one more (ties half), of how many."""
    real = torch.tensor([r.value for r in rater.ratings if r.source == 0])
    fake = torch.tensor([r.value for r in rater.ratings if r.source != 0])
    gap = (fake[:, None] - real).sign()
    return float((gap + 1).sum() / 2), float(gap.numel())


def _comparisons(answers: Answers, wins: Tensor) -> dict[str, Any]:
    total, pairs = wins.sum(0), [pair for rater in answers.raters for pair in rater.pairs]
    found = strengths(wins, _rng(answers))
    ends = [None] * len(total) if found.low is None or found.high is None else zip(found.low, found.high, strict=True)
    return {
        "comparisons": len(pairs),
        "sources": list(answers.sources),
        "wins": total.tolist(),
        "win_rates": win_rates(total).tolist(),
        "strengths": {
            name: {"log_odds": float(value), "interval": None if end is None else [float(e) for e in end]}
            for name, value, end in zip(answers.sources, found.log_odds, ends, strict=True)
        },
        "thurstone": dict(zip(answers.sources, thurstone(total).tolist(), strict=True)),
        "left": _rate(sum(pair.winner_left for pair in pairs), len(pairs)),
        "agreement": _agreement(_choices(answers)),
    }


def _choices(answers: Answers) -> Tensor:
    """(R, U): 1 where the pair's first image (in the order of ids) was preferred, 0 the other, NaN not asked."""
    items = sorted({tuple(sorted(pair.images)) for rater in answers.raters for pair in rater.pairs})
    place = {item: k for k, item in enumerate(items)}
    table = torch.full((len(answers.raters), len(items)), torch.nan, dtype=torch.float64)
    for row, rater in enumerate(answers.raters):
        for pair in rater.pairs:
            item = tuple(sorted(pair.images))
            table[row, place[item]] = float(pair.images[0] == item[0])
    return table


def _agreement(table: Tensor) -> dict[str, Any] | None:
    """Alpha of choices, and Fleiss' kappa of the items that all raters saw; None where it is undefined."""
    shared = table[:, (~table.isnan()).sum(0) >= 2]
    if not shared.numel() or len(shared[~shared.isnan()].unique()) < 2:
        return None
    whole = table[:, ~table.isnan().any(0)]
    counts = torch.stack([(whole == 0).sum(0), (whole == 1).sum(0)], 1)  # (U, 2)
    kappa = fleiss_kappa(counts) if len(counts) and bool((counts.sum(0) > 0).all()) else None
    return {"alpha_nominal": krippendorff_alpha(shared, nominal), "fleiss_kappa": kappa, "items": shared.shape[1]}


def _opinions(answers: Answers) -> dict[str, Any]:
    items = sorted({rating.image for rater in answers.raters for rating in rater.ratings})
    place = {image: k for k, image in enumerate(items)}
    source = torch.zeros(len(items), dtype=torch.int64)
    table = torch.full((len(answers.raters), len(items)), torch.nan, dtype=torch.float64)
    for row, rater in enumerate(answers.raters):
        for rating in rater.ratings:
            table[row, place[rating.image]] = rating.value
            source[place[rating.image]] = rating.source
    means = {}
    for k, name in enumerate(answers.sources):
        if bool((source == k).any()):
            value, ends = mean_opinion(table[:, source == k])
            means[name] = {"mean": value, "interval": ends, "images": int((source == k).sum())}
    shared = table[:, (~table.isnan()).sum(0) >= 2]
    agreed = None
    if len(shared[~shared.isnan()].unique()) >= 2:
        kinds = {"alpha_ordinal": ordinal, "alpha_interval": interval}
        agreed = {name: krippendorff_alpha(shared, kind) for name, kind in kinds.items()} | {"items": shared.shape[1]}
    return {"mean_opinion": means, "interval_over": "raters, Student", "agreement": agreed}
