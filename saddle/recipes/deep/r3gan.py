"""R3GAN: a relativistic pairing loss made convergent by penalties on real and fake samples, on plain residual networks.

The defaults are for minutes on a CPU: 8 channels at the highest resolution, doubling towards 4x4 up to 64, one
residual block a stage, batch 32, and step sizes that begin at 2e-3. Penalties need second derivatives, whose cost lies
in the largest maps, so channels are saved there; and images take the penalties every eighth round, eight times as
heavy, in a step of their own, where the paper takes them at each. ``--preset published`` gives the paper's StackedMNIST
run: 768 channels throughout, two blocks a stage, batch 512, step sizes of 2e-4. Step size, gamma, beta2 and the
average's half-life go from their first to their last value along a cosine during the burn-in, as in the paper.
Augmentation is off there, and here. Its faces of 64 pixels took gamma 2 to 0.2 and step sizes 2e-4 to 5e-5. There is no
tanh: samples are cut to [-1, 1].

Points are played by perceptrons under the same loss and penalties. Label smoothing exchanges the two samples of a
pair with that weight. Logged besides the terms: ``control.gamma``. The gradient that is logged in a round with a step
on the penalties is that step's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Move, Terms
from saddle.networks import R3GANCritic, R3GANGenerator
from saddle.objectives import exchanged, relativistic_critic, relativistic_generator
from saddle.recipes import common

SOURCE = "Huang, Gokaslan, Kuleshov, Tompkin 2024, arXiv:2501.05441"


@dataclass(frozen=True)
class Config(common.Adversarial):
    """R3GAN for minutes on a CPU."""

    outputs = "pair"
    """What the critic gives for a sample."""
    # what earlier runs do not hold
    added: ClassVar[Mapping[str, object]] = {**common.Adversarial.added, "penalty_every": 1}
    batch: int = 32
    """Real samples per step of the critic."""
    z_dim: int = 64
    """Dimensions of the latent vector z ~ N(0, I)."""
    network: str = "auto"
    """Networks of both players: r3gan (images of 8 pixels or more), mlp, or auto: r3gan for images, else mlp."""
    width: int = 8
    """Channels at the highest resolution, a multiple of 8; they double with each halving."""
    widest: int = 64
    """Channels are at most this many, a multiple of 8."""
    blocks: int = 1
    """Residual blocks at each resolution."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    beta2: float = 0.9
    """Adam's decay of the mean squared gradient at the start."""
    beta2_end: float = 0.99
    """The same after the burn-in."""
    lr_generator: float = 2e-3
    """Step size of the generator at the start."""
    lr_critic: float = 2e-3
    """Step size of the critic at the start."""
    lr_end: float = 0.05
    """Both step sizes after the burn-in, as a share of those at the start; 0.25 in the paper's larger runs."""
    gamma: float = 1.0
    """Weight of the two penalties at the start."""
    gamma_end: float = 0.5
    """The same after the burn-in."""
    ema_half_life: float = 10_000.0
    """Half-life in images of the average of G after the burn-in, from 0 at the start; 0: no average."""
    burn_in: int = 300_000
    """Images over which the four go from start to end."""
    penalty_every: int = 0
    """Rounds from one step on the penalties to the next, weighted by them; 1: in every step of the critic, as in the
    paper; 0: 8 for the residual networks, 1 for others, whose small games fail without."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.optimizer == "adam", "optimizer", self.optimizer, "adam, whose beta2 is scheduled")
        require(self.width <= self.widest <= common.MOST, "widest", self.widest, f"{self.width} to {common.MOST}")
        require(1 <= self.blocks <= 100, "blocks", self.blocks, "1 to 100")
        require(0 <= self.beta2_end < 1, "beta2_end", self.beta2_end, "a weight in [0, 1)")
        require(self.burn_in >= 1, "burn_in", self.burn_in, "1 or more images")
        require(self.lr_end > 0, "lr_end", self.lr_end, "a share above 0")
        require(self.penalty_every >= 0, "penalty_every", self.penalty_every, "1 or more rounds, or 0")
        for name in ("gamma", "gamma_end"):
            require(getattr(self, name) >= 0, name, getattr(self, name), "0 or more")


SMALL = Config(batch=8, z_dim=8, width=8, widest=16, hidden=16, penalty_every=1)
PRESETS = {
    "published": Config(
        batch=512, width=768, widest=768, blocks=2, lr_generator=2e-4, lr_critic=2e-4, lr_end=1.0,
        gamma_end=0.1, ema_half_life=500_000.0, burn_in=2_000_000, penalty_every=1,
    )
}  # fmt: skip
"""The paper's StackedMNIST run: 20.7 million weights in each player, gamma 1 to 0.1 over 2 million images."""


class Control(nn.Module):
    """gamma, which the schedule sets and the loss reads."""

    gamma: Tensor

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.register_buffer("gamma", torch.tensor(gamma))


def build(config: Config, spec: Spec) -> Game:
    """The game on data of this shape."""
    G, D = common.treated(config, spec, *networks(config, spec))
    control, pairing = Control(config.gamma), exchanged(relativistic_critic, config.label_smoothing)
    every = rounds_between(config, spec)

    def looked_at(batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, fake = watched(batch.x), watched(G(common.noise(batch, config.z_dim, rng)))
        return x, fake, D(x), D(fake)

    def penalties(x: Tensor, fake: Tensor, real_logits: Tensor, fake_logits: Tensor) -> Terms:
        weight = control.gamma * every / 2
        return {"r1": weight * slope(real_logits, x), "r2": weight * slope(fake_logits, fake)}

    def penalised_critic(batch: Batch, rng: torch.Generator) -> Terms:
        looks = looked_at(batch, rng)
        return pairing(*looks[2:]) | penalties(*looks)  # f(D(G(z)) - D(x)), f = softplus

    def bare_critic(batch: Batch, rng: torch.Generator) -> Terms:
        return pairing(D(batch.x), D(G(common.noise(batch, config.z_dim, rng))))

    def flattening(batch: Batch, rng: torch.Generator) -> Terms:
        return penalties(*looked_at(batch, rng))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(common.noise(batch, config.z_dim, rng))
        return {"adversarial": relativistic_generator(D(batch.x), D(fake))}

    game = common.adversaries(
        config,
        G,
        D,
        penalised_critic if every == 1 else bare_critic,
        generator_loss,
        generate=common.clamped(spec),
        controls={"control": control},
    )
    if every > 1:
        game.moves = [*game.moves, Move("D", flattening, every=every, fresh=False)]
    game.schedules = [*game.schedules, burn_in(config, game, control)]
    return game


def rounds_between(config: Config, spec: Spec) -> int:
    """From one step on the penalties to the next."""
    return config.penalty_every or (8 if common.network_of(config, spec, "r3gan", least=8) == "r3gan" else 1)


def watched(x: Tensor) -> Tensor:
    """x as a tensor that gradients can be asked for."""
    return x if x.requires_grad else x.detach().requires_grad_(True)


def slope(logits: Tensor, x: Tensor) -> Tensor:
    """E[|grad D|^2] at x, of logits already at hand: a pass through D less than ``objectives.r1`` and ``r2`` take.

    ``recipes.slopes`` has another for remedies, which can be given any critic: it draws random signs, so that outputs
    that share samples do not cancel. This critic's outputs do not, and no random numbers are spent here.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


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
    """Generator and critic: residual for images, perceptrons for points, or published ones with no norm in D."""
    if (name := common.network_of(config, spec, "r3gan", least=8)) != "r3gan":
        named = replace(config, network=name)
        return common.generator(named, spec), common.critic(named, spec, norm="none")
    power = spec.size >= 8 and spec.size & (spec.size - 1) == 0
    require(power, "size", spec.size, "a power of two from 8 pixels up; pass --size 32, for example")
    for name in ("width", "widest"):
        channels = getattr(config, name)
        require(channels % 8 == 0, name, channels, "a multiple of 8, for groups of 16 in blocks twice as wide")
    stages = spec.size.bit_length() - 2  # 4x4 and each doubling
    widths = [min(config.widest, config.width * 2**k) for k in reversed(range(stages))]  # 4x4 first
    G = R3GANGenerator(config.z_dim, widths, config.blocks, spec.channels)
    return G, R3GANCritic(widths, config.blocks, spec.channels)
