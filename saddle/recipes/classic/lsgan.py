"""LSGAN: least squares in place of cross-entropy, so that samples far on the right side are still pulled in.

The labels default to a = 0, b = c = 1 (the paper's equation 9); ``--a=-1 --b 1 --c 0`` gives equation 8, whose
optimum is the Pearson chi-square divergence. D's output is the raw one. Networks and the other settings are DCGAN's.
"""

from dataclasses import dataclass
from functools import partial

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import least_squares_critic, least_squares_generator
from saddle.recipes import common

SOURCE = "Mao et al. 2017, arXiv:1611.04076"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """DCGAN's settings with batch 64, and the three labels."""

    outputs = "value"
    """What the critic gives for a sample."""
    a: float = 0.0
    """What D should answer on fake samples."""
    b: float = 1.0
    """What D should answer on real samples."""
    c: float = 1.0
    """What G wants D to answer on fake samples."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.a != self.b, "a", self.a, f"another label than b={self.b}")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec))
    critic = common.smoothed(config, partial(least_squares_critic, a=config.a, b=config.b))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # 1/2 E[(D(x) - b)^2] + 1/2 E[(D(G(z)) - a)^2]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": least_squares_generator(D(fake), config.c)}  # 1/2 E[(D(G(z)) - c)^2]

    return common.adversaries(config, G, D, critic_loss, generator_loss)
