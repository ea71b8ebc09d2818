"""A GAN on the line, watched while it learns: D, the data, the generator, and where each z goes.

The lecture's illustration, trained and not drawn: the data's density (black, dotted), the generator's (green), the
critic's D(x) (blue) and its optimum p/(p + p_g) (grey), with arrows from z below to x = G(z) above. Each round is k
steps of D and one of G, Algorithm 1. At the end p_g is near p_data and D near 1/2 wherever there are data. The density
of the generator is a histogram of G at 20,000 quantiles of z, so that no chance is in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.data.spec import Batch
from saddle.data.toys import Mixture, gaussian1d, mixture1d
from saddle.game import Average, Game, Move, Player, Sampler, Terms, generate, make_optimizer, play, score
from saddle.objectives import minimax_critic, non_saturating_generator
from saddle.theory.discrete import js
from saddle.theory.drawing import GREY, INK, legend, tidy, titles
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LECTURE = "T3"
SOURCE = "Goodfellow et al. 2014, arXiv:1406.2661, figure 1"
BATCH, HIDDEN, FRAMES = 256, 32, 30
LOW, HIGH, BINS = -4.0, 4.0, 160
BLACK, GREEN, BLUE = "black", "#3f9b4f", "#2f6fbf"
DATA = {"one": lambda: gaussian1d(1.5, 0.5), "two": lambda: mixture1d((-1.5, 1.5), 0.4)}


@dataclass(frozen=True)
class Config:
    """The data, the players' steps and how long they play."""

    modes: str = "two"
    """Humps of the data: one or two."""
    k: int = 3
    """Critic steps per generator step."""
    lr: float = 5e-3
    """Step of the generator; the critic's is twice that, and both fall to 0 over the second half."""
    rounds: int = 1200
    """Rounds to play."""
    seed: int = 2
    """Seed of weights and samples."""

    def __post_init__(self) -> None:
        choose(self.modes, DATA, "number of modes")
        require(1 <= self.k <= 20, "k", self.k, "1 to 20 critic steps")
        require(0 < self.lr <= 1, "lr", self.lr, "a step size in (0, 1]")
        require(FRAMES <= self.rounds <= 20_000, "rounds", self.rounds, f"{FRAMES} to 20000")


class Scene(NamedTuple):
    """What is drawn of one moment."""

    round: int
    """Rounds played."""
    fake: Tensor
    """Share of generated samples in each bin, (BINS,)."""
    d: Tensor
    """D at the middle of each bin, (BINS,)."""
    arrows: Tensor
    """z and G(z) of a few, (n, 2)."""


def run(config: Config) -> Lab:
    """Train, look thirty times, compare the last look with the theory's equilibrium."""
    data = DATA[config.modes]()
    scenes = list(_watch(config, data))
    p, last = _shares(data), scenes[-1]
    where = p > 0.1 * p.max()
    away = [(scene.d[where] - 0.5).abs().max().item() for scene in scenes]
    divergence = [float(js(p, scene.fake)) for scene in scenes]
    x = _middles()
    mean = float((last.fake * x).sum())
    values: dict[str, Any] = {
        "JSD(p, p_g)": {"before": divergence[0], "after": divergence[-1]},
        "largest |D - 1/2| where there are data": {"before": away[0], "after": away[-1]},
        "mean of p_g": mean,
        "mean of the data": float((p * x).sum()),
        "deviation of p_g": float((last.fake * (x - mean).square()).sum().sqrt()),
        "deviation of the data": float((p * x.square()).sum() - (p * x).sum().square()) ** 0.5,
        "rounds": config.rounds,
    }
    says = (
        f"After {config.rounds} rounds of {config.k} critic steps and one of G the divergence between data and "
        f"generator is {divergence[-1]:.3f} nats (it began at {divergence[0]:.3f} of at most 0.693), and D is within "
        f"{away[-1]:.2f} of 1/2."
    )
    frames = [lambda figure, scene=scene: _scene(figure.subplots(), data, scene, True) for scene in scenes]
    stages = [scenes[i] for i in (0, 4, 10, len(scenes) - 1)]
    return Lab("one-dimensional", LECTURE, values, says, lambda f: _stages(f, data, stages), frames, (10.5, 6.0))


def _watch(config: Config, data: Mixture) -> Iterator[Scene]:
    game = build(config)
    looks = {round(config.rounds * (i / (FRAMES - 1)) ** 2) for i in range(FRAMES)}  # often at first
    yield _look(game)
    for report in play(game, data.draw(BATCH, config.seed), config.rounds):
        if report.round in looks:
            yield _look(game)


def build(config: Config) -> Game:
    """Two small tanh networks, because a smooth generator has a smooth density, on the non-saturating losses."""
    torch.manual_seed(config.seed)
    G, D = _network(), _network()
    seen = config.rounds * config.k * BATCH

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G(torch.randn(BATCH, 1, generator=rng))
        return minimax_critic(D(batch.x), D(fake))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": non_saturating_generator(D(G(torch.randn(BATCH, 1, generator=rng))))}

    players = [
        Player("D", D, make_optimizer("adam", D, 2 * config.lr, 0.0)),
        Player("G", G, make_optimizer("adam", G, config.lr, 0.0), Average(G, half_life=seen / 16)),
    ]
    groups = [(group, group["lr"]) for player in players for group in player.optimizer.param_groups]

    def settle(images: int) -> None:
        for group, lr in groups:
            group["lr"] = lr * min(1.0, 2 - 2 * images / seen)

    moves = [Move("D", critic_loss, repeats=config.k), Move("G", generator_loss, fresh=False)]
    sampler = Sampler(
        prior=lambda n, rng: torch.randn(n, 1, generator=rng),
        generate=lambda nets, z, y: nets["G"](z),
        score=lambda nets, x, y: nets["D"](x).squeeze(1),
    )
    return Game(players, moves, sampler, schedules=[settle]).seed(config.seed)


def _network() -> nn.Module:
    return nn.Sequential(nn.Linear(1, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))


def _look(game: Game) -> Scene:
    z = torch.special.ndtri((torch.arange(20_000) + 0.5) / 20_000)[:, None]
    x = generate(game, z, batch=len(z))[:, 0].double().clamp(LOW, HIGH)
    fake = torch.histc(x, BINS, LOW, HIGH) / len(x)
    d = score(game, _middles().float()[:, None]).double().sigmoid()
    few = torch.linspace(-2.2, 2.2, 23)[:, None]
    return Scene(game.round, fake, d, torch.cat([few, generate(game, few)], 1))


def _middles() -> Tensor:
    width = (HIGH - LOW) / BINS
    return LOW + width * (torch.arange(BINS, dtype=torch.float64) + 0.5)


def _shares(data: Mixture) -> Tensor:
    p = data.log_density(_middles()[:, None]).exp()
    return p / p.sum()


def _scene(axes: "Axes", data: Mixture, scene: Scene, alone: bool) -> None:
    """The densities above 0, the arrows from z (at -0.75) to x (at -0.12) below."""
    x, width = _middles(), (HIGH - LOW) / BINS
    p, q = _shares(data), scene.fake
    both = p + q
    best = torch.where(both > 1e-4, p / both.clamp(min=1e-12), torch.nan)
    axes.plot(x, best, color=GREY, linewidth=1, label="p/(p + p_g)")
    axes.plot(x, scene.d, color=BLUE, linewidth=2, linestyle=(0, (4, 2)), label="D(x)")
    axes.plot(x, p / width, color=BLACK, linewidth=2, linestyle=":", label="p_data")
    axes.plot(x, q / width, color=GREEN, linewidth=2, label="p_g")
    for z, to in scene.arrows.tolist():
        if LOW <= to <= HIGH:
            arrow = {"arrowstyle": "->", "color": GREEN, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (to, -0.12), (z, -0.75), arrowprops=arrow)
    axes.axhline(-0.12, color=INK, linewidth=0.8)
    axes.axhline(-0.75, color=INK, linewidth=0.8)
    axes.text(LOW, -0.15, "x", va="top", fontsize=10)
    axes.text(LOW, -0.72, "z", va="bottom", fontsize=10)
    tidy(axes, f"round {scene.round}", xlim=(LOW, HIGH), ylim=(-0.8, 1.25), yticks=[0, 0.5, 1])
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    if alone:
        legend(axes, "upper left", ncols=4)


def _stages(figure: "Figure", data: Mixture, scenes: list[Scene]) -> None:
    grid = figure.subplots(2, 2)
    for axes, scene in zip(grid.flat, scenes, strict=True):
        _scene(axes, data, scene, False)
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False, fontsize=9.5)
    titles(figure, "A GAN on the line (T3)")
