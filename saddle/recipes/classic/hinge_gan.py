"""Hinge GAN: a critic that stops caring about samples beyond a margin, as a support vector machine does.

This is the geometric GAN's loss on DCGAN's networks without spectral norm, with DCGAN's optimiser; the paper trains
by RMSProp 2e-4 with ten generator steps to one of the critic (``--optimizer rmsprop --beta1 0`` comes near).
"""

from dataclasses import dataclass

import torch

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import hinge_critic, hinge_generator
from saddle.recipes import common

SOURCE = "Lim, Ye 2017, arXiv:1705.02894"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """DCGAN's settings with batch 64."""


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec))
    critic = common.smoothed(config, hinge_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": hinge_generator(D(fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss)
