"""Skill rating: a tournament of all generators against all critics, scored by win rates and Glicko-2."""

from dataclasses import replace

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.measures.gam import Contest, distinct, play_all
from saddle.evaluation.measures.glicko import rate_tournament
from saddle.evaluation.result import Result
from saddle.evaluation.side import Model
from saddle.evaluation.study import Study

__all__ = ["outcomes", "skill_rating", "win_rates"]

PERIODS = 10
"""Rating periods that the samples are dealt to."""
EARLIER = 8
"""Earlier checkpoints that take part, at most, evenly spaced."""
SAMPLES = 3000
"""Samples of each kind, shared among the critics."""


def outcomes(real: Tensor, fake: Tensor, periods: int = PERIODS) -> Tensor:
    """Scores of the generators: the share of samples that the critic misjudged, real and generated ones alike.

    Args:
        real: (A, n), errors of critic i on real samples: 1 wrong, 0 right.
        fake: (A, B, n), errors of critic i on generator j's samples.
        periods: blocks that the n samples are dealt to; fewer where there are fewer samples.
    Returns:
        float64 (periods, A, B) in [0, 1].
    Raises:
        ValueError: shapes that do not fit, or errors outside [0, 1].
    Source: Olsson et al. 2018, arXiv:1808.04888, section 3.1.
    """
    fits = real.ndim == 2 and fake.ndim == 3 and real.shape == (fake.shape[0], fake.shape[2]) and real.numel() > 0
    require(fits, "errors", (tuple(real.shape), tuple(fake.shape)), "(A, n) on real and (A, B, n) on generated samples")
    points = (real.double()[:, None] + fake.double()) / 2  # (A, B, n)
    require(bool(((points >= 0) & (points <= 1)).all()), "errors", "outside [0, 1]", "1 for wrong, 0 for right")
    blocks = points.tensor_split(min(periods, points.shape[2]), dim=2)
    return torch.stack([block.mean(2) for block in blocks])


def win_rates(outcome: Tensor) -> Tensor:
    """Tournament win rates of the generators, float64 (B,) in [0, 1]: means over the critics.

    Args:
        outcome: (A, B) scores of generator j against critic i, or (periods, A, B).
    """
    return outcome.double().flatten(0, -2).mean(0)


def skill_rating(study: Study) -> Result:
    """Rates the model's generator in a tournament with earlier checkpoints of its run and with rivals.

    value: its Glicko-2 rating (all start at 1500). interval: rating ± 2 RD. details: ``generators`` and ``critics``
    (rating, RD and win rate of each, by name, the checkpoints in their order), ``outcomes`` (a row for each critic: the
    share of samples it misjudged in its match with each generator), ``win_rate`` and ``win_rate_of_others_critics``
    (the model's, the second without its own critic, which knows its generator best), how critics were read, sizes.
    picture: ``outcomes``, critics from top to bottom, bright where the generator wins.
    """
    mine = study.model
    require(mine.has_critic, mine.name, "no critic", "a run with a critic")
    models = [*_earlier(mine), mine]
    place = len(models) - 1
    models += [side.model for side in study.rivals if side.model is not None and side.model.has_critic]
    if len(models) < 2:
        raise ValueError(
            f"{mine.name}=alone: expected somebody to play: --against RUN, or earlier checkpoints of the run"
        )
    kept = study.halves[1]
    match = max(100, SAMPLES // len(models))
    contest = play_all(models, kept.samples, kept.labels, study.rng("skill-rating"), match)
    scores = outcomes(contest.real, contest.fake)
    critics, generators = rate_tournament(scores)
    table = scores.mean(0)  # (critics, generators); the blocks differ by one sample at most
    rate, others = win_rates(table), [i for i in range(len(models)) if i != place]
    names = distinct(contest.names)
    won = (1 - table).mean(1)
    details = {
        "generators": {
            name: {"rating": r.rating, "rd": r.deviation, "win_rate": float(w)}
            for name, r, w in zip(names, generators, rate, strict=True)
        },
        "critics": {
            name: {"rating": r.rating, "rd": r.deviation, "win_rate": float(w)}
            for name, r, w in zip(names, critics, won, strict=True)
        },
        "outcomes": table.tolist(),
        "win_rate": float(rate[place]),
        "win_rate_of_others_critics": float(table[others, place].mean()),
        **_protocol(contest, names),
        "periods": len(scores),
        "held_out": study.held_out is not None,
        "left_out": [side.name for side in study.rivals if side.model is None or not side.model.has_critic],
        "interval_over": "Glicko-2's deviation: rating ± 2 RD",
    }
    me = generators[place]
    interval = (me.rating - 2 * me.deviation, me.rating + 2 * me.deviation)
    return Result(me.rating, interval, details, {"outcomes": _heat(table)})


def _earlier(model: Model) -> list[Model]:
    """The run's earlier checkpoints, evenly thinned out."""
    names = list(model.earlier)
    if len(names) > EARLIER:
        names = [names[i] for i in torch.linspace(0, len(names) - 1, EARLIER).round().int().tolist()]
    return [replace(model, game=model.earlier[name](), name=name, earlier={}) for name in names]


def _protocol(contest: Contest, names: list[str]) -> dict[str, object]:
    read = {name: vars(critic) for name, critic in zip(names, contest.critics, strict=True)}
    return {
        "thresholds": read,
        "threshold": "halfway between a critic's median outputs for real samples and for its own generator's",
        "score": "share of misjudged samples, real and generated",
        "samples": contest.real.shape[1],
        "tau": 0.5,
    }


def _heat(table: Tensor, cell: int = 24) -> Tensor:
    """uint8 (H, W, 3): each share in [0, 1] as a grey square."""
    grey = (table * 255).round().to(torch.uint8)
    return grey.repeat_interleave(cell, 0).repeat_interleave(cell, 1)[:, :, None].expand(-1, -1, 3).contiguous()
