"""The generator learns only from those of its samples that the critic finds most real, ever fewer of them.

k = max(gamma^epoch, nu) of the batch, gamma 0.99 and nu 0.5 as in the paper, where an epoch is 50,000 real images, as
many as CIFAR-10 has: data sets of other sizes fall at the same speed. Half of the batch is reached after 69 epochs; a
short run wants a smaller gamma.
"""

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Loss, Terms
from saddle.objectives import top_k, top_k_size
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import calls_of, changed

__all__ = ["EPOCH", "RANGE", "STRENGTH", "Clock", "rules"]

SOURCE = "Sinha et al. 2020, arXiv:2002.06224"
KIND = "term"
STRENGTH = 0.99
"""gamma, what an epoch leaves of k."""
RANGE = "a share gamma in (0, 1)"
"""With 1 all samples would count for ever."""
EPOCH = 50_000
"""Real images that count as one epoch."""


class Clock:
    """A schedule that only tells the time: the images seen when the round began."""

    images = 0

    def __call__(self, images: int) -> None:
        self.images = images


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game in whose G moves the critic answers for the best k samples only."""
    single = config.outputs in ("logit", "value")
    require(single, "remedies", "top-k", "a critic that says of each sample by itself how real it is, larger is better")

    clock = Clock()

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            def best(out: Tensor) -> Tensor:
                return top_k(out, top_k_size(len(out), clock.images / EPOCH, strength))

            with calls_of(game, batch, change=best):
                return old(batch, rng)

        return loss

    game.schedules = [*game.schedules, clock]
    return changed(game, "G", change)
