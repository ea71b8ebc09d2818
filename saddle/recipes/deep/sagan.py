"""SAGAN: residual networks with a layer of self-attention and spectral norm in both players, hinge loss, labels.

The defaults are for minutes on a CPU: 8 channels at the highest resolution, doubling towards 4x4 up to 64, weights
that start orthogonal, and steps of equal size, where the paper's critic makes steps four times as large. The layer
stands at 8x8, or at half the side of smaller images; the paper's at 32x32 of 128. ``--preset published`` gives the
paper's ImageNet run. ``--conditional false`` plays without labels, which data without labels need.

Each batch of generated samples serves D's step and then G's. Labels come with the real batch. Samples come from a
moving average of G. Text and published program differ in Adam's beta2: 0.9, which the preset has, and 0.999. Points and
images below 16 pixels are played by perceptrons, with spectral norm in D only: a G without steep places cannot reach
separate modes.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import ProjectionCritic, ResNetCritic, ResNetGenerator
from saddle.networks.layers import halvings
from saddle.objectives import hinge_critic, hinge_generator
from saddle.recipes import common
from saddle.recipes.labelled import WEIGHTS, classes_of, normalised, perceptrons, pyramid, score, told

SOURCE = "Zhang, Goodfellow, Metaxas, Odena 2019, arXiv:1805.08318"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """SAGAN for minutes on a CPU."""

    batch: int = 32
    """Real samples per step of the critic."""
    z_dim: int = 128
    """Dimensions of the latent vector z ~ N(0, I)."""
    conditional: bool = True
    """Whether both players are told the data's labels; false for data without."""
    network: str = "auto"
    """Networks of both players: sagan (images of 16 pixels or more), mlp, or auto: sagan for images, else mlp."""
    width: int = 8
    """Channels at the highest resolution, 8 or more; they double with each halving."""
    widest: int = 64
    """Channels are at most this many."""
    attention: int = 8
    """Side in pixels of the maps with self-attention, at most half the image's: a power of two from 8 up."""
    weights: str = "orthogonal"
    """How the weights start: orthogonal, as BigGAN's, or glorot, as in the paper."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    lr_critic: float = 1e-3
    """Step size of the critic."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.weights, WEIGHTS, "way to start the weights")
        require(self.width >= 8, "width", self.width, "8 or more channels, of which attention takes an eighth")
        require(self.width <= self.widest <= common.MOST, "widest", self.widest, f"{self.width} to {common.MOST}")
        fits = self.attention >= 8 and self.attention & (self.attention - 1) == 0
        require(fits, "attention", self.attention, "a power of two from 8 up")


SMALL = Config(batch=8, z_dim=8, width=8, widest=8, hidden=16)
PRESETS = {
    "published": Config(
        batch=256, width=64, widest=1024, attention=32, weights="glorot", lr_generator=1e-4, lr_critic=4e-4, beta2=0.9,
        ema_half_life=0.0,
    )
}  # fmt: skip
"""The paper's run on ImageNet at 128 pixels: 42 and 39 million weights, Adam with 0 and 0.9."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape; each batch of generated samples serves D's step and then G's."""
    classes = classes_of(spec, config.conditional)
    G, D = common.treated(config, spec, *networks(config, spec, classes))
    normalised(config, D, G if common.network_of(config, spec, "sagan") == "sagan" else None)
    critic = common.smoothed(config, hinge_critic)

    def share(batch: Batch, rng: torch.Generator) -> Batch:
        return replace(batch, fake=G(common.noise(batch, config.z_dim, rng), *told(batch, classes)))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.fake is not None
        y = told(batch, classes)
        return critic(D(batch.x, *y), D(batch.fake, *y))  # eq. 4, L_D

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.fake is not None
        return {"adversarial": hinge_generator(D(batch.fake, *told(batch, classes)))}  # eq. 4, L_G

    return common.adversaries(
        config,
        G,
        D,
        critic_loss,
        generator_loss,
        share=share,
        score=partial(score, classes=classes),
        classes=classes,
    )


def networks(config: Config, spec: Spec, classes: int) -> tuple[nn.Module, nn.Module]:
    """Generator and critic, spectral norm not yet applied: residual with attention for images, else perceptrons."""
    if (name := common.network_of(config, spec, "sagan")) != "sagan":
        return perceptrons(config, name, spec, classes)
    widths = pyramid(config.width, config.widest, halvings(spec.size) + 1)
    side = min(config.attention, spec.size // 2)
    G = ResNetGenerator(config.z_dim, widths[::-1], spec.channels, classes, attention=side)
    critic = ResNetCritic(spec.size, widths, spec.channels, wide=True, attention=side)
    D = ProjectionCritic(critic, classes) if classes else critic
    for net in (G, D):
        WEIGHTS[config.weights](net)
    return G, D
