"""The Dirac-GAN: data at 0, a generator at theta, a critic D(x) = psi x, and each penalty's way to the equilibrium.

The smallest game in which GAN training can be seen not to converge: unregularised it circles about (0, 0), a WGAN with
clipping never settles, the gradient penalty with target 1 overshoots for ever, while instance noise, R1, R2 and
consensus converge at the rate of their eigenvalues; R1 with gamma = 1 is critical. The settings are those of the
paper's notebook: steps of 0.2, 500 rounds from (1, 1), G before D. D's logit is high on data here, so the paper's psi
is drawn as -psi.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.game import Game
from saddle.theory.dirac import dirac
from saddle.theory.drawing import COLOURS, GREY, mark, tidy, titles
from saddle.theory.field import eigenvalues, measured_spectrum, predicted_rate, trajectory
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T2 C"
SOURCE = "Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406"
PLAYED = ("simultaneous", "alternating")
NO_LINEAR_MAP = ("WGAN, clipped", "WGAN-GP")
"""Those whose field has a corner at the equilibrium or at the bound."""
SMALL = 1e-3
"""Distance from the equilibrium below which the game counts as linear."""
FRAMES = 16


@dataclass(frozen=True)
class Config:
    """The paper's notebook."""

    lr: float = 0.2
    """Step of both players."""
    rounds: int = 500
    """Rounds to play."""
    gamma: float = 0.3
    """Weight of R1 and R2; 1 is critical."""
    dynamics: str = "simultaneous"
    """simultaneous or alternating."""
    k: int = 1
    """Critic steps in a round; more than one with dynamics=alternating."""

    def __post_init__(self) -> None:
        require(0 < self.lr <= 2, "lr", self.lr, "a step size in (0, 2]")
        require(FRAMES <= self.rounds <= 5000, "rounds", self.rounds, f"{FRAMES} to 5000 rounds")
        require(0 <= self.gamma <= 10, "gamma", self.gamma, "a weight from 0 to 10")
        choose(self.dynamics, dict.fromkeys(PLAYED), "dynamics of this lab")
        fits = self.k == 1 or (self.dynamics == "alternating" and 1 < self.k <= 20)
        require(fits, "k", self.k, "1, or with dynamics=alternating up to 20 critic steps")


def run(config: Config) -> Lab:
    """Play each from (1, 1), predict its rate at (0, 0), measure it once it is near."""
    paths: dict[str, Tensor] = {}
    table: dict[str, dict[str, Any]] = {}
    for name, settings in games(config).items():
        path = trajectory(_game(config, settings, 1.0), config.rounds, config.dynamics)
        rates = _predicted(config, settings) if name not in NO_LINEAR_MAP else {"eigenvalue": "none", "predicted": ""}
        paths[name] = path
        table[name] = rates | {"measured": _measured(path), "last distance": float(path[-1].norm())}
    values: dict[str, Any] = {"play": table}
    settled = [name for name, row in table.items() if row["last distance"] < SMALL]
    says = (
        f"After {config.rounds} rounds of {config.lr:g} only {', '.join(settled) or 'none'} came within {SMALL:g} of "
        "the equilibrium; the others circle, stall or are thrown about."
    )
    looks = [round(config.rounds * (i + 1) / FRAMES) for i in range(FRAMES)]
    frames = [lambda figure, t=t: _draw(figure, paths, table, t) for t in looks]
    return Lab("dirac-gan", LECTURE, values, says, lambda f: _draw(f, paths, table), frames, (13.5, 6.0))


def games(config: Config) -> dict[str, dict[str, Any]]:
    """The settings of each game, by the name it has in the pictures."""
    return {
        "GAN": {},
        "NS-GAN": {"loss": "non-saturating"},
        "WGAN, clipped": {"loss": "wasserstein", "clip": 1.0},
        "WGAN-GP": {"loss": "wasserstein", "penalty": "gradient-penalty", "weight": 0.7},
        "instance noise 0.7": {"noise": 0.7},
        f"R1, {config.gamma:g}": {"penalty": "r1", "weight": config.gamma},
        "R1, 1 (critical)": {"penalty": "r1", "weight": 1.0},
        f"R2, {config.gamma:g}": {"penalty": "r2", "weight": config.gamma},
        f"NS-GAN, R1 {config.gamma:g}": {"loss": "non-saturating", "penalty": "r1", "weight": config.gamma},
        "consensus, 1": {"penalty": "consensus", "weight": 1.0},
    }


def _game(config: Config, settings: Mapping[str, Any], start: float) -> Game:
    return dirac(config.lr, theta0=start, psi0=-start, n_critic=config.k, **settings)


def _predicted(config: Config, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The slowest eigenvalue of the ascent field at the equilibrium, and the factor per round it leads to."""
    slowest = max((-eigenvalues(dirac(config.lr, theta0=0.0, psi0=0.0, **settings))).tolist(), key=lambda v: v.real)
    at = torch.zeros(2, dtype=torch.float64)
    rate = predicted_rate(_game(config, settings, 0.0), config.dynamics, at)
    return {"eigenvalue": f"{slowest.real:.3f} +- {abs(slowest.imag):.3f}i", "predicted": rate}


def _measured(path: Tensor) -> float | str:
    """Factor per round where the game is linear: near the equilibrium, yet above what float64 can tell from it."""
    distance = path.norm(dim=1)
    near = path[(distance < SMALL) & (distance > 1e-30)]
    return float(measured_spectrum(near[:60]).abs().max()) if len(near) > 12 else ""


def _draw(
    figure: "Figure", paths: Mapping[str, Tensor], table: Mapping[str, Mapping[str, Any]], until: int | None = None
) -> None:
    t = torch.linspace(0, 2 * math.pi, 100)
    grid = figure.subplots(2, 5, sharex=True, sharey=True)
    for axes, (name, path) in zip(grid.flat, paths.items(), strict=True):
        seen = path[: None if until is None else until + 1]
        axes.plot(math.sqrt(2) * t.cos(), math.sqrt(2) * t.sin(), color=GREY, linewidth=0.6, linestyle=":")
        converges = table[name]["last distance"] < SMALL
        axes.plot(seen[:, 0], -seen[:, 1], color=COLOURS[3] if converges else COLOURS[4], linewidth=1)
        axes.plot(seen[-1:, 0], -seen[-1:, 1], "o", color=COLOURS[3] if converges else COLOURS[4], markersize=4)
        mark(axes, 0, 0)
        distance = float(seen[-1].norm())
        tidy(axes, f"{name}\ndistance {distance:.2g}", aspect="equal", xlim=(-2.4, 2.4), ylim=(-2.4, 2.4))
    for axes in grid[1]:
        axes.set_xlabel("theta")
    for axes in grid[:, 0]:
        axes.set_ylabel("-psi")
    titles(figure, "The Dirac-GAN: who reaches the equilibrium (green), who does not (red)")
