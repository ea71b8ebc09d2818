"""Ten seeds of a GAN on the ring of 8 Gaussians: all at once against one after another, with published networks.

    python bench/seeds.py

Prints the time of ten seeds at once over that of ten runs one after another, as median and minimum over interleaved
pairs. The runs one after another have one thread, which is their fastest way; the seeds at once have one and then all.
What can be saved is the cost of starting operations. What a batch of 512 and latent vectors of 256 numbers cost in
arithmetic and random numbers stays, so the ratio depends on the sizes:

- bourgan: 128 units twice, batch 128, 25 latent numbers (the GAN beside BourGAN, Xiao et al. 2018)
- unrolled: 128 units twice, batch 512, 256 latent numbers (Metz et al. 2017)
- wgan-gp: the first sizes under the gradient penalty, five critic steps a round
- small: 32 units twice, batch 32, for what operations cost without arithmetic
"""

from collections.abc import Iterator
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any

import torch

from saddle.data import load
from saddle.data.draw import Draw
from saddle.game import Game, play, play_seeds
from saddle.recipes import find

SEEDS, ROUNDS, PAIRS = 10, 20, 15
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "bourgan": ("gan", {"batch": 128, "hidden": 128, "layers": 2, "z_dim": 25}),
    "unrolled": ("gan", {"batch": 512, "hidden": 128, "layers": 2, "z_dim": 256}),
    "wgan-gp": ("wgan-gp", {"batch": 128, "hidden": 128, "layers": 2, "z_dim": 25, "network": "mlp"}),
    "small": ("gan", {"batch": 32, "hidden": 32, "layers": 2, "z_dim": 2}),
}


def build(name: str, seed: int) -> tuple[Game, Draw]:
    """One seed's game and data."""
    recipe_name, sizes = SIZES[name]
    recipe, data = find(recipe_name), load("ring8")
    torch.manual_seed(seed)
    game = recipe.build(recipe.Config(ema_half_life=0, **sizes), data.spec).seed(seed)
    return game, data.draw(sizes["batch"], seed=seed)


def seconds(rounds: Iterator[object]) -> float:
    """Time of ROUNDS rounds."""
    start = perf_counter()
    for _ in islice(rounds, ROUNDS):
        pass
    return perf_counter() - start


def ratios(name: str, threads: int) -> list[float]:
    """Time of SEEDS at once over that of SEEDS one after another, pair by pair."""
    together = play_seeds(*zip(*(build(name, seed) for seed in range(SEEDS)), strict=True))
    alone = [play(*build(name, seed)) for seed in range(SEEDS)]
    found = []
    for _ in range(PAIRS + 1):  # the first pair warms up
        torch.set_num_threads(threads)
        at_once = seconds(together)
        torch.set_num_threads(1)
        found.append(at_once / sum(seconds(rounds) for rounds in alone))
    return found[1:]


def main() -> None:
    """Print the ratios."""
    threads_to_try = sorted({1, torch.get_num_threads()})
    for name in SIZES:
        for threads in threads_to_try:
            found = ratios(name, threads)
            print(
                f"{name}, {SEEDS} seeds at once on {threads} threads / one after another on 1: "
                f"median {median(found):.3f}, minimum {min(found):.3f}, {PAIRS} pairs of {ROUNDS} rounds"
            )


if __name__ == "__main__":
    main()
