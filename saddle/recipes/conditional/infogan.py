"""InfoGAN: codes that a sample must tell, so that they come to mean something without any label.

G is given a category c and continuous codes u beside its noise. Q, which shares all but its last two layers with the
critic, says which they were; G and Q minimise -E[log Q(c, u | x)], a bound on the information that samples hold of the
codes. ``saddle sample --label 3`` asks for the category 3: what that is the game finds for itself. The last numbers of
z are the continuous codes, u = 2 Phi(z) - 1 uniform in (-1, 1). Networks and the other settings are DCGAN's with batch
64, with perceptrons on points; the paper's noise is uniform. Weights of 1 are its program's.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import Headed, LabelledGenerator, with_head
from saddle.objectives import code_description, minimax_critic, non_saturating_generator
from saddle.recipes import common

SOURCE = "Chen et al. 2016, arXiv:1606.03657"
HIDDEN = 128
"""Units of Q's own hidden layer."""


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The paper's codes and step sizes for MNIST."""

    z_dim: int = 64
    """Dimensions of z ~ N(0, I); the last ``continuous`` of them are codes."""
    lr_generator: float = 1e-3
    """Step size of the generator."""
    categories: int = 10
    """K, values of the categorical code."""
    continuous: int = 2
    """How many continuous codes."""
    category_weight: float = 1.0
    """lambda of the categorical code."""
    continuous_weight: float = 1.0
    """lambda of the continuous codes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(2 <= self.categories <= common.MOST, "categories", self.categories, f"2 to {common.MOST}")
        require(0 <= self.continuous <= self.z_dim, "continuous", self.continuous, f"0 to the {self.z_dim} of z_dim")
        for name in ("category_weight", "continuous_weight"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "a weight of 0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16, categories=3)


class Coded(nn.Module):
    """z (N, z_dim), c (N,) -> x: the last m numbers of z go into the net as codes in (-1, 1).

    Args:
        net: generator of (z, c).
        continuous: m.
    """

    def __init__(self, net: nn.Module, continuous: int) -> None:
        super().__init__()
        self.net, self.continuous = net, continuous

    def codes(self, z: Tensor) -> Tensor:
        """u (N, m), uniform in (-1, 1) for z ~ N(0, I)."""
        return torch.erf(z[:, z.shape[1] - self.continuous :] / math.sqrt(2))  # 2 Phi(z) - 1

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        noise = z[:, : z.shape[1] - self.continuous]
        x: Tensor = self.net(torch.cat([noise, self.codes(z)], dim=1), c)
        return x


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    K = config.categories
    net = common.generator(replace(config, z_dim=config.z_dim + K), spec)
    coded = Coded(LabelledGenerator(net, K, embedding=K), config.continuous)
    headed = Headed(common.critic(config, spec), K + config.continuous, HIDDEN)
    G, D = common.treated(config, spec, coded, headed)
    critic = common.smoothed(config, minimax_critic)

    def made(batch: Batch, rng: torch.Generator) -> tuple[Tensor, Terms]:
        """D's outputs on generated samples, and the bound's terms."""
        z = common.noise(batch, config.z_dim, rng)
        c = torch.randint(K, (len(z),), generator=rng, device=rng.device)  # c ~ Cat(K)
        fake, q = with_head(D, headed, G(z, c))
        found = code_description(q[:, :K], c, q[:, K:], coded.codes(z))  # -E[log Q(c | x)]
        weights = {"category": config.category_weight, "continuous": config.continuous_weight}
        return fake, {name: weights[name] * value for name, value in found.items()}

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        real = D(batch.x)
        fake, information = made(batch, rng)
        return critic(real, fake) | information

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake, information = made(batch, rng)
        return {"adversarial": non_saturating_generator(fake)} | information

    game = common.adversaries(config, G, D, critic_loss, generator_loss, classes=K)
    assert game.sampler is not None
    game.sampler = replace(game.sampler, own_labels=True)
    return game
