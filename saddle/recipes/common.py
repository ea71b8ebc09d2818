"""What recipes share: networks by kind of data, the options that act on any critic, and a game's assembly."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Average, Game, Loss, Move, Nets, Player, Sampler, Terms, choose_dynamics, make_optimizer
from saddle.networks import PAIRS, DCGANCritic, DCGANGenerator, InstanceNoise, MLPCritic, MLPGenerator
from saddle.objectives import CriticLoss, one_sided
from saddle.recipes import remedies
from saddle.recipes.settings import MOST, Adversarial, Autoencoding

__all__ = [
    "MOST",
    "Adversarial",
    "Autoencoding",
    "Energy",
    "adversaries",
    "clamped",
    "critic",
    "decay",
    "generate",
    "generator",
    "mlp_critic",
    "mlp_generator",
    "network_of",
    "noise",
    "player",
    "smoothed",
    "treated",
]

See = Callable[[Terms], None]
T = TypeVar("T", Adversarial, Autoencoding)


def noise(batch: Batch, z_dim: int, rng: torch.Generator) -> Tensor:
    """z ~ N(0, I), as many as there are samples in the batch: (N, z_dim)."""
    return torch.randn(len(batch.x), z_dim, generator=rng, device=rng.device)


def network_of(config: T, spec: Spec, convolutional: str = "dcgan", least: int = 16) -> str:
    """Which networks a recipe's ``network`` setting stands for with these data.

    Args:
        config: the recipe's settings.
        spec: the data.
        convolutional: name of the networks for images.
        least: ``auto`` stands for them from this side in pixels up, and below for ``mlp``.
    Returns:
        ``mlp``, the ``convolutional`` ones, or for a game of two a name of `PAIRS`.
    Raises:
        ValueError: another name, or networks that are not made for such data.
    """
    if config.network == "auto":
        return convolutional if spec.size >= least else "mlp"
    pairs: list[str] = [*PAIRS] if isinstance(config, Adversarial) else []
    name = choose(config.network, {known: known for known in ("auto", "mlp", convolutional, *pairs)}, "network")
    if name in PAIRS:
        require(PAIRS[name].fits(spec.size), "network", name, PAIRS[name].words)
        return name
    fits = name == "mlp" or not spec.points
    require(fits, "network", name, f"images, and these data are points of {spec.channels} numbers: use mlp")
    return name


def generator(config: Adversarial, spec: Spec, norm: str = "batch") -> nn.Module:
    """z (N, z_dim) -> x: DCGAN's, a ReLU network or a published one; ``norm`` is for DCGAN's."""
    name = network_of(config, spec)
    if name == "mlp":
        return mlp_generator(config, spec)
    if name in PAIRS:
        return PAIRS[name].generator(config.z_dim, spec.shape)
    return DCGANGenerator(config.z_dim, spec.size, spec.channels, config.width, norm)


def critic(config: Adversarial, spec: Spec, norm: str = "batch") -> nn.Module:
    """x -> (N,): DCGAN's, a leaky ReLU network or a published one; ``norm`` is for the convolutions."""
    name = network_of(config, spec)
    if name == "mlp":
        return mlp_critic(config, spec)
    if name in PAIRS:
        return PAIRS[name].critic(spec.shape, norm)
    return DCGANCritic(spec.size, spec.channels, config.width, norm)


def mlp_generator(config: Adversarial, spec: Spec) -> nn.Module:
    """z (N, z_dim) -> x, fully connected with ReLU: bounded by tanh for images."""
    return MLPGenerator(config.z_dim, spec.shape, (config.hidden,) * config.layers, bounded=not spec.points)


def mlp_critic(config: Adversarial, spec: Spec) -> nn.Module:
    """x -> (N,), fully connected with leaky ReLU."""
    return MLPCritic(spec.shape, (config.hidden,) * config.layers)


class Energy(nn.Module):
    """x (N, ...) -> energy (N,): how far an autoencoder's reconstruction of x is from x. The critic of EBGAN and BEGAN.

    Args:
        autoencoder: x -> reconstruction of the same shape.
        error: differences (N, d) -> energies (N,).
    """

    def __init__(self, autoencoder: nn.Module, error: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.autoencoder, self.error = autoencoder, error

    def forward(self, x: Tensor) -> Tensor:
        return self.error((self.autoencoder(x) - x).flatten(1))


def treated(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """G and D with the remedies' layers and wrappers, and D behind instance noise, where the settings ask for them.

    Raises:
        ValueError: a remedy does not go with these networks or data; names it.
    """
    for networks in remedies.hooks(config.remedies, "networks"):
        G, D = networks(config, spec, G, D)
    return G, InstanceNoise(D, config.instance_noise) if config.instance_noise else D


def smoothed(config: Adversarial, loss: CriticLoss) -> CriticLoss:
    """The separable critic loss with one-sided label smoothing where the setting asks for it."""
    return one_sided(loss, config.label_smoothing) if config.label_smoothing else loss


def generate(nets: Nets, z: Tensor, y: Tensor | None) -> Tensor:
    """G(z), or G(z, y) in a game with labels."""
    x: Tensor = nets["G"](z) if y is None else nets["G"](z, y)
    return x


def clamped(spec: Spec) -> Callable[[Nets, Tensor, Tensor | None], Tensor]:
    """How samples are made of a generator without tanh: images are cut to [-1, 1], points stay as they are."""
    bound = float("inf") if spec.points else 1.0
    return lambda nets, z, y: generate(nets, z, y).clamp(-bound, bound)


def player(
    config: Adversarial,
    name: str,
    module: nn.Module,
    lr: float,
    *,
    average: bool = False,
    project: Callable[[nn.Module], None] | None = None,
) -> Player:
    """A player with the settings' optimiser and, if asked, their moving average."""
    optimizer = make_optimizer(config.optimizer, module, lr, config.beta1, config.beta2)
    kept = Average(module, config.ema_half_life) if average and config.ema_half_life else None
    return Player(name, module, optimizer, kept, project)


def adversaries(
    config: Adversarial,
    G: nn.Module,
    D: nn.Module,
    critic_loss: Loss,
    generator_loss: Loss,
    *,
    score: Callable[[Nets, Tensor, Tensor | None], Tensor] | None = None,
    generate: Callable[[Nets, Tensor, Tensor | None], Tensor] = generate,
    project: Callable[[nn.Module], None] | None = None,
    share: Callable[[Batch, torch.Generator], Batch] | None = None,
    classes: int = 0,
    controls: Mapping[str, nn.Module] | None = None,
    after_critic: See | None = None,
    after_generator: See | None = None,
) -> Game:
    """Algorithm 1 with the recipe's two losses: D makes ``n_critic`` steps, then G one on the last batch drawn.

    Args:
        config: the recipe's settings.
        G: the generator's network, ``treated``.
        D: the critic's network, ``treated``.
        critic_loss: what D minimises.
        generator_loss: what G minimises.
        score: D's output for people to look at; by default ``D(x)``.
        generate: how samples are made; by default ``G(z)``, or ``G(z, y)`` in a game with labels.
        project: follows each step of D.
        share: see ``Game.share``.
        classes: labels that ``generate`` takes.
        controls: see ``Game.controls``.
        after_critic: told D's measured terms after each of its steps.
        after_generator: told G's.
    """
    players = [
        player(config, "D", D, config.lr_critic, project=project),
        player(config, "G", G, config.lr_generator, average=True),
    ]
    moves = [
        Move("D", critic_loss, repeats=config.n_critic, after=after_critic),
        Move("G", generator_loss, fresh=False, after=after_generator),
    ]
    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, config.z_dim, generator=rng, device=rng.device),
        generate=generate,
        score=score or (lambda nets, x, y: nets["D"](x)),
        classes=classes,
    )
    schedules = [_decay(config, players)] if config.decay_until else []
    if isinstance(D, InstanceNoise):
        schedules.append(_anneal(config, D))
    dynamics = choose_dynamics(config.dynamics, config.consensus_weight)
    game = Game(players, moves, sampler, dynamics, controls or {}, schedules, share)
    for rules in remedies.hooks(config.remedies, "rules"):
        game = rules(game, config)
    return game


def decay(config: Adversarial, images: int) -> float:
    """Share of the step sizes left after so many images: 1, then falling linearly to 0 if the settings say so."""
    if not config.decay_until:
        return 1.0
    done = (images - config.decay_from) / (config.decay_until - config.decay_from)
    return min(1.0, max(0.0, 1.0 - done))


def _decay(config: Adversarial, players: list[Player]) -> Callable[[int], None]:
    groups = [(group, group["lr"]) for p in players for group in p.optimizer.param_groups]

    def linear(images: int) -> None:
        for group, lr in groups:
            group["lr"] = lr * decay(config, images)

    return linear


def _anneal(config: Adversarial, D: InstanceNoise) -> Callable[[int], None]:
    def linear(images: int) -> None:
        D.sigma = config.instance_noise * max(0.0, 1.0 - images / config.instance_noise_images)

    return linear
