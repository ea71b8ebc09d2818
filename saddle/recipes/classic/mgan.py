"""MGAN: K generators that share all but their first layer, and a classifier that tells them apart.

The classifier shares all but the last layer with the critic. It learns which generator made a sample; the generators
help it, with weight beta, by making different things. The last number of z chooses the generator, each equally often.
Networks and the other settings are DCGAN's with batch 64, in place of the paper's. The paper draws one z for all
generators in a step, here each sample has its own. Its beta is 0.01 for CIFAR-10 and grows with the data's variety.
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import Headed, MixtureGenerator, with_head
from saddle.objectives import generator_identity, minimax_critic, non_saturating_generator
from saddle.recipes import common

SOURCE = "Hoang, Nguyen, Le, Phung 2018, arXiv:1708.02556"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """DCGAN's settings with batch 64, and the mixture's."""

    z_dim: int = 101
    """Dimensions of z ~ N(0, I): the last one chooses the generator, the others are its latent vector."""
    generators: int = 4
    """K, how many generators."""
    beta: float = 0.125
    """Weight of the diversity term in what the generators minimise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.z_dim >= 2, "z_dim", self.z_dim, "2 or more: a latent number, and the one that chooses")
        require(self.layers >= 1, "layers", self.layers, "1 or more hidden layers, of which the first are not shared")
        require(2 <= self.generators <= 100, "generators", self.generators, "2 to 100")
        require(self.beta >= 0, "beta", self.beta, "a weight of 0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, generators=3)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    mixture = MixtureGenerator(*(generator(config, spec) for _ in range(config.generators)))
    headed = Headed(common.critic(config, spec), config.generators)
    G, D = common.treated(config, spec, mixture, headed)
    critic = common.smoothed(config, minimax_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        real = D(batch.x)
        fake, who = with_head(D, headed, G(z))
        return critic(real, fake) | {"identity": generator_identity(who, mixture.which(z))}  # -E[log C_k(G_k(z))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        z = common.noise(batch, config.z_dim, rng)
        fake, who = with_head(D, headed, G(z))
        identity = config.beta * generator_identity(who, mixture.which(z))
        return {"adversarial": non_saturating_generator(fake), "identity": identity}

    return common.adversaries(config, G, D, critic_loss, generator_loss)


def generator(config: Config, spec: Spec) -> nn.Module:
    """One of the mixture, whose z is a number shorter."""
    return common.generator(replace(config, z_dim=config.z_dim - 1), spec)
