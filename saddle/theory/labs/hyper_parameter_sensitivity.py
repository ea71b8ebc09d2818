"""Challenge 5, sensitivity to hyper-parameters: which pairs of step sizes find the data, without and with remedies.

Each cell is a whole play with one step for the generator and one for the critic, coloured by how far from the data N(4,
1/4) it gets in its last quarter (W2, closed form). The minimax game finds the data for hardly any pair. With instance
noise, under which the two distributions always overlap, many pairs do, and more with the non-saturating cost.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.game import NonFinite, play
from saddle.theory.drawing import INK, tidy, titles
from saddle.theory.gaussian_gan import gaussian_gan, made
from saddle.theory.gaussians import normal, w2
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "C"
SOURCE = "Lucic et al. 2018, arXiv:1711.10337; Sonderby et al. 2017, arXiv:1610.04490"
MEAN, SIGMA = 4.0, 0.5
GENERATOR = (0.05, 0.15, 0.5, 1.5)
CRITIC = (0.01, 0.05, 0.2, 1.0)


@dataclass(frozen=True)
class Config:
    """The play in each cell."""

    rounds: int = 160
    """Rounds to play."""
    noise: float = 2.0
    """Standard deviation of the remedy's instance noise."""
    found: float = 0.5
    """Distance from the data, in W2, within which they count as found."""

    def __post_init__(self) -> None:
        require(10 <= self.rounds <= 2000, "rounds", self.rounds, "10 to 2000 rounds")
        require(0 < self.noise <= 20, "noise", self.noise, "a standard deviation in (0, 20]")
        require(0 < self.found <= 4, "found", self.found, "a distance in (0, 4]")


def run(config: Config) -> Lab:
    """A grid without a remedy, two with."""
    games: dict[str, dict[str, Any]] = {
        "minimax": {"loss": "minimax"},
        f"minimax, instance noise {config.noise:g}": {"loss": "minimax", "noise": config.noise},
        f"non-saturating, instance noise {config.noise:g}": {"loss": "non-saturating", "noise": config.noise},
    }
    grids = {name: _grid(config, settings) for name, settings in games.items()}
    pairs = len(GENERATOR) * len(CRITIC)
    table = {
        name: {"pairs that find the data": int((grid <= config.found).sum()), "median distance": float(grid.median())}
        for name, grid in grids.items()
    }
    values: dict[str, Any] = {"game": table, "pairs": pairs}
    first, *cured = (row["pairs that find the data"] for row in table.values())
    says = (
        f"Of {pairs} pairs of step sizes {first} stay within {config.found:g} of the data in the minimax game; "
        f"{cured[0]} with instance noise, {cured[1]} with the non-saturating cost too."
    )
    return Lab("hyper-parameter-sensitivity", LECTURE, values, says, lambda f: _draw(f, grids), size=(13.0, 4.6))


def _grid(config: Config, settings: dict[str, Any]) -> Tensor:
    """The worst W2 to the data in each play's last quarter, (generator's steps, critic's steps)."""
    return torch.tensor([[_worst(config, g, d, settings) for d in CRITIC] for g in GENERATOR], dtype=torch.float64)


def _worst(config: Config, lr_generator: float, lr_critic: float, settings: dict[str, Any]) -> float:
    game = gaussian_gan(MEAN, SIGMA, (0.0, SIGMA), lr_generator=lr_generator, lr_critic=lr_critic, **settings)
    data, worst = normal(MEAN, SIGMA), 0.0
    try:
        for report in play(game, lambda: None, config.rounds):
            mean, sigma = made(game)
            if sigma > 1e6:
                return math.inf
            if 4 * report.round > 3 * config.rounds:
                worst = max(worst, w2(data, normal(mean, max(sigma, 1e-6))))
    except NonFinite:
        return math.inf
    return worst


def _draw(figure: "Figure", grids: dict[str, Tensor]) -> None:
    three = figure.subplots(1, 3)
    for axes, (name, grid) in zip(three, grids.items(), strict=True):
        shown = axes.imshow(grid.clamp(max=4).numpy(), cmap="RdYlGn_r", vmin=0, vmax=4, origin="lower", alpha=0.8)
        for row, column in torch.cartesian_prod(torch.arange(len(GENERATOR)), torch.arange(len(CRITIC))).tolist():
            value = float(grid[row, column])
            text = f"{value:.2f}" if value < 10 else "lost"
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=INK)
        tidy(axes, name, "step of the critic", "step of the generator")
        axes.set_xticks(range(len(CRITIC)), [f"{lr:g}" for lr in CRITIC])
        axes.set_yticks(range(len(GENERATOR)), [f"{lr:g}" for lr in GENERATOR])
    figure.colorbar(shown, ax=three, label="worst W2 to the data, last quarter", shrink=0.8)
    titles(figure, "Sensitivity to step sizes, and its cure (C)")
