"""WGAN-GP: the Wasserstein critic held to slope 1 by a penalty on its gradient between real and fake samples.

Settings and networks are those of the paper's convolutional CIFAR-10 program (Adam 1e-4 with 0.5 and 0.9, z of 128
numbers), at half its width and with DCGAN's 4x4 kernels. The ResNet program uses Adam 2e-4 with 0 and 0.9 instead.
The critic has no batch norm: it would couple the samples whose gradients are penalised one by one.
"""

from dataclasses import dataclass

import torch

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.objectives import gradient_penalty, one_sided_gradient_penalty, wasserstein_critic, wasserstein_generator
from saddle.recipes import common

SOURCE = "Gulrajani et al. 2017, arXiv:1704.00028"
PENALTIES = {"two-sided": gradient_penalty, "one-sided": one_sided_gradient_penalty}
"""Which slopes are penalised: all but 1, or those above 1."""
NORMS = {name: name for name in ("none", "layer", "group")}
"""Norms that leave samples independent."""


@dataclass(frozen=True)
class Config(common.Adversarial):
    """Algorithm 1 with lambda 10 and n_critic 5."""

    outputs = "value"
    """What the critic gives for a sample."""
    z_dim: int = 128
    """Dimensions of the latent vector z ~ N(0, I)."""
    lr_generator: float = 1e-4
    """Step size of the generator."""
    lr_critic: float = 1e-4
    """Step size of the critic."""
    beta2: float = 0.9
    """Adam's decay of the mean squared gradient."""
    n_critic: int = 5
    """Critic steps per generator step."""
    gp_weight: float = 10.0
    """Weight of the gradient penalty: lambda."""
    penalty: str = "two-sided"
    """What is penalised: two-sided (|grad D| - 1)^2, or one-sided: slopes above 1 only."""
    critic_norm: str = "none"
    """Normalisation in the convolutional critic: none, layer or group; batch norm is not valid here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.gp_weight >= 0, "gp_weight", self.gp_weight, "0 or more")
        choose(self.penalty, PENALTIES, "penalty")
        choose(self.critic_norm, NORMS, "critic norm")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, n_critic=2)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, common.generator(config, spec), common.critic(config, spec, config.critic_norm))
    critic, penalty = common.smoothed(config, wasserstein_critic), PENALTIES[config.penalty]

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        slope = penalty(D, batch.x, fake, rng)  # at x_hat = alpha x + (1 - alpha) G(z)
        return critic(D(batch.x), D(fake)) | {"gradient_penalty": config.gp_weight * slope}

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": wasserstein_generator(D(fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss)
