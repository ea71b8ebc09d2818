"""ProGAN: both players grow from 4x4 to full size, each doubling faded in, under WGAN-GP with equalised layers.

The defaults are for minutes on a CPU: 8 channels at the highest resolution, doubling towards 4x4 up to 64, batch 8,
steps of 4e-3, and 2,000 images to fade a size in and as many to train it. ``--preset published`` gives the paper's
1024 pixels: 16 channels there, 512 up to 32 pixels, 600,000 images each (the text has 800,000), Adam 1e-3. For smaller
images the published networks are wider at the highest resolution: ``--width 512`` at 32 pixels and below.

Where this differs from the published run: the batch stays the same at all sizes, the optimisers keep what they remember
when a size is added (a new layer's memory is empty anyway), and generated samples come from an average with its
half-life in images, not from one with decay 0.999 a step. Samples are enlarged to the data's size while the networks
are smaller, and cut to [-1, 1]: there is no tanh. Logged besides the terms: ``size.side`` and ``size.alpha``.
"""

from dataclasses import dataclass

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks.progan import ProGANCritic, ProGANGenerator
from saddle.objectives import gradient_penalty, wasserstein_critic, wasserstein_generator
from saddle.recipes import common, growing

SOURCE = "Karras, Aila, Laine, Lehtinen 2018, arXiv:1710.10196"


@dataclass(frozen=True)
class Config(growing.Growth):
    """ProGAN for minutes on a CPU."""

    outputs = "value"
    """What the critic gives for a sample."""
    batch: int = 8
    """Real samples per step of the critic."""
    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I), which the generator normalises."""
    network: str = "auto"
    """Networks of both players: progan (images of 8 pixels or more), which auto stands for."""
    lr_generator: float = 4e-3
    """Step size of the generator."""
    lr_critic: float = 4e-3
    """Step size of the critic."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""
    gp_weight: float = 10.0
    """Weight of the gradient penalty: lambda."""
    gp_target: float = 1.0
    """Slope that the penalty holds the critic to; 750 in the paper's CIFAR-10 run."""
    drift: float = 1e-3
    """Weight of E[D(x)^2], which keeps the critic's values near 0: epsilon_drift."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("gp_weight", "drift"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")
        require(self.gp_target > 0, "gp_target", self.gp_target, "a slope above 0")


SMALL = Config(z_dim=8, width=4, widest=8, lr_generator=2e-3, lr_critic=2e-3, stable_images=16, fade_images=16)
MIN_SIZE = 8
"""Smaller images are enlarged to this."""
PRESETS = {
    "published": Config(
        batch=16, z_dim=512, width=16, widest=512, lr_generator=1e-3, lr_critic=1e-3, ema_half_life=10_000.0,
        stable_images=600_000, fade_images=600_000,
    )
}  # fmt: skip
"""The paper's run at 1024 pixels: 23.1 million weights in each player."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    growing.refuse(config, growing.EQUALISED | growing.ENTRIES)
    generator, judge = networks(config, spec)
    G, D = common.treated(config, spec, generator, judge)
    critic = common.smoothed(config, wasserstein_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        slope = gradient_penalty(D, batch.x, fake, rng, config.gp_target)
        real_values = D(batch.x)
        return critic(real_values, D(fake)) | {
            "gradient_penalty": config.gp_weight / config.gp_target**2 * slope,
            "drift": config.drift * real_values.square().mean(),
        }

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": wasserstein_generator(D(fake))}

    game = common.adversaries(
        config, G, D, critic_loss, generator_loss, generate=growing.samples(spec), share=growing.share(judge)
    )
    return growing.grow(game, config)


def networks(config: Config, spec: Spec) -> tuple[ProGANGenerator, ProGANCritic]:
    """Generator and critic, full-grown."""
    widths = growing.widths_of(config, spec, "progan")
    G = ProGANGenerator(config.z_dim, widths, spec.channels)
    return G, ProGANCritic(widths, spec.channels, group=config.group)
