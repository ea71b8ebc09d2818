"""Conditional GAN: the label goes into both players, and samples can be asked for by label.

Labels come with the real batch, for G as for D. Images are played with DCGAN's networks, y as a learned row beside z
and as one-hot maps beside x; ``--network mlp`` takes the paper's perceptrons (z and y joined after a layer each, maxout
critic, dropout in both). Points take plain perceptrons with one-hot columns. The defaults are dcgan's, for minutes on a
CPU; ``--preset published`` takes the paper's perceptrons and batch. Differences from the paper that remain: Adam in
place of SGD with growing momentum, z normal in place of uniform. One fake batch serves D's step and then G's.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import CGANCritic, CGANGenerator, LabelledCritic, LabelledGenerator
from saddle.objectives import minimax_critic, non_saturating_generator
from saddle.recipes import common
from saddle.recipes.labelled import classes_of, score

SOURCE = "Mirza, Osindero 2014, arXiv:1411.1784"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """Conditional GAN for minutes on a CPU."""

    batch: int = 32
    """Real samples per step of the critic."""
    network: str = "auto"
    """Networks: dcgan (images), mlp (for images the paper's), or auto: dcgan for images of 16 pixels up, else mlp."""
    width: int = 32
    """Channels of the convolutional networks at their highest resolution; they double with each halving."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    lr_critic: float = 1e-3
    """Step size of the critic."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""
    ema_half_life: float = 2000.0
    """Half-life in images of the moving average of G's weights that samples are drawn from; 0: no average."""
    embedding: int = 16
    """Numbers that a label becomes beside z, in the networks other than the paper's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.embedding <= common.MOST, "embedding", self.embedding, f"1 to {common.MOST}")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, embedding=4)
PRESETS = {
    "published": Config(batch=100, network="mlp", lr_generator=2e-4, lr_critic=2e-4, beta2=0.999, ema_half_life=0.0)
}
"""The paper's perceptrons and batch of 100, under Adam 2e-4."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape, which must have labels."""
    classes = classes_of(spec)
    G, D = common.treated(config, spec, *networks(config, spec))
    critic = common.smoothed(config, minimax_critic)

    def share(batch: Batch, rng: torch.Generator) -> Batch:
        return replace(batch, fake=G(common.noise(batch, config.z_dim, rng), batch.y))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return critic(D(batch.x, batch.y), D(batch.fake, batch.y))  # E[log D(x|y)] + E[log(1 - D(G(z|y)))]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": non_saturating_generator(D(batch.fake, batch.y))}

    told = partial(score, classes=classes)
    return common.adversaries(config, G, D, critic_loss, generator_loss, share=share, score=told, classes=classes)


def networks(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Generator of (z, y) and critic of (x, y)."""
    if common.network_of(config, spec) == "mlp" and not spec.points:
        return CGANGenerator(spec.classes, config.z_dim, spec.shape), CGANCritic(spec.classes, spec.shape)
    with_label = replace(config, z_dim=config.z_dim + config.embedding)
    G = LabelledGenerator(common.generator(with_label, spec), spec.classes, config.embedding)
    D = common.critic(config, replace(spec, channels=spec.channels + spec.classes))
    return G, LabelledCritic(D, spec.classes, spec.size)
