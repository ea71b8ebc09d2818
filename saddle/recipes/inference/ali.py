"""ALI: an encoder beside the generator, and a critic that judges pairs of a sample and its latent code.

The critic tells (x, z^), x from the data and z^ ~ q(z|x), from (G(z), z) with z from the prior. Where it cannot, the
two joint distributions are one, and encoder and generator are inverse to each other. As in the paper's program, the
encoder is a Gaussian and the generator draws nothing beside z. Differences: DCGAN's networks on images and leaky ReLU
perceptrons on points, no dropout in the critic, and the players move in turn, not at once (``--dynamics simultaneous``
does that).
"""

from dataclasses import dataclass

import torch

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import inference_generator, minimax_critic
from saddle.recipes import bidirectional, common

SOURCE = "Dumoulin et al. 2017, arXiv:1606.00704"


@dataclass(frozen=True)
class Config(bidirectional.Inference):
    """DCGAN's settings with batch 64 and 64 latent numbers."""


SMALL = Config(batch=8, z_dim=4, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    GE, D = bidirectional.players(config, spec, bidirectional.gaussian(config, spec))
    critic = common.smoothed(config, minimax_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        real = D(batch.x, GE.draw(batch.x, rng))  # z^ ~ q(z|x)
        return critic(real, D(GE(z), z))  # -E[log D(x, z^)] - E[log(1 - D(G(z), z))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        real = D(batch.x, GE.draw(batch.x, rng))
        return inference_generator(real, D(GE(z), z))  # -E[log(1 - D(x, z^))] - E[log D(G(z), z)]

    return bidirectional.assemble(config, GE, D, critic_loss, generator_loss)
