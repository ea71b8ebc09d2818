"""The loss surface that moves: one player's landscape before and after the other's step.

To the generator, everything that it can reach is a landscape over its mean and deviation, J(G) against the critic of
the moment. Its own steps leave the landscape where it is, as in ordinary gradient descent; each of the critic's changes
it, and with it the way down. Left, the generator's landscape; middle, the same after the critic has moved; right, what
a single player would see, who has no opponent: KL to the data, which stays.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.game import Game, Move, play
from saddle.objectives import ADVERSARIAL
from saddle.theory.drawing import FAKE, INK, mark, tidy, titles
from saddle.theory.gaussian_gan import gaussian_gan, made
from saddle.theory.gaussians import kl, normal
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LECTURE = "T11"
SOURCE = "Goodfellow 2016, arXiv:1701.00160"
DATA, START = (1.0, 0.8), (-1.0, 0.5)
LOSSES = ("non-saturating", "minimax")
QUANTILES = torch.special.ndtri((torch.arange(64, dtype=torch.float64) + 0.5) / 64)
MEANS = torch.linspace(-2.5, 2.5, 61, dtype=torch.float64)
SIGMAS = torch.linspace(0.15, 2.0, 45, dtype=torch.float64)


@dataclass(frozen=True)
class Config:
    """The play whose landscape is drawn."""

    loss: str = "non-saturating"
    """non-saturating or minimax."""
    lr: float = 0.3
    """Step of both players."""
    k: int = 1
    """Critic steps in a round."""
    rounds: int = 25
    """Rounds played before the two looks."""

    def __post_init__(self) -> None:
        choose(self.loss, dict.fromkeys(LOSSES), "loss of this lab")
        require(0 < self.lr <= 1, "lr", self.lr, "a step size in (0, 1]")
        require(1 <= self.k <= 50, "k", self.k, "1 to 50 critic steps")
        require(1 <= self.rounds <= 500, "rounds", self.rounds, "1 to 500 rounds")


class Look(NamedTuple):
    """The generator's landscape at one moment."""

    surface: Tensor
    """J over SIGMAS and MEANS, (45, 61)."""
    at: tuple[float, float]
    """Mean and deviation of the generator."""
    down: Tensor
    """The way down there in mean and deviation, (2,), of length 1."""


def run(config: Config) -> Lab:
    """The landscape before and after each player's next move, and over all rounds for the animation."""
    game = gaussian_gan(*DATA, start=START, loss=config.loss, lr_generator=config.lr, lr_critic=config.lr, k=config.k)
    looks = [_look(game, config.loss)]
    looks += [_look(game, config.loss) for _ in play(game, lambda: None, config.rounds)]
    critics_move, generators_move = game.moves
    before = looks[-1]
    after_d, after_g = (_after(game, move, config.loss) for move in (critics_move, generators_move))
    turned = math.degrees(math.acos(max(-1.0, min(1.0, float(before.down @ after_d.down)))))
    values: dict[str, Any] = {
        "the landscape changes by": {
            "the critic's move": _changed(before, after_d),
            "the generator's own": _changed(after_d, after_g),
        },
        "degrees that the way down turns by": turned,
        "lowest point before": _lowest(before),
        "lowest point after": _lowest(after_d),
    }
    says = (
        f"The critic's move ({config.k} steps) turns the generator's way down by {turned:.0f} degrees and shifts the "
        "lowest point; the generator's own step changes nothing in the landscape it stands on."
    )
    frames = [lambda figure, look=look, t=t: _single(figure, look, t) for t, look in enumerate([*looks, after_g])]
    return Lab("loss-surface", LECTURE, values, says, lambda f: _draw(f, before, after_d, config), frames, (13.0, 4.4))


def _after(game: Game, move: Move, loss: str) -> Look:
    game.moves = [move]
    for _ in play(game, lambda: None, game.round + 1):
        pass
    return _look(game, loss)


def _look(game: Game, loss: str) -> Look:
    D = game["D"].module
    at = torch.tensor(made(game), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(_cost(D, loss, at[:1], at[1:]).sum(), at)
    with torch.no_grad():
        sigmas, means = torch.meshgrid(SIGMAS, MEANS, indexing="ij")
        surface = _cost(D, loss, means.flatten(), sigmas.flatten()).reshape(means.shape)
    return Look(surface, made(game), -slope / slope.norm())


def _cost(D: nn.Module, loss: str, means: Tensor, sigmas: Tensor) -> Tensor:
    """J of the generators with these means and deviations, (N,), against the critic as it is."""
    x = means[:, None] + sigmas[:, None] * QUANTILES  # (N, 64)
    logits = D(x.reshape(-1, 1)).reshape(x.shape)
    return torch.vmap(ADVERSARIAL[loss].generator)(logits)


def _changed(one: Look, other: Look) -> float:
    return float((one.surface - other.surface).abs().max())


def _lowest(look: Look) -> list[float]:
    row, column = divmod(int(look.surface.argmin()), len(MEANS))
    return [round(float(MEANS[column]), 3), round(float(SIGMAS[row]), 3)]


def _draw(figure: "Figure", before: Look, after: Look, config: Config) -> None:
    left, middle, right = figure.subplots(1, 3, sharey=True)
    _surface(left, before, f"G's landscape after round {config.rounds}")
    _surface(middle, after, f"the same after D's next move (k = {config.k})")
    alone = torch.tensor([[kl(normal(*DATA), normal(float(m), float(s))) for m in MEANS] for s in SIGMAS])
    right.contourf(MEANS, SIGMAS, alone.clamp(max=6), levels=24, cmap="Blues_r", alpha=0.6)
    mark(right, *DATA, "the data")
    tidy(right, "one player alone: KL to the data stays", "mean of G")
    left.set_ylabel("deviation of G", color=INK)
    titles(figure, "The loss surface moves with the opponent (T11)")


def _single(figure: "Figure", look: Look, t: int) -> None:
    _surface(figure.subplots(), look, f"G's landscape after round {t}")


def _surface(axes: "Axes", look: Look, title: str) -> None:
    axes.contourf(MEANS, SIGMAS, look.surface, levels=24, cmap="BuPu_r", alpha=0.5)
    axes.plot([look.at[0]], [look.at[1]], "o", color=FAKE, markersize=8)
    axes.quiver(*look.at, *(0.4 * look.down).tolist(), color=FAKE, angles="xy", scale_units="xy", scale=1, width=0.012)
    mark(axes, *DATA, "the data")
    tidy(axes, title, "mean of G", xlim=(-2.5, 2.5), ylim=(0.15, 2.0))
