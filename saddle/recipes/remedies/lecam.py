"""The critic's outputs on each kind of sample held near the moving average of those on the other kind.

Term of D: lambda (E[(D(x) - alpha_F)^2] + E[(D(G(z)) - alpha_R)^2]), with averages of decay 0.99 from 0, which follow
each of D's steps and are logged as ``lecam.real`` and ``lecam.fake``. The published programs take 0.3 for BigGAN on
CIFAR, and 1e-6 and 3e-7 for StyleGAN2 on CIFAR and faces. They count D(x) above alpha_F and D(G(z)) below alpha_R only,
and that for BigGAN begins after 1000 steps; this is the formula of the paper, from the start.
"""

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Loss, Terms
from saddle.objectives import lecam, lecam_anchors
from saddle.objectives.regularise import Anchors
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import calls_of, changed, look_at

__all__ = ["RANGE", "STRENGTH", "Memory", "rules"]

SOURCE = "Tseng et al. 2021, arXiv:2104.03310"
KIND = "term"
STRENGTH = 0.3
"""lambda, the weight of the term."""
RANGE = "a weight lambda in (0, 1000]"
"""With the Wasserstein loss the critic turns round at 1 / (2 alpha), alpha being what its outputs are on average."""


class Memory(nn.Module):
    """The two anchors, which are saved with the game."""

    real: Tensor
    fake: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))
        self.seen: tuple[Tensor, Tensor] | None = None  # lives from the loss to the end of its step: no need to save

    def follow(self) -> None:
        """Move towards what the last loss saw."""
        assert self.seen is not None
        after = lecam_anchors(*self.seen, Anchors(self.real, self.fake))
        self.real.copy_(after.real)
        self.fake.copy_(after.fake)


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game with the term in D's moves."""
    require(config.outputs != "energy", "remedies", "lecam", "a critic whose outputs are no energies, bounded by 0")
    memory = Memory()

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            with calls_of(game, batch) as calls:
                terms = old(batch, rng)
            real, fake = (
                look_at(calls, "real", "lecam").out.float(),
                look_at(calls, "fake", "lecam").out.float(),
            )  # anchors are not kept in bfloat16
            memory.seen = real.detach(), fake.detach()
            return terms | {"lecam": strength * lecam(real, fake, Anchors(memory.real, memory.fake))}

        return loss

    game.controls = {**game.controls, "lecam": memory}
    return changed(game, "D", change, after=memory.follow)
