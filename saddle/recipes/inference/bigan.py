"""BiGAN: ALI with an encoder that draws nothing, found at the same time.

The critic tells (x, E(x)) from (G(z), z). Where it cannot, E inverts G almost everywhere. Differences from the paper:
Adam without weight decay and with a constant step size, z normal in place of uniform, DCGAN's networks on images and
leaky ReLU perceptrons on points.
"""

from dataclasses import dataclass

import torch

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import inference_generator, minimax_critic
from saddle.recipes import bidirectional, common

SOURCE = "Donahue, Krähenbühl, Darrell 2017, arXiv:1605.09782"


@dataclass(frozen=True)
class Config(bidirectional.Inference):
    """DCGAN's settings with batch 64 and 64 latent numbers."""


SMALL = Config(batch=8, z_dim=4, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    GE, D = bidirectional.players(config, spec, bidirectional.plain(config, spec))
    critic = common.smoothed(config, minimax_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        real = D(batch.x, GE.encode(batch.x))
        return critic(real, D(GE(z), z))  # -E[log D(x, E(x))] - E[log(1 - D(G(z), z))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        real = D(batch.x, GE.encode(batch.x))
        return inference_generator(real, D(GE(z), z))  # -E[log(1 - D(x, E(x)))] - E[log D(G(z), z)]

    return bidirectional.assemble(config, GE, D, critic_loss, generator_loss)
