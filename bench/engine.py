"""What the engine costs: a 2-D GAN of two small networks, saddle's round against the same round written by hand.

    python bench/engine.py

Prints saddle's time over the hand-written loop's, as median and minimum over interleaved pairs. The hand-written loop
is the usual one (both networks always differentiable, `zero_grad`, `backward`, `step`) with the same fused Adam; the
second row compares with the most careful loop one could write (weights of the player at rest frozen).
"""

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import torch
from torch.nn.functional import softplus

from saddle.data import load
from saddle.game import play
from saddle.recipes import find

ROUNDS, PAIRS = 100, 15


def saddle_rounds() -> Iterator[object]:
    """The engine, with its check for non-finite numbers and its gradient norms."""
    recipe, data = find("gan"), load("ring8")
    torch.manual_seed(0)
    config = recipe.Config(batch=256, hidden=128, layers=2, z_dim=16, ema_half_life=0)
    return play(recipe.build(config, data.spec).seed(0), data.draw(256, seed=0))


def by_hand(frozen: bool) -> Iterator[object]:
    """The usual loop, or with ``frozen`` the careful one."""
    recipe, data = find("gan"), load("ring8")
    torch.manual_seed(0)
    game = recipe.build(recipe.Config(batch=256, hidden=128, layers=2, z_dim=16, ema_half_life=0), data.spec)
    G, D = game["G"].module, game["D"].module
    g_step, d_step = game["G"].optimizer, game["D"].optimizer
    rng, draw = torch.Generator().manual_seed(0), data.draw(256, seed=0)
    while True:
        x = draw().x
        fake = G(torch.randn(256, 16, generator=rng))
        d_step.zero_grad()
        d_loss = softplus(-D(x)).mean() + softplus(D(fake.detach())).mean()
        d_loss.backward()
        d_step.step()
        fake = G(torch.randn(256, 16, generator=rng))
        g_step.zero_grad()
        if frozen:
            D.requires_grad_(False)
        g_loss = softplus(-D(fake)).mean()
        g_loss.backward()
        g_step.step()
        if frozen:
            D.requires_grad_(True)
        yield d_loss


def seconds(rounds: Iterator[object]) -> float:
    """Time of ROUNDS rounds."""
    start = perf_counter()
    for _ in range(ROUNDS):
        next(rounds)
    return perf_counter() - start


def compare(ours: Iterator[object], other: Callable[[], Iterator[object]]) -> list[float]:
    """Ratios of our time to the other's, pair by pair."""
    theirs = other()
    seconds(ours), seconds(theirs)
    return [seconds(ours) / seconds(theirs) for _ in range(PAIRS)]


def main() -> None:
    """Print both comparisons."""
    torch.set_num_threads(1)
    for name, frozen in (("the usual loop", False), ("the careful loop", True)):
        ratios = compare(saddle_rounds(), lambda frozen=frozen: by_hand(frozen))
        print(
            f"saddle / {name}: median {median(ratios):.3f}, minimum {min(ratios):.3f}, {PAIRS} pairs of {ROUNDS} rounds"
        )


if __name__ == "__main__":
    main()
