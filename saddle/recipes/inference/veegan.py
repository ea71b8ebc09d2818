"""VEEGAN: a reconstructor that must find the noise again, so that no mode of the data is left without any.

F maps samples to z. It learns to undo G, on generated samples only; G learns to make samples that F can undo, and pairs
(G(z), z) that look to the critic like (x, F(x)). If G left a mode out, F would spread it over z at random, and the
critic would see it. Differences from the paper: F and G step together, by gradients taken at one point; DCGAN's
networks on images and leaky ReLU perceptrons on points; G has no noise but z. The paper's D is minus ours.
"""

from dataclasses import dataclass

import torch

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import minimax_critic, veegan_generator
from saddle.recipes import bidirectional, common

SOURCE = "Srivastava et al. 2017, arXiv:1705.07761"


@dataclass(frozen=True)
class Config(bidirectional.Inference):
    """DCGAN's settings with batch 64 and 64 latent numbers."""


SMALL = Config(batch=8, z_dim=4, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    GF, D = bidirectional.players(config, spec, bidirectional.plain(config, spec))
    critic = common.smoothed(config, minimax_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        return critic(D(batch.x, GF.encode(batch.x)), D(GF(z), z))  # D(F(x), x) against D(z, G(z))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        fake = GF(z)
        return veegan_generator(D(fake, z), z, GF.encode(fake))  # -E[D(z, G(z))] + E|z - F(G(z))|^2

    return bidirectional.assemble(config, GF, D, critic_loss, generator_loss)
