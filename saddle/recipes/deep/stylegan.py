"""StyleGAN: a mapping network whose styles set each layer's statistics, with noise and mixing, grown as ProGAN is.

The non-saturating loss with R1 at every critic step. The defaults are for minutes on a CPU: 8 channels at the highest
resolution, doubling towards 4x4 up to 64, two mapping layers of 64, batch 8, steps of 1e-2, no mixing, and 2,000 images
to fade a size in and as many to train it, from 8x8. ``--preset published`` gives the paper's 1024 pixels: 16 channels
there, 512 up to 32 pixels, eight mapping layers of 512, R1 with gamma 10, 600,000 images each, Adam 1e-3. For smaller
images the published networks are wider at the highest resolution: ``--width 512`` at 32 pixels and below.

Where this differs from the published run: batch and step size stay the same at all sizes (theirs go from 256 to 32 and
from 1e-3 to 3e-3), and the optimisers keep what they remember when a size is added. Styles are mixed by the sample, not
by the batch. Samples are made with noise that is drawn once, without truncation (``StyleGenerator.truncated``),
enlarged to the data's size while the networks are smaller, and cut to [-1, 1]. Logged besides the terms: ``size.side``
and ``size.alpha``.
"""

from dataclasses import dataclass

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks.progan import ProGANCritic
from saddle.networks.resample import BILINEAR
from saddle.networks.stylegan import StyleGANSynthesis
from saddle.networks.styles import Mapping, StyleGenerator
from saddle.objectives import minimax_critic, non_saturating_generator
from saddle.recipes import common, growing

SOURCE = "Karras, Laine, Aila 2019, arXiv:1812.04948"


@dataclass(frozen=True)
class Config(growing.Growth):
    """StyleGAN for minutes on a CPU."""

    batch: int = 8
    """Real samples per step of the critic."""
    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I), which the mapping normalises."""
    w_dim: int = 64
    """Dimensions of the style vector w."""
    mapping_layers: int = 2
    """Layers from z to w."""
    mapping_speed: float = 0.1
    """Factor on the step size of these layers; 0.01 in the paper."""
    network: str = "auto"
    """Networks of both players: stylegan (images of 8 pixels or more), which auto stands for."""
    first: int = 8
    """Side of the images at the start, a power of two from 4; the data's own size: nothing grows."""
    lr_generator: float = 1e-2
    """Step size of the generator."""
    lr_critic: float = 1e-2
    """Step size of the critic."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""
    r1_gamma: float = 1.0
    """Weight of the penalty on the critic's slope at real samples: gamma / 2 E[|grad D(x)|^2]."""
    mixing: float = 0.0
    """Share of samples whose finer layers get the styles of a second z; 0.9 in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.w_dim <= common.MOST, "w_dim", self.w_dim, f"1 to {common.MOST}")
        require(1 <= self.mapping_layers <= 100, "mapping_layers", self.mapping_layers, "1 to 100")
        require(self.mapping_speed > 0, "mapping_speed", self.mapping_speed, "a factor above 0")
        require(self.r1_gamma >= 0, "r1_gamma", self.r1_gamma, "0 or more")
        require(0 <= self.mixing <= 1, "mixing", self.mixing, "a share in [0, 1]")


SMALL = Config(
    z_dim=8, w_dim=8, mapping_speed=0.01, width=4, widest=8, lr_generator=2e-3, lr_critic=2e-3, mixing=0.9,
    stable_images=16, fade_images=16,
)  # fmt: skip
MIN_SIZE = 8
"""Smaller images are enlarged to this."""
PRESETS = {
    "published": Config(
        batch=32, z_dim=512, w_dim=512, mapping_layers=8, width=16, widest=512, lr_generator=1e-3, lr_critic=1e-3,
        ema_half_life=10_000.0, r1_gamma=10.0, stable_images=600_000, fade_images=600_000, mapping_speed=0.01,
        mixing=0.9,
    )
}  # fmt: skip
"""The paper's run at 1024 pixels: 26.2 million weights in the generator and 23.1 in the critic."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    growing.refuse(config, growing.EQUALISED | growing.ENTRIES)
    generator, judge = networks(config, spec)
    G, D = common.treated(config, spec, generator, judge)
    critic = common.smoothed(config, minimax_critic)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng), rng=rng)
        x = batch.x.detach().requires_grad_(True)
        real_logits = D(x)
        (slope,) = torch.autograd.grad(real_logits.sum(), x, create_graph=True)  # row i: D's gradient at x_i
        r1 = slope.square().flatten(1).sum(1).mean()
        return critic(real_logits, D(fake)) | {"r1": config.r1_gamma / 2 * r1}

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng), rng=rng)
        return {"adversarial": non_saturating_generator(D(fake))}

    game = common.adversaries(
        config, G, D, critic_loss, generator_loss, generate=growing.samples(spec), share=growing.share(judge)
    )
    return growing.grow(game, config)


def networks(config: Config, spec: Spec) -> tuple[StyleGenerator, ProGANCritic]:
    """Generator and critic, full-grown."""
    widths = growing.widths_of(config, spec, "stylegan")
    mapping = Mapping(config.z_dim, config.w_dim, config.mapping_layers, config.mapping_speed)
    G = StyleGenerator(mapping, StyleGANSynthesis(config.w_dim, widths, spec.channels), config.mixing)
    return G, ProGANCritic(widths, spec.channels, BILINEAR, config.group)
