"""The best discriminator D* = p/(p + q), and the value of the game against it, 2 JSD(p, q) - log 4.

Left, two densities and D* between them: above 1/2 exactly where the data are denser. Right, C(G) = V(D*, G) as q moves
away: least at q = p, where it is -log 4, and 0 for distributions that have nothing in common. The dots are V of other
discriminators, whose logit is D*'s times a factor or plus a constant: none is above the curve. Everything is
quadrature, with error estimates.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from saddle.config import require
from saddle.theory.critics import criterion, optimal_discriminator, optimal_logit, value_function
from saddle.theory.drawing import CRITIC, FAKE, GREY, REAL, legend, mark, tidy, titles
from saddle.theory.gaussians import Gaussian, normal
from saddle.theory.lab import Lab
from saddle.theory.quadrature import js

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T4"
SOURCE = "Goodfellow et al. 2014, arXiv:1406.2661, proposition 1 and theorem 1"
OTHERS = {"logit halved": (0.5, 0.0), "logit doubled": (2.0, 0.0), "logit + 1": (1.0, 1.0), "D = 1/2": (0.0, 0.0)}
"""Discriminators that are not the best: factor and constant on the best one's logit."""


@dataclass(frozen=True)
class Config:
    """Data N(0, 1), and what the generator makes."""

    mean: float = 2.0
    """Mean of q."""
    sigma: float = 1.5
    """Standard deviation of q."""

    def __post_init__(self) -> None:
        require(abs(self.mean) <= 50, "mean", self.mean, "a mean within 50 of the data's")
        require(0.05 <= self.sigma <= 20, "sigma", self.sigma, "a standard deviation from 0.05 to 20")


def run(config: Config) -> Lab:
    """D*, C(G), and what other discriminators reach."""
    p, q = normal(0.0, 1.0), normal(config.mean, config.sigma)
    best = criterion(p, q)
    reached = value_function(p, q, optimal_logit(p, q))
    values: dict[str, Any] = {
        "C(G) = 2 JSD - log 4": best.value,
        "V(D*, G)": reached.value,
        "JSD(p, q)": js(p, q).value,
        "error estimate": best.error + reached.error,
        "C at q = p": criterion(p, p).value,
        "V(D, G)": {name: _value(p, q, *change) for name, change in OTHERS.items()},
    }
    says = (
        f"No discriminator is worth more than D* = p/(p+q): V(D*, G) = {reached.value:.6f} = 2 JSD - log 4, and the "
        f"best of the others here has {max(_value(p, q, *change) for change in OTHERS.values()):.6f}. At q = p it is "
        f"-log 4 = {-math.log(4):.6f}."
    )
    return Lab("optimal-discriminator", LECTURE, values, says, lambda figure: _draw(figure, config), size=(11.0, 4.6))


def _value(p: Gaussian, q: Gaussian, factor: float, constant: float) -> float:
    logit = optimal_logit(p, q)
    return value_function(p, q, lambda x: factor * logit(x) + constant).value


def _draw(figure: "Figure", config: Config) -> None:
    left, right = figure.subplots(1, 2)
    p, q = normal(0.0, 1.0), normal(config.mean, config.sigma)
    reach = 3.5 * max(1.0, config.sigma)
    x = torch.linspace(min(-3.5, config.mean - reach), max(3.5, config.mean + reach), 600, dtype=torch.float64)[:, None]
    left.fill_between(x[:, 0], p.log_density(x).exp(), color=REAL, alpha=0.35, linewidth=0, label="p, data")
    left.fill_between(x[:, 0], q.log_density(x).exp(), color=FAKE, alpha=0.35, linewidth=0, label="q, generated")
    left.plot(x[:, 0], optimal_discriminator(p, q)(x), color=CRITIC, linewidth=2, label="D* = p/(p + q)")
    left.axhline(0.5, color=GREY, linewidth=0.7, linestyle=":")
    tidy(left, "the best discriminator", "x", ylim=(0, 1.25))
    legend(left, "upper left", ncols=3)
    shifts = torch.linspace(-8, 8, 41, dtype=torch.float64).tolist()
    curve = [criterion(p, normal(m, config.sigma), 1e-6).value for m in shifts]
    right.plot(shifts, curve, color=CRITIC, linewidth=2, label=f"C(G), sigma = {config.sigma:g}")
    if config.sigma != 1:
        equal = [criterion(p, normal(m, 1.0), 1e-6).value for m in shifts]
        right.plot(shifts, equal, color=CRITIC, linewidth=1, linestyle="--", label="C(G), sigma = 1")
    for (name, change), marker in zip(OTHERS.items(), "osv^", strict=True):
        right.plot(
            [config.mean], [_value(p, q, *change)], marker=marker, color=FAKE, linestyle="none", label=f"V, {name}"
        )
    mark(right, 0, -math.log(4), "-log 4 at q = p", xytext=(-30, -14))
    right.axhline(0, color=GREY, linewidth=0.7)
    tidy(right, "the value of the game", "mean of q", "nats", ylim=(-1.75, 0.35), xlim=(-8, 8))
    legend(right, "lower left", fontsize=8)
    titles(figure, "The best discriminator (T4)")
