"""The generator's three costs over D(G(z)): which of them still has a slope when the critic is sure.

Left, each cost as the lecture draws it, over the probability that the critic gives a generated sample of being real.
Right, its slope in the critic's logit a, D = sigmoid(a): -sigmoid(a) for the minimax cost, which dies where the critic
is sure (a far below 0), -sigmoid(-a) for the non-saturating one, which is steepest there, and -exp(a) for maximum
likelihood, which comes almost wholly from the few samples that the critic takes for real. With the factor 1/2 of the
tutorial, as in the lecture's figure. The slopes are autograd's, of saddle's own losses.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saddle.config import require
from saddle.objectives import ADVERSARIAL
from saddle.theory.drawing import COLOURS, GREY, legend, tidy, titles
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T9"
SOURCE = "Goodfellow 2016, arXiv:1701.00160, section 3.2"
NAMES = ("minimax", "non-saturating", "maximum-likelihood")


@dataclass(frozen=True)
class Config:
    """Where the slopes are read."""

    logit: float = 6.0
    """Slopes are told at logits -logit, 0 and logit; 6 is D = 0.0025, 0.5 and 0.9975."""

    def __post_init__(self) -> None:
        require(0 < self.logit <= 80, "logit", self.logit, "a logit in (0, 80]")


def run(config: Config) -> Lab:
    """Costs and slopes of the three generators."""
    at = (-config.logit, 0.0, config.logit)
    slopes = {f"a = {a:g}": {name: slope(name, a) for name in NAMES} for a in at}
    sure = slopes[f"a = {-config.logit:g}"]
    says = (
        f"When the critic is sure that a sample is generated (a = {-config.logit:g}), the minimax cost has slope "
        f"{sure['minimax']:.2g} and the non-saturating one {sure['non-saturating']:.3g}: only the second still teaches."
    )
    return Lab("generator-costs", LECTURE, {"slope": slopes}, says, _draw, size=(10.5, 4.6))


def cost(name: str, logits: Tensor) -> Tensor:
    """The generator's cost of single samples, (N,) -> (N,), without the tutorial's 1/2."""
    return torch.stack([ADVERSARIAL[name].generator(a) for a in logits])


def slope(name: str, logit: float) -> float:
    """d cost / d a at one logit, by autograd."""
    a = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(ADVERSARIAL[name].generator(a), a)
    return float(found)


def _draw(figure: "Figure") -> None:
    left, right = figure.subplots(1, 2)
    d = torch.linspace(0.003, 0.997, 400, dtype=torch.float64)
    a = torch.linspace(-8, 8, 400, dtype=torch.float64)
    for name, colour in zip(NAMES, COLOURS, strict=False):
        left.plot(d, cost(name, d.logit()) / 2, color=colour, linewidth=2, label=name)
        right.plot(a, [slope(name, float(v)) for v in a], color=colour, linewidth=2, label=name)
    tidy(left, "cost of one sample", "D(G(z))", "J of G", ylim=(-10, 4), xlim=(0, 1))
    tidy(right, "its slope in the logit", "a, with D(G(z)) = sigmoid(a)", "dJ / da (without the 1/2)", ylim=(-3, 0.3))
    right.axhline(0, color=GREY, linewidth=0.6)
    right.annotate(
        "no gradient for\na losing generator", (-6, -0.03), xytext=(-7.8, -0.62), fontsize=8.5, color=COLOURS[0]
    )
    legend(left, "lower left")
    titles(figure, "Three costs of the generator (T9)")
