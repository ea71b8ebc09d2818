"""Step sizes against weights: how far the first step moves each player, and how far it has come in all."""

from collections.abc import Mapping

import torch
from torch import Tensor

from saddle.evaluation.health.advice import Settings, change
from saddle.evaluation.health.critic import BAD
from saddle.evaluation.health.verdict import Evidence, Verdict, severity
from saddle.game import Draw, Game, play

__all__ = ["crawling", "first_steps", "learning_rate", "moved", "weights"]

WIPED_OUT = 0.5
"""|first step| / |weights|: beyond it a single step undoes the initialisation. Usual is 0.001 to 0.02."""
UNMOVED = 5e-3
"""|w - w_0| / |w_0|: a player that has come no further has learnt nothing."""
USUAL = 5e-3
"""|first step| / |weights| that the advice aims at."""
YOUNG = 100
"""Rounds before which nobody can have come far."""
CRAWL = 0.1
"""1,000 first steps over the weights: players all of whom are slower do not get anywhere. Usual is 0.8 to 20."""
LONG = 1000
"""Steps to which that refers."""
FLAGS = {"D": "lr_critic", "G": "lr_generator"}


def weights(game: Game) -> dict[str, Tensor]:
    """Each player's parameters in a row, copied: float64 (n,)."""
    return {p.name: torch.cat([w.detach().double().flatten().cpu() for w in p.parameters]) for p in game.players}


def first_steps(game: Game, draw: Draw) -> dict[str, float]:
    """|w_1 - w_0| / |w_0| of each player, for one of its steps.

    Args:
        game: at its first round; is played on by one round.
        draw: its data.
    Raises:
        NonFinite: a loss or gradient is not finite.
    """
    before, repeats = weights(game), {move.player: move.repeats for move in game.moves}
    for _ in play(game, draw, game.round + 1):
        pass
    return {name: gone / repeats.get(name, 1) for name, gone in moved(before, weights(game)).items()}


def moved(before: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> dict[str, float]:
    """|w - w_0| / |w_0| for each player.

    >>> moved({"G": torch.tensor([3.0, 4.0])}, {"G": torch.tensor([3.0, 5.0])})
    {'G': 0.2}
    """
    return {name: float((now[name] - w).norm() / w.norm().clamp_min(1e-300)) for name, w in before.items()}


def crawling(first: Mapping[str, float], come: Mapping[str, float], round: int, far: float | None) -> bool:
    """Whether the samples are still far from the data and no player takes steps that could change that soon.

    >>> crawling({"D": 1e-6, "G": 1e-6}, {"D": 0.002, "G": 0.002}, 2000, far=0.9)
    True
    >>> crawling({"D": 1e-6, "G": 1e-3}, {"D": 0.002, "G": 0.5}, 2000, far=0.9)
    False
    """
    slow = [LONG * step < CRAWL and LONG * come.get(name, 1.0) < CRAWL * round for name, step in first.items()]
    return far is not None and far >= BAD and round >= YOUNG and bool(slow) and all(slow)


def learning_rate(
    first: Mapping[str, float], come: Mapping[str, float], round: int, settings: Settings, far: float | None = None
) -> Verdict | None:
    """A first step as large as the weights, or weights that have not moved, or players who crawl far from the data.

    One slow player among others is no finding of this kind: the other checks name what comes of it.

    Args:
        first: from `first_steps`.
        come: from `moved`, of the newest checkpoint against the start.
        round: of that checkpoint.
        settings: the recipe's, for the advice.
        far: of the samples, from `samples.Look`; None: it is not known.
    """
    found: list[tuple[float, Evidence, str]] = []
    slow = crawling(first, come, round, far)
    for name, step in first.items():
        flag = FLAGS.get(name, "lr")
        toward = change(settings, flag, USUAL / step) if step > 0 else f"a larger --{flag}"
        if step > WIPED_OUT:
            what = f"{name}'s first step over the size of its weights"
            found.append((severity(step, WIPED_OUT), Evidence(what, step, WIPED_OUT, 1), toward))
        gone = come.get(name, 1.0)
        if gone < UNMOVED and round >= YOUNG and step < USUAL:
            what = f"how far {name} has come, over the size of its weights"
            found.append((severity(UNMOVED, gone), Evidence(what, gone, UNMOVED, round), toward))
        elif slow:
            what = f"how far {LONG:,} of {name}'s first steps would bring it, over the size of its weights"
            found.append((severity(CRAWL, LONG * step), Evidence(what, LONG * step, CRAWL, 1), toward))
    if slow and far is not None:
        found.append((0.5, Evidence("distance of the samples from the data", far, BAD, round), ""))
    if not found:
        return None
    found.sort(key=lambda one: -one[0])
    return Verdict(
        "learning-rate", found[0][0], tuple(e for _, e, _ in found), " ".join(words for *_, words in found if words)
    )
