"""The original GAN: Goodfellow's multilayer perceptrons, minimax or non-saturating.

Where this differs from the published run: Adam in place of SGD with growing momentum (``--optimizer sgd`` has a
constant one), z is normal in place of uniform with the same variance, and the players move in turn, not at once
(``--dynamics simultaneous`` does that). The default networks are plain ReLU ones; ``--network goodfellow`` takes the
paper's, 1200 ReLU units twice against 240 maxout units twice with dropout.
"""

from dataclasses import dataclass

import torch
from torch import nn

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import GoodfellowGenerator, MaxoutCritic
from saddle.objectives import ADVERSARIAL
from saddle.recipes import common

SOURCE = "Goodfellow et al. 2014, arXiv:1406.2661"
LOSSES = {name: ADVERSARIAL[name] for name in ("non-saturating", "minimax", "maximum-likelihood")}
"""What G may minimise."""


@dataclass(frozen=True)
class Config(common.Adversarial):
    """A ReLU generator against a leaky ReLU critic, both fully connected."""

    batch: int = 100
    """Real samples per step of the critic."""
    network: str = "mlp"
    """Networks of both players: mlp; goodfellow (the paper's, for images); dcgan (images); auto: dcgan or mlp."""
    hidden: int = 512
    """Units in each hidden layer of the mlp networks."""
    loss: str = "non-saturating"
    """What G minimises: non-saturating -E[log D(G(z))], minimax E[log(1 - D(G(z)))], or maximum-likelihood."""

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.loss, LOSSES, "loss")


SMALL = Config(batch=8, z_dim=8, hidden=16)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, *networks(config, spec))
    objective = LOSSES[config.loss]
    critic = common.smoothed(config, objective.critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # ascend E[log D(x)] + E[log(1 - D(G(z)))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": objective.generator(D(fake))}

    return common.adversaries(config, G, D, critic_loss, generator_loss)


def networks(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Generator and critic: the paper's for ``network=goodfellow``, else the shared ones."""
    if config.network != "goodfellow":
        return common.generator(config, spec), common.critic(config, spec)
    require(not spec.points, "network", "goodfellow", "images, whose pixels are bounded: use mlp for points")
    return GoodfellowGenerator(config.z_dim, spec.shape), MaxoutCritic(spec.shape)
