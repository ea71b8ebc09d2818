"""Two time scales: f(x, y) = (1 + x^2)(100 - y^2) with steps of its own for each player.

x minimises, y maximises, both start near the saddle (0, 0). The game is played simultaneously with the four pairs of
steps of Heusel et al.: with 0.01 for both they oscillate, with a small step for x and a hundred times larger one for y
they arrive, with the roles exchanged they do not. Without noise by default, so that the numbers are exact; the paper
adds N(0, 1) to each gradient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saddle.config import require
from saddle.theory.drawing import COLOURS, legend, mark, tidy, titles
from saddle.theory.field import trajectory
from saddle.theory.games import two_time_scales
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "O8 C"
SOURCE = "Heusel et al. 2017, arXiv:1706.08500, figure 2"
START = (0.5, -0.4)


@dataclass(frozen=True)
class Config:
    """The steps."""

    fast: float = 0.01
    """The large step."""
    slow: float = 1e-4
    """The small step."""
    rounds: int = 5000
    """Rounds to play."""
    noise: float = 0.0
    """Standard deviation of the noise on each gradient; 1 in the paper."""
    seed: int = 0
    """Seed of the noise."""

    def __post_init__(self) -> None:
        for name in ("fast", "slow"):
            require(0 < getattr(self, name) <= 0.02, name, getattr(self, name), "a step size in (0, 0.02]")
        require(1 <= self.rounds <= 20_000, "rounds", self.rounds, "1 to 20000")
        require(0 <= self.noise <= 10, "noise", self.noise, "a standard deviation from 0 to 10")


def run(config: Config) -> Lab:
    """Play the four pairs."""
    between = (config.fast * config.slow) ** 0.5
    pairs = [(config.fast, config.fast), (between, between), (config.slow, config.fast), (config.fast, config.slow)]
    paths = {f"x {x:.2g}, y {y:.2g}": _path(config, x, y) for x, y in pairs}
    ends = {name: float(path[-1].norm()) for name, path in paths.items()}
    best = min(ends, key=lambda name: ends[name])
    says = f"After {config.rounds} rounds the pair {best} is nearest to the saddle, {ends[best]:.2g} away."
    return Lab("two-time-scales", LECTURE, {"last distance": ends}, says, lambda f: _draw(f, paths), size=(12.0, 5.0))


def _path(config: Config, lr_x: float, lr_y: float) -> Tensor:
    game = two_time_scales(lr_x, lr_y, *START, config.noise).seed(config.seed)
    return trajectory(game, config.rounds, "simultaneous")


def _draw(figure: "Figure", paths: Mapping[str, Tensor]) -> None:
    left, right = figure.subplots(1, 2)
    y, x = torch.meshgrid(torch.linspace(-0.6, 0.3, 80), torch.linspace(-0.6, 0.6, 80), indexing="ij")
    left.contour(x[0], y[:, 0], (1 + x**2) * (100 - y**2), levels=14, colors="#c9c9c9", linewidths=0.7)
    for (name, path), colour in zip(paths.items(), (COLOURS[4], COLOURS[0], COLOURS[3], COLOURS[6]), strict=True):
        left.plot(path[:400, 0], path[:400, 1], ".", color=colour, markersize=3, alpha=0.85)
        distance = path.norm(dim=1)
        right.plot(distance[distance > 1e-12], color=colour, linewidth=1.6, label=name)
    mark(left, 0, 0)
    tidy(left, "the first 400 rounds, over f", "x", "y", xlim=(-0.6, 0.6), ylim=(-0.5, 0.2))
    tidy(right, "distance to the saddle", "round", yscale="log", ylim=(1e-12, 3))
    legend(right, "lower right", title="steps")
    titles(figure, "Two time scales")
