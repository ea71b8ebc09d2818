"""DRAGAN: the original game with the critic's slope held to 1 near the data, against sharp gradients there.

Settings are those of the authors' MNIST program (Adam 1e-4 with 0.5 and 0.9, batch 128, lambda 10, noise
0.5 std(batch) U[0, 1)); the generator's loss is the non-saturating one. Images are played with DCGAN's networks and
points with two hidden layers, where that program has one of 128 units. The critic has no batch norm: it would couple
the samples whose gradients are penalised one by one.
"""

from dataclasses import dataclass

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import dragan_penalty, minimax_critic, non_saturating_generator
from saddle.recipes import common

SOURCE = "Kodali et al. 2017, arXiv:1705.07215"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The authors' settings for MNIST."""

    batch: int = 128
    """Real samples per step of the critic."""
    lr_generator: float = 1e-4
    """Step size of the generator."""
    lr_critic: float = 1e-4
    """Step size of the critic."""
    beta2: float = 0.9
    """Adam's decay of the mean squared gradient."""
    gp_weight: float = 10.0
    """Weight of the penalty: lambda."""
    perturbation: float = 0.5
    """Size of the noise around real samples, in standard deviations of the batch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("gp_weight", "perturbation"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec, norm="none"))
    critic = common.smoothed(config, minimax_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        slope = dragan_penalty(D, batch.x, rng, config.perturbation)  # at x + delta
        return critic(D(batch.x), D(fake)) | {"gradient_penalty": config.gp_weight * slope}

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": non_saturating_generator(D(fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss)
