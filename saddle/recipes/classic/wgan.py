"""WGAN: a critic with clipped weights estimates the Wasserstein-1 distance, which the generator shortens.

The networks are DCGAN's, batch norm in both as in the paper's code; the clip holds for all of D's parameters, its
gains too. The paper clips before a critic step and this recipe after it, which differs in no step, since the initial
weights are clipped as well. Left out: the 100 critic steps of the first 25 rounds and of every 500th, and the 4 x 512
units of the paper's MLP. On points a critic bound to 0.01 is nearly flat; ``--clip 0.1 --lr_critic 5e-4
--lr_generator 5e-4`` moves.
"""

from dataclasses import dataclass

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import clip_weights, wasserstein_critic, wasserstein_generator
from saddle.recipes import common

SOURCE = "Arjovsky, Chintala, Bottou 2017, arXiv:1701.07875"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """Algorithm 1's defaults: alpha 5e-5, c 0.01, m 64, n_critic 5, RMSProp."""

    outputs = "value"
    """What the critic gives for a sample."""
    optimizer: str = "rmsprop"
    """Optimiser of both players; the paper found momentum harmful."""
    lr_generator: float = 5e-5
    """Step size of the generator."""
    lr_critic: float = 5e-5
    """Step size of the critic."""
    beta1: float = 0.0
    """Momentum."""
    beta2: float = 0.99
    """RMSProp's decay of the mean squared gradient."""
    n_critic: int = 5
    """Critic steps per generator step."""
    clip: float = 0.01
    """Every weight of the critic is kept in [-clip, clip]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.clip > 0, "clip", self.clip, "a bound above 0")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, n_critic=2)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec))
    critic = common.smoothed(config, wasserstein_critic)
    clip_weights(D, config.clip)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # ascend E[f(x)] - E[f(G(z))]; smoothing takes 2 eps of the first

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": wasserstein_generator(D(fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss, project=lambda D: clip_weights(D, config.clip))
