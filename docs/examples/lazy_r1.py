"""Lazy R1 GAN: the original game with a penalty on the critic's slope that is due every few rounds only.

The penalty is the largest part of the critic's work, and a critic does not grow steep within a few rounds. So it is
taken every ``every`` rounds and weighted by that number, which leaves its mean over the rounds as it was. Its weight
gamma falls linearly to ``gamma_end`` over the first images. StyleGAN2, where this comes from, also rescales the
critic's step size and decays for the extra steps; this file does not.

- ``D.r1``: gamma times ``every`` times half the mean squared slope of the critic on real samples.
- ``control.gamma``: the penalty's weight at this moment.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Move, Terms
from saddle.objectives import minimax_critic, non_saturating_generator, r1
from saddle.recipes import common

SOURCE = "Mescheder et al. 2018, arXiv:1801.04406; lazy as in Karras et al. 2020, arXiv:1912.04958"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The settings of every adversarial game, and four more."""

    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    every: int = 16
    """Rounds from one penalty to the next."""
    gamma: float = 1.0
    """Weight of the penalty at the start."""
    gamma_end: float = 0.1
    """Weight of the penalty in the end."""
    fall: int = 100_000
    """Images over which it falls from the one to the other."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.every >= 1, "every", self.every, "1 or more rounds")
        require(self.fall >= 1, "fall", self.fall, "1 or more images")
        for name in ("gamma", "gamma_end"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, every=2)


class Control(nn.Module):
    """gamma, which the schedule sets, the loss reads, the log shows and a checkpoint keeps."""

    gamma: Tensor

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.tensor(gamma))


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G = common.generator(config, spec)
    D = common.critic(config, spec, norm="none")  # batch norm would couple the samples
    G, D = common.treated(config, spec, G, D)
    critic, control = common.smoothed(config, minimax_critic), Control(config.gamma)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # -E[log D(x)] - E[log(1 - D(G(z)))]

    def penalty(batch: Batch, rng: torch.Generator) -> Terms:
        return {"r1": config.every * control.gamma * r1(D, batch.x)}  # gamma/2 E[|grad D(x)|^2]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": non_saturating_generator(D(fake))}  # -E[log D(G(z))]

    def schedule(images: int) -> None:
        left = max(0.0, 1 - images / config.fall)
        control.gamma.fill_(config.gamma_end + (config.gamma - config.gamma_end) * left)

    game = common.adversaries(config, G, D, critic_loss, generator_loss, controls={"control": control})
    game.moves = [*game.moves, Move("D", penalty, every=config.every, fresh=False)]
    game.schedules = [*game.schedules, schedule]
    return game
