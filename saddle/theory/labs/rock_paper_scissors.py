"""Rock, paper, scissors: the never-ending cycle of best answers, and of gradient play about a third each.

Against a pure choice the best answer is the next in the circle, for ever. Played with mixed strategies (softmax of
three logits each) the game has one equilibrium, a third each, and its field only turns there. Simultaneous gradient
steps spiral out to the edge of the triangle, alternating ones circle, extragradient, optimism and consensus find the
middle. Paths of the first player's strategy in the triangle of all strategies; the factor per round is measured on
plays that start next to the equilibrium, where the game is nearly linear.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.game import DYNAMICS, choose_dynamics, play
from saddle.theory.drawing import DYNAMICS_COLOURS, GREY, INK, mark, tidy, titles
from saddle.theory.field import measured_spectrum, predicted_rate, trajectory
from saddle.theory.games import rock_paper_scissors, strategies
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LECTURE = "T2"
SOURCE = "von Neumann 1928; lecture 000, cycles"
CHOICES = ("rock", "paper", "scissors")
CORNERS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]], dtype=torch.float64)
MIDDLE = [1 / 3] * 3
NEAR = [1 / 3 + 1e-6, 1 / 3, 1 / 3 - 1e-6]
FRAMES = 16


@dataclass(frozen=True)
class Config:
    """The step and how long to play."""

    lr: float = 0.6
    """Step of both players, in logits."""
    rounds: int = 400
    """Rounds to play."""
    gamma: float = 4.0
    """Weight of the joint gradient's norm in consensus."""

    def __post_init__(self) -> None:
        require(0 < self.lr <= 5, "lr", self.lr, "a step size in (0, 5]")
        require(FRAMES <= self.rounds <= 5000, "rounds", self.rounds, f"{FRAMES} to 5000 rounds")
        require(0 <= self.gamma <= 100, "gamma", self.gamma, "0 to 100")


def run(config: Config) -> Lab:
    """Play all, measure all near the equilibrium."""
    paths, rates = {}, {}
    for name in DYNAMICS:
        paths[name] = _path(config, name)
        at = trajectory(rock_paper_scissors(config.lr, MIDDLE, MIDDLE), 0)[0]
        near = trajectory(rock_paper_scissors(config.lr, NEAR, MIDDLE), 80, name, config.gamma) - at
        memory = 2 if name == "optimistic" else 1
        rates[name] = {
            "predicted": predicted_rate(rock_paper_scissors(config.lr), name, at, config.gamma),
            "measured": float(measured_spectrum(near, delays=memory).abs().max()),
            "distance at first": _away(paths[name][0]),
            "and at last": _away(paths[name][-1]),
        }
    answers = list(islice(_best_answers(0), 7))
    values: dict[str, Any] = {"factor per round": rates, "best answers": " -> ".join(CHOICES[i] for i in answers)}
    near_middle = [name for name, row in rates.items() if row["and at last"] < row["distance at first"] / 10]
    says = (
        f"Pure play never ends: {values['best answers']} ... Mixed play is drawn to a third each by "
        f"{', '.join(near_middle) or 'none of the dynamics'} only."
    )
    looks = [round(config.rounds * (i + 1) / FRAMES) for i in range(FRAMES)]
    frames = [lambda figure, t=t: _draw(figure, paths, rates, t) for t in looks]
    return Lab("rock-paper-scissors", LECTURE, values, says, lambda f: _draw(f, paths, rates), frames, (13.0, 3.8))


def _path(config: Config, dynamics: str) -> Tensor:
    """The first player's strategy, (rounds + 1, 3)."""
    game = rock_paper_scissors(config.lr)
    step = choose_dynamics(dynamics, config.gamma)
    start = strategies(game)["x"]
    return torch.stack([start, *(strategies(game)["x"] for _ in play(game, lambda: None, config.rounds, step))])


def _best_answers(choice: int) -> Iterator[int]:
    while True:
        yield choice
        choice = (choice + 1) % 3


def _away(p: Tensor) -> float:
    return float((p - 1 / 3).norm())


def _draw(
    figure: "Figure", paths: Mapping[str, Tensor], rates: Mapping[str, Mapping[str, float]], until: int | None = None
) -> None:
    for axes, (name, path) in zip(figure.subplots(1, len(paths)), paths.items(), strict=True):
        _triangle(axes)
        points = (path @ CORNERS)[: None if until is None else until + 1]
        axes.plot(points[:, 0], points[:, 1], color=DYNAMICS_COLOURS[name], linewidth=1.1)
        axes.plot(points[:1, 0], points[:1, 1], "o", color=DYNAMICS_COLOURS[name], markersize=6)
        tidy(axes, f"{name}\nfactor {rates[name]['predicted']:.4f} a round", aspect="equal")
        axes.set(xticks=[], yticks=[], xlim=(-0.15, 1.15), ylim=(-0.15, 1.02))
        axes.spines[:].set_visible(False)
    titles(figure, "Rock, paper, scissors: one player's strategy (T2)")


def _triangle(axes: "Axes") -> None:
    ring = torch.cat([CORNERS, CORNERS[:1]])
    axes.plot(ring[:, 0], ring[:, 1], color=GREY, linewidth=1)
    for corner, name, place in zip(CORNERS.tolist(), CHOICES, ((0, -0.1), (0, -0.1), (0, 0.03)), strict=True):
        axes.text(corner[0] + place[0], corner[1] + place[1], name, ha="center", fontsize=9, color=INK)
    mark(axes, *(torch.tensor(MIDDLE, dtype=torch.float64) @ CORNERS).tolist())
