"""EBGAN: the critic is an autoencoder whose reconstruction error is an energy, low on data and raised on fakes.

D(x) = |Dec(Enc(x)) - x|, the Euclidean norm over all pixels as in the paper's section 2.2, to which its margins refer.
The pulling-away term (the paper's EBGAN-PT) is on by default; ``--pull_away_weight 0`` is plain EBGAN. The critic is
the paper's 64-pixel autoencoder with a linear code layer added and the generator is DCGAN's, at any size; weights of D
start at N(0, 0.002^2). Adam 1e-3 is the middle of the paper's MNIST grid. Label smoothing counts a real sample as fake
with that weight, so it meets the margin's term. Points take a smaller margin: ``--margin 1``.
"""

from dataclasses import dataclass
from functools import partial

import torch

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import Autoencoder, ConvAutoencoder, MLPAutoencoder, normal_weights
from saddle.objectives import ebgan_critic, ebgan_generator, pull_away
from saddle.recipes import common

SOURCE = "Zhao, Mathieu, LeCun 2017, arXiv:1609.03126"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The paper's settings for MNIST."""

    outputs = "energy"
    """What the critic gives for a sample."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    lr_critic: float = 1e-3
    """Step size of the critic."""
    code: int = 64
    """Length of the autoencoder's code."""
    margin: float = 10.0
    """m: the energy, a distance between images, above which D lets a fake sample go; 20 for 64-pixel faces."""
    pull_away_weight: float = 0.1
    """Weight of the term that makes the codes of a fake batch orthogonal; 0 turns it off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(1 <= self.code <= common.MOST, "code", self.code, f"1 to {common.MOST}")
        require(self.margin > 0, "margin", self.margin, "an energy above 0")
        require(self.pull_away_weight >= 0, "pull_away_weight", self.pull_away_weight, "0 or more")
        require(
            not self.pull_away_weight or self.batch >= 2, "batch", self.batch, "2 or more, for the pulling-away term"
        )


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, code=8)


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, autoencoder = common.generator(config, spec), autoencoder_for(config, spec)
    energy = common.Energy(autoencoder, partial(torch.linalg.vector_norm, dim=1))
    G, D = common.treated(config, spec, G, energy)
    critic = common.smoothed(config, partial(ebgan_critic, margin=config.margin))

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return critic(D(batch.x), D(fake))  # D(x) + [m - D(G(z))]^+

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        terms = {"adversarial": ebgan_generator(D(fake))}
        if config.pull_away_weight:
            terms["pull_away"] = config.pull_away_weight * pull_away(autoencoder.encode(fake))
        return terms

    return common.adversaries(config, G, D, critic_loss, generator_loss)


def autoencoder_for(config: Config, spec: Spec) -> Autoencoder:
    """The critic's autoencoder: convolutional beside DCGAN's generator, else fully connected."""
    name = common.network_of(config, spec)
    require(name in ("mlp", "dcgan"), "network", name, "mlp or dcgan: this critic is an autoencoder")
    if name == "mlp":
        return MLPAutoencoder(spec.shape, (config.hidden,) * config.layers, config.code, bounded=not spec.points)
    net = ConvAutoencoder(spec.size, spec.channels, config.width, config.code)
    normal_weights(net, 0.002)
    return net
