"""BEGAN: an autoencoder critic balanced against the generator by a control variable k in [0, 1].

L(v) is the mean absolute difference between v and its reconstruction. After each round k moves by
lambda_k (gamma L(x) - L(G(z_G))), so the two losses are held at the ratio gamma. Logged: ``control.k``, and
``control.convergence``, the measure M = L(x) + |gamma L(x) - L(G(z_G))|, both from D's and G's latest steps.

Differences from the paper: z is normal, not uniform; the step size stays constant (the paper halves it when M stalls)
unless ``--decay_until`` is given; G and the critic's decoder are built alike, as in the paper, without its vanishing
residuals. Label smoothing counts a real sample as fake with that weight and is logged as a term of its own. Points are
refused: an autoencoder of so few numbers tells too little of them, and on the mixtures G ends in one mode.

The paper shows faces. On 16-pixel digits, runs of two minutes ended in one grey or inverted image for all z: the
autoencoder rebuilds a negative as well as a positive and k stays near 0; the mlp networks collapsed to the digit 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import BEGANAutoencoder, BEGANDecoder, MLPAutoencoder
from saddle.objectives import began_balance, began_convergence, began_critic, began_generator
from saddle.recipes import common

SOURCE = "Berthelot, Schumm, Metz 2017, arXiv:1703.10717"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The paper's settings: batch 16, Adam 1e-4, codes of 64 numbers."""

    batch: int = 16
    """Real samples per step of the critic."""
    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I), and of the autoencoder's code."""
    network: str = "auto"
    """Networks of both players: began (images of 8 pixels or more), mlp, or auto: began."""
    width: int = 64
    """Channels of the began networks: n, 128 in the paper at 64 pixels."""
    lr_generator: float = 1e-4
    """Step size of the generator."""
    lr_critic: float = 1e-4
    """Step size of the critic."""
    gamma: float = 0.5
    """Ratio that L(G(z)) / L(x) is held at, in [0, 1]; lower values give sharper and less varied samples."""
    k_rate: float = 0.001
    """Gain of the control variable: lambda_k."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.gamma <= 1, "gamma", self.gamma, "a ratio in [0, 1]")
        require(self.k_rate > 0, "k_rate", self.k_rate, "a gain above 0")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


class Control(nn.Module):
    """k and the convergence measure, which follow the measured losses; saved with the game."""

    k: Tensor
    convergence: Tensor

    def __init__(self, gamma: float, rate: float) -> None:
        super().__init__()
        self.gamma, self.rate = gamma, rate
        self.register_buffer("k", torch.zeros(()))
        self.register_buffer("convergence", torch.zeros(()))
        self.real = torch.zeros(())  # lives from D's move to G's, so it needs no saving

    def see_critic(self, terms: Terms) -> None:
        """Remember L(x)."""
        self.real = terms["real"]

    def see_generator(self, terms: Terms) -> None:
        """Move k by what L(x) and L(G(z_G)) say."""
        fake = terms["adversarial"]
        self.convergence.copy_(began_convergence(self.real, fake, self.gamma))
        self.k.copy_(began_balance(self.k, self.real, fake, self.gamma, self.rate))


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, autoencoder = networks(config, spec)
    D = common.noisy(config, common.Energy(autoencoder, lambda difference: difference.abs().mean(1)))
    control = Control(config.gamma, config.k_rate)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        real, fake = D(batch.x), D(G(common.noise(batch, config.z_dim, rng)))
        terms = began_critic(real, fake, control.k)  # L(x) - k L(G(z_D))
        if config.label_smoothing:  # (1 - eps) L(x) - eps k L(x), with L(x) kept apart for the control
            terms["smoothing"] = -config.label_smoothing * (1 + control.k) * real.mean()
        return terms

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": began_generator(D(fake))}  # L(G(z_G))

    return common.adversaries(
        config,
        G,
        D,
        critic_loss,
        generator_loss,
        generate=common.clamped(spec),
        controls={"control": control},
        after_critic=control.see_critic,
        after_generator=control.see_generator,
    )


def networks(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Generator and autoencoder."""
    require(not spec.points, "data", f"points of {spec.channels} numbers", "images, which a short code can tell apart")
    if common.network_of(config, spec, "began", least=8) == "mlp":
        hidden = (config.hidden,) * config.layers
        return common.mlp_generator(config, spec), MLPAutoencoder(spec.shape, hidden, config.z_dim)
    G = BEGANDecoder(config.z_dim, spec.size, spec.channels, config.width)
    return G, BEGANAutoencoder(spec.size, spec.channels, config.width, config.z_dim)
