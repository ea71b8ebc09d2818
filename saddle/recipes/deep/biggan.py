"""BigGAN: labels by a shared embedding and pieces of z in every block, orthogonal weights, spectral norm, attention.

It needs labels. The defaults are for minutes on a CPU: 8 channels at the highest resolution, doubling towards 4x4 up
to 64, where the paper has 96 and batches of 2048; attention at 8x8; and one step of the critic to one of the generator,
of equal size, where the paper has two, four times as large. ``--preset published`` gives its ImageNet run at 128 pixels
(those of 256 and 512 do not double their channels at every map). G also minimises beta |W W^T * (1 - I)|^2, which keeps
samples whole when ``saddle sample --truncation`` draws z within a threshold.

Each batch of generated samples serves D's step and then, if it is the round's last, G's. Labels come with the real
batch. At rest, batch norms take running statistics, averaged with G's weights, where the paper collects them anew.
Points and images below 16 pixels are played by perceptrons, with spectral norm in D only.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import BigGANGenerator, ProjectionCritic, ResNetCritic, orthogonal_weights
from saddle.networks.layers import filters, halvings
from saddle.objectives import hinge_critic, hinge_generator, off_orthogonal
from saddle.recipes import common
from saddle.recipes.labelled import classes_of, normalised, perceptrons, pyramid, score, told

SOURCE = "Brock, Donahue, Simonyan 2019, arXiv:1809.11096"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """BigGAN for minutes on a CPU."""

    batch: int = 32
    """Real samples per step of the critic."""
    z_dim: int = 120
    """Dimensions of the latent vector z ~ N(0, I), cut into a piece for the first layer and one for each block."""
    embedding: int = 128
    """Length of a label's row, which all blocks share."""
    network: str = "auto"
    """Networks of both players: biggan (images of 16 pixels or more), mlp, or auto: biggan for images, else mlp."""
    width: int = 8
    """Channels at the highest resolution, 8 or more; they double with each halving."""
    widest: int = 64
    """Channels are at most this many."""
    attention: int = 8
    """Side in pixels of the maps with self-attention, at most half the image's: a power of two from 8 up."""
    orthogonal: float = 1e-4
    """Weight of the generator's orthogonal regularisation: beta; 0: none."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    lr_critic: float = 1e-3
    """Step size of the critic."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.embedding <= common.MOST, "embedding", self.embedding, f"1 to {common.MOST}")
        require(self.width >= 8, "width", self.width, "8 or more channels, of which attention takes an eighth")
        require(self.width <= self.widest <= common.MOST, "widest", self.widest, f"{self.width} to {common.MOST}")
        fits = self.attention >= 8 and self.attention & (self.attention - 1) == 0
        require(fits, "attention", self.attention, "a power of two from 8 up")
        require(self.orthogonal >= 0, "orthogonal", self.orthogonal, "0 or more")


SMALL = Config(batch=8, z_dim=8, embedding=4, width=8, widest=8, hidden=16)
PRESETS = {
    "published": Config(
        batch=2048, width=96, widest=1536, attention=64, n_critic=2, lr_generator=5e-5, lr_critic=2e-4,
        ema_half_life=14_200_000.0,
    )
}  # fmt: skip
"""The paper's run on ImageNet at 128 pixels: 70 and 88 million weights, Adam (0, 0.999), average 0.9999 a step."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape, which must have labels."""
    classes = classes_of(spec)
    G, D = common.treated(config, spec, *networks(config, spec, classes))
    normalised(config, D, G if common.network_of(config, spec, "biggan") == "biggan" else None)
    critic = common.smoothed(config, hinge_critic)

    def share(batch: Batch, rng: torch.Generator) -> Batch:
        return replace(batch, fake=G(common.noise(batch, config.z_dim, rng), *told(batch, classes)))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.fake is not None
        y = told(batch, classes)
        return critic(D(batch.x, *y), D(batch.fake, *y))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.fake is not None
        terms = {"adversarial": hinge_generator(D(batch.fake, *told(batch, classes)))}
        if config.orthogonal:
            terms["orthogonal"] = config.orthogonal * off_orthogonal(filters(G))  # eq. 3
        return terms

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
    if (name := common.network_of(config, spec, "biggan")) != "biggan":
        return perceptrons(config, name, spec, classes)
    widths = pyramid(config.width, config.widest, halvings(spec.size) + 1)
    side = min(config.attention, spec.size // 2)
    G = BigGANGenerator(config.z_dim, widths[::-1], spec.channels, classes, config.embedding, side)
    D = ProjectionCritic(ResNetCritic(spec.size, widths, spec.channels, wide=True, attention=side), classes)
    orthogonal_weights(D)
    return G, D
