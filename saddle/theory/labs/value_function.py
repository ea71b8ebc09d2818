"""The value function V(D, G) and Algorithm 1: k steps up in D, one step down in G, each while the other is frozen.

Data N(0, 1), G(z) = z + theta, D(x) = sigmoid(w x): one number a player, so that all of V can be drawn. The saddle is
theta = w = 0, where D answers 1/2 everywhere and V = -log 4. Paths of Algorithm 1 with k = 1 and with the k asked for;
the lines that go up are D's steps, the level ones G's. Expectations are means over 256 quantiles, so that no chance is
in it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, Terms, alternating, make_optimizer, play
from saddle.objectives import minimax_critic, minimax_generator
from saddle.theory.critics import value_function
from saddle.theory.drawing import COLOURS, legend, mark, tidy, titles
from saddle.theory.field import point, predicted_rate
from saddle.theory.games import Vector
from saddle.theory.gaussians import normal
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T1"
SOURCE = "Goodfellow et al. 2014, arXiv:1406.2661, eq. 1 and algorithm 1"
START = (2.0, 0.5)
QUANTILES = torch.special.ndtri((torch.arange(256, dtype=torch.float64) + 0.5) / 256)[:, None]


@dataclass(frozen=True)
class Config:
    """The steps and how long to play."""

    lr: float = 0.3
    """Step of both players."""
    k: int = 5
    """Critic steps per generator step, drawn beside k = 1."""
    rounds: int = 60
    """Rounds to play."""

    def __post_init__(self) -> None:
        require(0 < self.lr <= 2, "lr", self.lr, "a step size in (0, 2]")
        require(1 <= self.k <= 50, "k", self.k, "1 to 50 critic steps")
        require(5 <= self.rounds <= 1000, "rounds", self.rounds, "5 to 1000 rounds")


def run(config: Config) -> Lab:
    """Play Algorithm 1 twice, and see that each player stands still while the other moves."""
    paths = {f"k = {k}": _path(config, k) for k in dict.fromkeys((1, config.k))}
    table: dict[str, Any] = {}
    for name, path in paths.items():
        theta, w = path[-1].tolist()
        k = int(name.split()[-1])
        rate = predicted_rate(algorithm_1(config.lr, k), "alternating", torch.zeros(2, dtype=torch.float64))
        table[name] = {
            "V at last": value(theta, w),
            "distance at last": math.hypot(theta, w),
            "factor per round": rate,
            "theta moved in D's steps by": _moved(path, k, 0),
            "w moved in G's steps by": _moved(path, k, 1),
        }
    values: dict[str, Any] = {"Algorithm 1": table, "V at the start": value(*START), "V at the saddle": value(0.0, 0.0)}
    says = (
        f"At the saddle V = {values['V at the saddle']:.6f}, which is -log 4. While one player steps the other does "
        "not move at all; that is why D's steps are upright lines and G's are level."
    )
    return Lab("value-function", LECTURE, values, says, lambda f: _draw(f, paths), size=(11.5, 5.0))


def value(theta: float, w: float) -> float:
    """V by quadrature."""
    return value_function(normal(0.0), normal(theta), lambda x: w * x[:, 0]).value


def algorithm_1(lr: float, k: int, after: Callable[[Terms], None] | None = None) -> Game:
    """Players G (theta) and D (w); D's k ascending steps on V, then G's descending one, each told to ``after``."""
    G, D = Vector(START[0]), Vector(START[1])

    def ascend(batch: Batch, rng: torch.Generator) -> Terms:
        return minimax_critic(D.value * QUANTILES, D.value * (QUANTILES + G.value))  # their sum is -V

    def descend(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": minimax_generator(D.value * (QUANTILES + G.value))}

    players = [Player(name, module, _sgd(module, lr)) for name, module in (("G", G), ("D", D))]
    return Game(players, [Move("D", ascend, repeats=k, after=after), Move("G", descend, after=after)])


def _sgd(module: nn.Module, lr: float) -> torch.optim.Optimizer:
    return make_optimizer("sgd", module, lr, 0.0)


def _path(config: Config, k: int) -> Tensor:
    """(theta, w) before the first and after every single step, (rounds (k + 1) + 1, 2)."""
    path = [torch.tensor(START, dtype=torch.float64)]
    game = algorithm_1(config.lr, k, after=lambda terms: path.append(point(game)))
    for _ in play(game, lambda: None, config.rounds, alternating):
        pass
    return torch.stack(path)


def _moved(path: Tensor, k: int, column: int) -> float:
    """How far the player in this column went during the other's steps: the last of each k + 1 is G's."""
    steps = path.diff(dim=0)[:, column].abs().reshape(-1, k + 1)
    return float(steps[:, :k].max() if column == 0 else steps[:, k].max())


def _draw(figure: "Figure", paths: Mapping[str, Tensor]) -> None:
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": (1.3, 1)})
    w, theta = torch.meshgrid(torch.linspace(-1.6, 0.8, 70), torch.linspace(-1.5, 2.5, 70), indexing="ij")
    logits = w[..., None] * QUANTILES[:, 0], w[..., None] * (QUANTILES[:, 0] + theta[..., None])
    V = -torch.nn.functional.softplus(-logits[0]).mean(-1) - torch.nn.functional.softplus(logits[1]).mean(-1)
    shown = left.contourf(theta[0], w[:, 0], V, levels=24, cmap="BuPu_r", alpha=0.55)
    figure.colorbar(shown, ax=left, label="V(D, G)", shrink=0.85)
    for (name, path), colour in zip(paths.items(), (COLOURS[1], COLOURS[3]), strict=False):
        left.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.4, label=name)
        k = int(name.split()[-1])
        rounds = path[:: k + 1]
        right.plot(rounds.norm(dim=1), color=colour, linewidth=1.8, label=name)
    mark(left, 0, 0, "saddle, V = -log 4", xytext=(8, -16))
    tidy(
        left,
        "one number a player",
        "theta: G(z) = z + theta",
        "w: D(x) = sigmoid(w x)",
        xlim=(-1.5, 2.5),
        ylim=(-1.6, 0.8),
    )
    tidy(right, "distance to the saddle", "round", yscale="log")
    legend(left, "upper left")
    legend(right, "lower left")
    titles(figure, "The value function and Algorithm 1 (T1)")
