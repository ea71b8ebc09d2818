"""Disjoint supports: KL infinite, JS stuck at log 2, Wasserstein-1 still the distance to go.

p is uniform on [0, width], q the same moved by theta. As soon as q has mass where p has none KL(q || p) is infinite,
and once the supports are disjoint JS is log 2 whatever the distance; W1 is theta, with slope 1. Computed twice: on the
densities by quadrature, and on histograms by the linear programme of lecture 003, min sum P_ij |i - j|.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saddle.config import require
from saddle.theory.drawing import COLOURS, GREY, INK, legend, tidy, titles
from saddle.theory.lab import Lab
from saddle.theory.quadrature import divergence, js, uniform
from saddle.theory.transport import distances, optimal_transport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T12"
SOURCE = "Arjovsky et al. 2017, arXiv:1701.07875, example 1"
POINTS = 25
BINS = 12


@dataclass(frozen=True)
class Config:
    """The uniform distributions and the shift."""

    width: float = 1.0
    """Length of both supports."""
    furthest: float = 3.0
    """Largest shift, looked at from -furthest to furthest."""

    def __post_init__(self) -> None:
        require(0 < self.width <= 100, "width", self.width, "a length in (0, 100]")
        require(0 < self.furthest <= 1000, "furthest", self.furthest, "a shift in (0, 1000]")


def run(config: Config) -> Lab:
    """KL, JS and W1 over the shift."""
    shifts = torch.linspace(-config.furthest, config.furthest, POINTS, dtype=torch.float64).tolist()
    p = uniform(0.0, config.width)
    moved = [uniform(shift, shift + config.width) for shift in shifts]
    surprise = [divergence("kl", q, p).value for q in moved]
    work = [transport_cost(config.width, shift) for shift in shifts]
    values = {
        "shift": shifts,
        "KL(q, p)": surprise,
        "JS": [js(p, q).value for q in moved],
        "W1": work,
        "shifts where KL is infinite": sum(map(math.isinf, surprise)),
        "largest |W1 - |shift||": max(abs(w - abs(s)) for w, s in zip(work, shifts, strict=True)),
    }
    says = (
        f"KL is infinite at every shift but 0 ({values['shifts where KL is infinite']} of {POINTS}: q has mass where "
        f"p has none), JS is log 2 = {math.log(2):.6f} from a shift of {config.width:g} on, and W1 is the shift "
        "itself: only it says which way to go."
    )
    return Lab("wasserstein-shift", LECTURE, values, says, lambda f: _draw(f, values, config), size=(11.0, 4.4))


def transport_cost(width: float, shift: float) -> float:
    """W1 between the two uniform distributions, cut into equal pieces, by linear programme."""
    x = _pieces(width)
    mass = torch.full((BINS,), 1 / BINS, dtype=torch.float64)
    return optimal_transport(mass, mass, distances(x, x + shift)).cost


def _pieces(width: float) -> Tensor:
    return width * (torch.arange(BINS, dtype=torch.float64)[:, None] + 0.5) / BINS


def _draw(figure: "Figure", values: dict[str, list[float]], config: Config) -> None:
    shifts = values["shift"]
    three = figure.subplots(1, 3)
    finite = [(s, k) for s, k in zip(shifts, values["KL(q, p)"], strict=True) if math.isfinite(k)]
    infinite = [s for s, k in zip(shifts, values["KL(q, p)"], strict=True) if math.isinf(k)]
    three[0].plot(*zip(*finite, strict=True), marker="o", color=COLOURS[0], linestyle="none", label="finite")
    three[0].plot(infinite, [1.0] * len(infinite), marker="^", color=COLOURS[4], linestyle="none", label="infinite")
    tidy(three[0], "KL(q, p): infinite but at 0", "shift", ylim=(-0.15, 1.3), yticks=[0, 1], yticklabels=["0", "∞"])
    legend(three[0], "lower right")
    three[1].plot(shifts, values["JS"], color=COLOURS[2], linewidth=2)
    three[1].axhline(math.log(2), color=GREY, linewidth=0.8, linestyle=":")
    three[1].text(0, math.log(2) * 1.03, "log 2", color=INK, fontsize=8.5, ha="center")
    tidy(three[1], "JS: flat once disjoint", "shift", "nats", ylim=(-0.1, 0.9))
    three[2].plot(shifts, values["W1"], color=COLOURS[3], linewidth=2)
    tidy(three[2], "W1: the distance to go", "shift", ylim=(0, None))
    titles(figure, "Distributions without overlap (T12)")
