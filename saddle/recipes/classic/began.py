"""BEGAN: an autoencoder critic balanced against the generator by a control variable k in [0, 1].

L(v) is the mean absolute difference between v and its reconstruction. After each round k moves by
lambda_k (gamma L(x) - L(G(z_G))), so the two losses are held at the ratio gamma. Logged: ``control.k``, and
``control.convergence``, the measure M = L(x) + |gamma L(x) - L(G(z_G))|, both from D's and G's latest steps.

The defaults are for minutes on a CPU: DCGAN's generator against an autoencoder of strided convolutions, both with
batch norm and tanh, batch 32, steps of 2e-3 for G and 5e-4 for the autoencoder, gamma 1 and a gain that moves k within
hundreds of rounds. With equal steps the autoencoder is soon so much better on real samples than on G's that k stays
near 0, where it hardly looks at these: on digits two seeds of three still made one grey image after 675 rounds.
``--preset published`` gives the paper's networks and values, with equal steps and without norm; on digits that, too,
ended in one grey image, which the autoencoder neither rebuilds nor pushes away. The paper shows faces.

Differences from the paper, with the preset too: z is normal, not uniform; the step size stays constant (the paper
halves it when M stalls) unless ``--decay_until`` is given; there are no vanishing residuals. Label smoothing counts a
real sample as fake with that weight and is logged as a term of its own. Points are refused: an autoencoder of so few
numbers tells too little of them, and on the mixtures G ends in one mode.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import BEGANAutoencoder, BEGANDecoder, ConvAutoencoder, DCGANGenerator, MLPAutoencoder
from saddle.objectives import began_balance, began_convergence, began_critic, began_generator
from saddle.recipes import common

SOURCE = "Berthelot, Schumm, Metz 2017, arXiv:1703.10717"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """BEGAN for minutes on a CPU."""

    outputs = "energy"
    """What the critic gives for a sample."""
    batch: int = 32
    """Real samples per step of the critic."""
    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I), and of the autoencoder's code."""
    network: str = "auto"
    """Both players: conv (from 16 pixels up), began (the paper's, from 8), mlp; auto: conv, or began if too small."""
    width: int = 16
    """Channels of the images' networks at the highest resolution; n in the paper, where it is 128 at 64 pixels."""
    lr_generator: float = 2e-3
    """Step size of the generator."""
    lr_critic: float = 5e-4
    """Step size of the critic."""
    ema_half_life: float = 2000.0
    """Half-life in images of the moving average of G's weights that samples are drawn from; 0: no average."""
    gamma: float = 1.0
    """Ratio that L(G(z)) / L(x) is held at, in [0, 1]; lower values give sharper and less varied samples."""
    k_rate: float = 0.05
    """Gain of the control variable: lambda_k."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.gamma <= 1, "gamma", self.gamma, "a ratio in [0, 1]")
        require(self.k_rate > 0, "k_rate", self.k_rate, "a gain above 0")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)
PRESETS = {
    "published": Config(
        batch=16, network="began", width=128, lr_generator=1e-4, lr_critic=1e-4, ema_half_life=0.0, gamma=0.5,
        k_rate=0.001,
    )
}  # fmt: skip
"""The paper's settings: its networks with n = 128, Adam 1e-4, batch 16, codes of 64 numbers, gamma 0.5."""


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
    energy = common.Energy(autoencoder, lambda difference: difference.abs().mean(1))
    G, D = common.treated(config, spec, G, energy)
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
    make = choose(config.network, NETWORKS, "network")
    return make(config, spec)


def conv(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """DCGAN's generator and an autoencoder after EBGAN's."""
    G = DCGANGenerator(config.z_dim, spec.size, spec.channels, config.width)
    return G, ConvAutoencoder(spec.size, spec.channels, config.width, config.z_dim)


def paper(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """The paper's: G and the autoencoder's decoder are built alike."""
    G = BEGANDecoder(config.z_dim, spec.size, spec.channels, config.width)
    return G, BEGANAutoencoder(spec.size, spec.channels, config.width, config.z_dim)


def mlp(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Fully connected."""
    hidden = (config.hidden,) * config.layers
    return common.mlp_generator(config, spec), MLPAutoencoder(spec.shape, hidden, config.z_dim)


def auto(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Convolutions where the images are large enough for DCGAN's generator."""
    return conv(config, spec) if spec.size >= 16 else paper(config, spec)


NETWORKS: dict[str, Callable[[Config, Spec], tuple[nn.Module, nn.Module]]] = {
    "auto": auto,
    "began": paper,
    "conv": conv,
    "mlp": mlp,
}
"""What ``network`` may name."""
