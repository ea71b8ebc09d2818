"""JS(p, q) while q's mean moves from 0 to 30: it saturates and its gradient vanishes, Wasserstein's does not.

p = N(0, sigma^2), q = N(m, sigma^2), as in the lecture's figure. JS comes from quadrature and its slope from central
differences of it; KL = m^2 / (2 sigma^2) and W1 = m are closed forms beside what quadrature finds. A generator that
minimises JS from far away stands on a plateau at log 2.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from saddle.config import require
from saddle.theory.drawing import COLOURS, FAKE, GREY, INK, REAL, legend, tidy, titles
from saddle.theory.gaussians import kl, normal
from saddle.theory.lab import Lab
from saddle.theory.quadrature import js
from saddle.theory.transport import wasserstein_densities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T6"
SOURCE = "Arjovsky and Bottou 2017, arXiv:1701.04862; Hui 2018"
STEP = 0.05
"""Half the distance of the central differences, in deviations."""


@dataclass(frozen=True)
class Config:
    """The two Gaussians and how far the second one goes."""

    furthest: float = 30.0
    """Last mean of q."""
    sigma: float = 2.5
    """Standard deviation of both."""
    points: int = 31
    """Means looked at."""

    def __post_init__(self) -> None:
        require(0 < self.furthest <= 1000, "furthest", self.furthest, "a mean in (0, 1000]")
        require(0.1 <= self.sigma <= 100, "sigma", self.sigma, "a standard deviation from 0.1 to 100")
        require(3 <= self.points <= 200, "points", self.points, "3 to 200 means")


def run(config: Config) -> Lab:
    """JS, its slope, KL and W1 over the shift."""
    means = torch.linspace(0, config.furthest, config.points, dtype=torch.float64).tolist()
    p, h = normal(0.0, config.sigma), STEP * config.sigma
    divergence = [_js(m, config.sigma) for m in means]
    slopes = [(_js(m + h, config.sigma) - _js(m - h, config.sigma)) / (2 * h) for m in means]
    work = [wasserstein_densities(p, normal(m, config.sigma)).value for m in means]
    values = {
        "mean of q": means,
        "JS": divergence,
        "slope of JS": slopes,
        "W1": work,
        "KL": [kl(p, normal(m, config.sigma)) for m in means],
        "JS at the end": divergence[-1],
        "slope of JS at the end": slopes[-1],
        "slope of W1 at the end": (work[-1] - work[-2]) / (means[-1] - means[-2]),
        "log 2": math.log(2),
    }
    says = (
        f"At a mean of {config.furthest:g} JS is {math.log(2) - divergence[-1]:.1e} below log 2 and its slope is "
        f"{slopes[-1]:.1e}: nothing left to descend. The slope of W1 is {values['slope of W1 at the end']:.6f} all "
        "the way."
    )
    return Lab("js-vanishing", LECTURE, values, says, lambda figure: _draw(figure, values, config), size=(11.0, 5.6))


def _js(mean: float, sigma: float) -> float:
    return js(normal(0.0, sigma), normal(mean, sigma)).value


def _draw(figure: "Figure", values: dict[str, list[float]], config: Config) -> None:
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.6))
    top = figure.add_subplot(grid[0, :])
    x = torch.linspace(-3 * config.sigma, config.furthest + 3 * config.sigma, 800, dtype=torch.float64)[:, None]
    peak = 1 / (config.sigma * math.sqrt(2 * math.pi))
    for share, name in ((0.0, "q0"), (1 / 3, "q1"), (2 / 3, "q2"), (1.0, "q3")):
        mean = share * config.furthest
        top.plot(x[:, 0], normal(mean, config.sigma).log_density(x).exp(), color=FAKE, linewidth=1.5)
        top.text(mean, 1.06 * peak, name, color=FAKE, ha="center", fontsize=9)
    top.fill_between(x[:, 0], normal(0.0, config.sigma).log_density(x).exp(), color=REAL, alpha=0.35, linewidth=0)
    top.text(-1.2 * config.sigma, 0.75 * peak, "p", color=REAL, ha="right", fontsize=11)
    tidy(top, "q moves away from p", ylim=(0, 1.3 * peak), yticks=[])
    left, right = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    means = values["mean of q"]
    left.plot(means, values["JS"], color=COLOURS[0], linewidth=2, label="JS(p, q)")
    left.axhline(math.log(2), color=GREY, linewidth=0.8, linestyle=":")
    left.text(0, math.log(2) * 1.02, "log 2", color=INK, fontsize=8.5, va="bottom")
    tidy(left, "the divergence saturates", "mean of q", "nats", ylim=(0, 0.8))
    right.plot(means[1:], values["slope of JS"][1:], color=COLOURS[0], linewidth=2, label="d JS / d mean")
    right.plot(means, [1.0] * len(means), color=COLOURS[3], linewidth=2, label="d W1 / d mean")
    tidy(right, "what is left to descend", "mean of q", "slope", yscale="log", ylim=(1e-12, 10), xlim=left.get_xlim())
    legend(right, "lower left")
    titles(figure, "JS vanishes where W1 does not (T6)")
