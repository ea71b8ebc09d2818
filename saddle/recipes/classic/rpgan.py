"""RpGAN: the critic compares a real sample with a generated one, and only the difference of its outputs counts.

This is the paper's RSGAN, and the loss of the r3gan recipe without its penalties. The paper also averages over the
other side (RaSGAN) and takes other functions of the difference; here one real sample meets one generated sample under
the logistic one. Networks and the other settings are DCGAN's with batch 64. Label smoothing exchanges the two samples
of a pair with that weight.
"""

from dataclasses import dataclass

import torch

from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import exchanged, relativistic_critic, relativistic_generator
from saddle.recipes import common

SOURCE = "Jolicoeur-Martineau 2018, arXiv:1807.00734"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """DCGAN's settings with batch 64."""

    outputs = "pair"
    """What the critic gives for a sample."""


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec))
    critic = exchanged(relativistic_critic, config.label_smoothing)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # -E[log sigmoid(D(x) - D(G(z)))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": relativistic_generator(D(batch.x), D(fake))}  # -E[log sigmoid(D(G(z)) - D(x))]

    return common.adversaries(config, G, D, critic_loss, generator_loss)
