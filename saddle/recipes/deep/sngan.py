"""SNGAN: residual networks, a critic whose every layer has spectral norm 1, hinge loss; labels by projection if asked.

The defaults are for minutes on a CPU: 8 channels at the highest resolution, doubling towards 4x4 up to 64, weights
that start orthogonal, steps of 1e-3, and one of the critic to one of the generator in place of the paper's five.
``--preset published`` gives the paper's CIFAR-10 run: G 256 and D 128 channels throughout, two plain blocks in D, batch
64, and 128 generated samples in G's step. ``--conditional true`` tells both players the labels, as for ImageNet: gains
and biases for each label in G, the projection in D.

Each batch of generated samples serves D's step and then, if it is the round's last, G's. Labels come with the real
batch. D's last layer has a bias only beside labels, as in the authors' programs, which move G before D; here D is
first. Samples come from a moving average of G. Points and images below 16 pixels are played by perceptrons under the
same loss and norm.
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

SOURCE = "Miyato, Kataoka, Koyama, Yoshida 2018, arXiv:1802.05957; Miyato, Koyama 2018, arXiv:1802.05637"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """SNGAN for minutes on a CPU."""

    batch: int = 32
    """Real samples per step of the critic."""
    generator_batch: int = 1
    """Generated samples in the generator's step, in batches; 2 in the paper."""
    z_dim: int = 128
    """Dimensions of the latent vector z ~ N(0, I)."""
    conditional: bool = False
    """Whether both players are told the data's labels."""
    network: str = "auto"
    """Networks of both players: sngan (images of 16 pixels or more), mlp, or auto: sngan for images, else mlp."""
    width: int = 8
    """Channels of the generator at its highest resolution; they double with each halving."""
    widest: int = 64
    """The generator's channels are at most this many."""
    critic_width: int = 8
    """Channels of the critic's first block; they double with each block."""
    critic_widest: int = 64
    """The critic's channels are at most this many."""
    plain: int = 1
    """Last blocks of the critic, which keep the side; 2 in the paper for CIFAR-10."""
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
        require(1 <= self.generator_batch <= 100, "generator_batch", self.generator_batch, "1 to 100 batches")
        require(1 <= self.plain <= 100, "plain", self.plain, "1 to 100 blocks")
        for name, least in (("widest", self.width), ("critic_width", 1), ("critic_widest", self.critic_width)):
            value = getattr(self, name)
            require(least <= value <= common.MOST, name, value, f"{least} to {common.MOST}")


SMALL = Config(batch=8, z_dim=8, width=4, widest=8, critic_width=4, critic_widest=8, hidden=16)
PRESETS = {
    "published": Config(
        batch=64, generator_batch=2, width=256, widest=256, critic_width=128, critic_widest=128, plain=2, n_critic=5,
        weights="glorot", lr_generator=2e-4, lr_critic=2e-4, ema_half_life=0.0, decay_until=16_000_000, beta2=0.9,
    ),
}  # fmt: skip
"""The paper's CIFAR-10 run: Adam 2e-4 falling to 0 over 50,000 steps of G, each after five of D with 64 images."""


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape; each batch of generated samples serves D's step and then G's."""
    classes = classes_of(spec, config.conditional)
    G, D = common.treated(config, spec, *networks(config, spec, classes))
    normalised(config, D)
    critic, times = common.smoothed(config, hinge_critic), config.generator_batch

    def share(batch: Batch, rng: torch.Generator) -> Batch:
        z = torch.randn(times * len(batch.x), config.z_dim, generator=rng, device=rng.device)
        return replace(batch, fake=G(z, *(y.repeat(times) for y in told(batch, classes))))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.fake is not None
        y = told(batch, classes)
        return critic(D(batch.x, *y), D(batch.fake[: len(batch.x)], *y))  # eq. 16

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        assert batch.fake is not None
        y = (y.repeat(times) for y in told(batch, classes))
        return {"adversarial": hinge_generator(D(batch.fake, *y))}  # eq. 17

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
    """Generator and critic, spectral norm not yet applied: residual for images, else perceptrons."""
    if (name := common.network_of(config, spec, "sngan")) != "sngan":
        return perceptrons(config, name, spec, classes)
    maps = halvings(spec.size) + 1
    require(config.plain < maps, "plain", config.plain, f"fewer than the {maps} blocks for {spec.size} pixels")
    widths = pyramid(config.width, config.widest, maps)
    G = ResNetGenerator(config.z_dim, widths[::-1], spec.channels, classes)
    widths = pyramid(config.critic_width, config.critic_widest, maps)
    critic = ResNetCritic(spec.size, widths, spec.channels, config.plain, bias=classes > 0)
    D = ProjectionCritic(critic, classes) if classes else critic
    for net in (G, D):
        WEIGHTS[config.weights](net)
    return G, D
