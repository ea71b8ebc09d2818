"""f(x, y) = xy under every way of playing: out, round, or in, each at the rate that its eigenvalues say.

x steps down xy and y steps up. The field turns about the saddle (0, 0), the Nash equilibrium: its eigenvalues are +-i.
Simultaneous steps spiral out by sqrt(1 + lr^2) a round, alternating ones stay on an ellipse, extragradient, optimism,
consensus and alternating with negative momentum spiral in; infinitesimal steps would circle. The measured factor is the
largest eigenvalue of the linear map that the played path follows, the predicted one comes from the field's Jacobian.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.game import DYNAMICS
from saddle.theory.drawing import DYNAMICS_COLOURS, GREY, INK, legend, mark, tidy, titles
from saddle.theory.field import eigenvalues, measured_spectrum, predicted_rate, trajectory
from saddle.theory.games import bilinear
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LECTURE = "T2"
SOURCE = "Goodfellow 2016, arXiv:1701.00160, section 8.1; Gidel et al. 2019, arXiv:1802.10551 and 1807.04740"
MOMENTUM = "negative momentum"
MEMORY = {"optimistic": 2, MOMENTUM: 2}
"""Rounds that make a state, where it is more than one."""
FRAMES = 16


@dataclass(frozen=True)
class Config:
    """The step, the start, and how long to play."""

    lr: float = 0.1
    """Step of both players; the lecture's figure has 0.1."""
    rounds: int = 120
    """Rounds to play."""
    x0: float = 1.0
    """Where x starts."""
    y0: float = 0.0
    """Where y starts."""
    gamma: float = 1.0
    """Weight of the joint gradient's norm in consensus."""
    beta: float = -0.5
    """Momentum of the last panel, which alternates."""

    def __post_init__(self) -> None:
        require(0 < self.lr <= 2, "lr", self.lr, "a step size in (0, 2]")
        require(10 <= self.rounds <= 5000, "rounds", self.rounds, "10 to 5000 rounds")
        require(math.hypot(self.x0, self.y0) > 0, "start", (self.x0, self.y0), "a start away from the saddle (0, 0)")
        require(self.gamma >= 0, "gamma", self.gamma, "0 or more")
        require(-1 < self.beta < 1, "beta", self.beta, "a momentum in (-1, 1)")


def run(config: Config) -> Lab:
    """Play all, measure all."""
    paths, rates = {}, {}
    for name in [*DYNAMICS, MOMENTUM]:
        dynamics, beta = ("alternating", config.beta) if name == MOMENTUM else (name, 0.0)
        game = bilinear(config.lr, config.x0, config.y0, beta)
        predicted = predicted_rate(game, dynamics, torch.zeros(2, dtype=torch.float64), config.gamma)
        paths[name] = trajectory(game, config.rounds, dynamics, config.gamma)
        measured = float(measured_spectrum(paths[name], delays=MEMORY.get(name, 1)).abs().max())
        distance = torch.linalg.vector_norm(paths[name][-1]).item()
        rates[name] = {"predicted": predicted, "measured": measured, "last distance": distance}
    turning = eigenvalues(bilinear(config.lr))
    values: dict[str, Any] = {
        "factor per round": rates,
        "eigenvalues of the field": [f"{complex(value):.3g}" for value in turning.tolist()],
        "largest error": max(abs(row["predicted"] - row["measured"]) for row in rates.values()),
    }
    out = [name for name, row in rates.items() if row["predicted"] > 1 + 1e-9]
    says = (
        f"With steps of {config.lr:g} these spiral out: {', '.join(out) or 'none'}. Measured and predicted factors "
        f"agree to {values['largest error']:.1e}."
    )
    looks = [round(config.rounds * (i + 1) / FRAMES) for i in range(FRAMES)]
    frames = [lambda figure, t=t: _draw(figure, paths, rates, config, t) for t in looks]
    return Lab("bilinear", LECTURE, values, says, lambda f: _draw(f, paths, rates, config), frames, (13.0, 6.2))


def _draw(
    figure: "Figure",
    paths: Mapping[str, Tensor],
    rates: Mapping[str, Mapping[str, float]],
    config: Config,
    until: int | None = None,
) -> None:
    until = config.rounds if until is None else until
    grid = figure.add_gridspec(2, 4, width_ratios=(1, 1, 1, 1.35))
    for place, (name, path) in enumerate(paths.items()):
        axes = figure.add_subplot(grid[place // 3, place % 3])
        _portrait(axes, path[: until + 1], DYNAMICS_COLOURS[name], 1.9 * math.hypot(config.x0, config.y0))
        tidy(axes, f"{name}\nfactor {rates[name]['predicted']:.4f} a round", aspect="equal")
    axes = figure.add_subplot(grid[:, 3])
    for name, path in paths.items():
        distance = torch.linalg.vector_norm(path, dim=1)
        axes.plot(distance[: until + 1], color=DYNAMICS_COLOURS[name], linewidth=2, label=name)
        t = torch.arange(config.rounds + 1)
        line = distance[0] * rates[name]["predicted"] ** t
        axes.plot(t, line, color=INK, linewidth=0.9, linestyle=(0, (2, 3)))
    axes.plot([], [], color=INK, linewidth=0.9, linestyle=(0, (2, 3)), label="predicted")
    tidy(axes, "distance to the saddle", "round", yscale="log", xlim=(0, config.rounds))
    axes.set_ylim(bottom=0.02 * float(distance[0]))
    legend(axes, "lower right")
    titles(figure, f"min over x, max over y of xy, steps of {config.lr:g} (T2)")


def _portrait(axes: "Axes", path: Tensor, colour: str, reach: float) -> None:
    """The path over the field that pushes the players, v = (-y, x)."""
    ticks = torch.linspace(-0.92 * reach, 0.92 * reach, 9)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    axes.quiver(x, y, -y, x, color=GREY, alpha=0.75, width=0.005)
    axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.4, marker=".", markersize=3)
    axes.plot(path[:1, 0], path[:1, 1], marker="o", color=colour, markersize=6)
    mark(axes, 0, 0)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
