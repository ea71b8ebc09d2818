"""R3GAN: a relativistic pairing loss made convergent by penalties on real and fake samples, on plain residual networks.

The paper's game with networks scaled down for small machines: 32 channels at the highest resolution, doubling twice
towards 4x4 (768 throughout in the paper), and one residual block a stage (two). Step size, gamma, beta2 and the
average's half-life go from their first to their last value along a cosine during the burn-in, as in the paper. The
values are those of its StackedMNIST run but for three: burn-in and half-life are a twentieth (of 2M and 0.5M images),
batch is 64 (512), and step sizes start at 1e-3, for short runs, before they come down to its 2e-4. Augmentation is off
there, and here. Its faces of 64 pixels took gamma 2 to 0.2 and step sizes 2e-4 to 5e-5. There is no tanh: samples are
cut to [-1, 1].

Points are played by perceptrons under the same loss and penalties. Label smoothing exchanges the two samples of a
pair with that weight. Logged besides the terms: ``control.gamma``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Terms
from saddle.networks import R3GANCritic, R3GANGenerator
from saddle.objectives import r1, r2, relativistic_critic, relativistic_generator
from saddle.recipes import common

SOURCE = "Huang, Gokaslan, Kuleshov, Tompkin 2024, arXiv:2501.05441"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """The paper's StackedMNIST settings, scaled down."""

    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I)."""
    network: str = "auto"
    """Networks of both players: r3gan (images of 8 pixels or more), mlp, or auto: r3gan for images, else mlp."""
    width: int = 32
    """Channels at the highest resolution, a multiple of 8; they double with each halving, up to four times as many."""
    blocks: int = 1
    """Residual blocks at each resolution."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    beta2: float = 0.9
    """Adam's decay of the mean squared gradient at the start."""
    beta2_end: float = 0.99
    """The same after the burn-in."""
    lr_generator: float = 1e-3
    """Step size of the generator at the start."""
    lr_critic: float = 1e-3
    """Step size of the critic at the start."""
    lr_end: float = 0.2
    """Both step sizes after the burn-in, as a share of those at the start; 0.25 in the paper's larger runs."""
    gamma: float = 1.0
    """Weight of the two penalties at the start."""
    gamma_end: float = 0.1
    """The same after the burn-in."""
    ema_half_life: float = 25_000.0
    """Half-life in images of the average of G after the burn-in, from 0 at the start; 0: no average."""
    burn_in: int = 100_000
    """Images over which the four go from start to end."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.optimizer == "adam", "optimizer", self.optimizer, "adam, whose beta2 is scheduled")
        require(1 <= self.blocks <= 100, "blocks", self.blocks, "1 to 100")
        require(0 <= self.beta2_end < 1, "beta2_end", self.beta2_end, "a weight in [0, 1)")
        require(self.burn_in >= 1, "burn_in", self.burn_in, "1 or more images")
        require(self.lr_end > 0, "lr_end", self.lr_end, "a share above 0")
        for name in ("gamma", "gamma_end"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, hidden=16)


class Control(nn.Module):
    """gamma, which the schedule sets and the loss reads."""

    gamma: Tensor

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.tensor(gamma))


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = networks(config, spec)
    D = common.noisy(config, D)
    control, epsilon = Control(config.gamma), config.label_smoothing

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        x, fake = batch.x, G(common.noise(batch, config.z_dim, rng))
        real_logits, fake_logits = D(x), D(fake)
        terms = relativistic_critic(real_logits, fake_logits)  # f(D(G(z)) - D(x)), f = softplus
        if epsilon:
            swapped = relativistic_critic(fake_logits, real_logits)["pair"]
            terms["pair"] = (1 - epsilon) * terms["pair"] + epsilon * swapped
        return terms | {"r1": control.gamma * r1(D, x), "r2": control.gamma * r2(D, fake)}  # gamma/2 E[|grad D|^2]

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": relativistic_generator(D(batch.x), D(fake))}

    game = common.adversaries(
        config, G, D, critic_loss, generator_loss, generate=common.clamped(spec), controls={"control": control}
    )
    game.schedules = [*game.schedules, burn_in(config, game, control)]
    return game


def burn_in(config: Config, game: Game, control: Control) -> Callable[[int], None]:
    """Sets step sizes, beta2, gamma and the average's half-life as functions of the images seen."""
    players = [(game["G"], config.lr_generator), (game["D"], config.lr_critic)]
    average = game["G"].average

    def schedule(images: int) -> None:
        left = (1 + math.cos(math.pi * min(1.0, images / config.burn_in))) / 2  # from 1 to 0

        def between(start: float, end: float) -> float:
            return end + (start - end) * left

        for player, lr in players:
            for group in player.optimizer.param_groups:
                group["lr"] = lr * between(1.0, config.lr_end) * common.decay(config, images)
                group["betas"] = (config.beta1, between(config.beta2, config.beta2_end))
        control.gamma.fill_(between(config.gamma, config.gamma_end))
        if average is not None:
            average.half_life, average.ramp = between(0.0, config.ema_half_life), 0.0

    return schedule


def networks(config: Config, spec: Spec) -> tuple[nn.Module, nn.Module]:
    """Generator and critic: residual for images, perceptrons for points."""
    if common.network_of(config, spec, "r3gan", least=8) == "mlp":
        return common.mlp_generator(config, spec), common.mlp_critic(config, spec)
    power = spec.size >= 8 and spec.size & (spec.size - 1) == 0
    require(power, "size", spec.size, "a power of two from 8 pixels up; pass --size 32, for example")
    require(config.width % 8 == 0, "width", config.width, "a multiple of 8, for groups of 16 in blocks twice as wide")
    stages = spec.size.bit_length() - 2  # 4x4 and each doubling
    widths = [config.width * min(4, 2**k) for k in reversed(range(stages))]  # 4x4 first
    G = R3GANGenerator(config.z_dim, widths, config.blocks, spec.channels)
    return G, R3GANCritic(widths, config.blocks, spec.channels)
