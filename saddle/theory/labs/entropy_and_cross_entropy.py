"""Entropy, cross-entropy, KL and JS of three histograms: lecture 004's table, and its curve over a shift.

The lecture prints nine cross-entropies and shows the three histograms only as pictures. The bars here are symmetric
ones that give the nine printed numbers, with natural logarithms; other bars would too. The curve slides d3 along the
axis: the cross-entropy from d1 grows without bound, the square root of JS levels off. KL is asymmetric and never
negative, JS is symmetric, and it is its square root that is a metric (the lecture says JS is). Low entropy means *less*
uniform.
"""

import math
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.theory.discrete import cross_entropy, entropy, js, kl
from saddle.theory.drawing import COLOURS, INK, legend, tidy, titles
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LECTURE = "T5"
SOURCE = "Shannon 1948; Endres and Schindelin 2003 for the metric"
NAMES = ("d1", "d2", "d3")
BASES = {"nats": math.e, "bits": 2.0}
REACH = 40
"""Outcomes on either side of the middle."""
LOGITS = {
    "d1": (0.0, -0.426, -1.896, -4.461, -7.766, -11.47, -15.397, -19.464, -23.624, -27.845, -32.096),
    "d2": (0.0, -0.339, -0.783, -1.035, -1.869, -3.997, -7.543, -12.335, -18.093, -24.498, -31.233),
    "d3": (0.0, 0.185, 0.196, -0.312, -0.815, -1.05, -1.277, -1.826, -2.828, -4.206, -5.788),
}
"""log probability, up to a constant, at distance 0, 1, 2 ... from the middle; it falls on evenly beyond."""
PRINTED = {
    "d1": {"d1": 1.437, "d2": 1.748, "d3": 2.184},
    "d2": {"d1": 2.865, "d2": 2.087, "d3": 2.311},
    "d3": {"d1": 5.583, "d2": 3.495, "d3": 2.577},
}
"""The lecture's table: H(row, column)."""


@dataclass(frozen=True)
class Config:
    """How far d3 is moved, and the unit."""

    shift: int = 12
    """d3 is moved by -shift ... shift outcomes."""
    unit: str = "nats"
    """nats, which the lecture's numbers fit, or bits."""

    def __post_init__(self) -> None:
        require(1 <= self.shift <= 25, "shift", self.shift, "1 to 25 outcomes")
        choose(self.unit, BASES, "unit")


def run(config: Config) -> Lab:
    """The table, the divergences, and the curve."""
    base, d = BASES[config.unit], {name: histogram(name) for name in NAMES}
    table = {a: {b: float(cross_entropy(d[a], d[b], base)) for b in NAMES} for a in NAMES}
    pairs = list(permutations(NAMES, 2))
    divergences = {
        f"{a}, {b}": {"KL": float(kl(d[a], d[b], base)), "sqrt JS": math.sqrt(float(js(d[a], d[b], base)))}
        for a, b in pairs
    }
    root = {(a, b): divergences[f"{a}, {b}"]["sqrt JS"] for a, b in pairs}
    values: dict[str, Any] = {
        "H(row, column)": table,
        "entropy": {name: float(entropy(d[name], base)) for name in NAMES},
        "divergence": divergences,
        "largest difference from the lecture's table": max(
            abs(table[a][b] - PRINTED[a][b] / math.log(base)) for a in NAMES for b in NAMES
        ),
        "triangle: least slack of sqrt JS": min(
            root[a, b] + root[b, c] - root[a, c] for a, b, c in permutations(NAMES)
        ),
        "unit": config.unit,
    }
    says = (
        f"Each entropy is the least of its row, H(d1) = {table['d1']['d1']:.3f} {config.unit}; what a column adds to "
        f"it is KL, which is not symmetric: {divergences['d1, d3']['KL']:.3f} from d1 to d3, "
        f"{divergences['d3, d1']['KL']:.3f} back."
    )
    return Lab("entropy-and-cross-entropy", LECTURE, values, says, lambda f: _draw(f, table, config), size=(11.5, 4.8))


def histogram(name: str, shift: int = 0) -> Tensor:
    """Probabilities of the outcomes -REACH ... REACH, (2 REACH + 1,); moved, it keeps its shape and falls on evenly."""
    logits = torch.tensor(LOGITS[name], dtype=torch.float64)
    apart = (torch.arange(-REACH, REACH + 1) - shift).abs()
    last = len(logits) - 1
    beyond = (apart - last).clamp(min=0) * (logits[-1] - logits[-2])
    return (logits[apart.clamp(max=last)] + beyond).softmax(0)


def _draw(figure: "Figure", table: dict[str, dict[str, float]], config: Config) -> None:
    grid = figure.add_gridspec(3, 3, width_ratios=(1, 1.1, 1.5))
    for row, (name, colour) in enumerate(zip(NAMES, COLOURS, strict=False)):
        axes = figure.add_subplot(grid[row, 0])
        axes.bar(range(-REACH, REACH + 1), histogram(name), color=colour, width=0.85)
        tidy(axes, name, xlim=(-10.5, 10.5), ylim=(0, 0.42))
    _table(figure.add_subplot(grid[:, 1]), table, config.unit)
    curve = figure.add_subplot(grid[:, 2])
    shifts = range(-config.shift, config.shift + 1)
    base, d1 = BASES[config.unit], histogram("d1")
    moved = [histogram("d3", shift) for shift in shifts]
    curve.plot(shifts, [float(cross_entropy(d1, m, base)) for m in moved], color=COLOURS[0], label="H(d1, moved d3)")
    curve.plot(shifts, [float(kl(d1, m, base)) for m in moved], color=COLOURS[1], label="KL(d1, moved d3)")
    roots = [math.sqrt(float(js(d1, m, base))) for m in moved]
    curve.plot(shifts, roots, color=COLOURS[2], label="square root of JS")
    tidy(curve, "d3 is moved along", "shift in outcomes", config.unit, ylim=(0, None))
    legend(curve, "upper center")
    titles(figure, "Entropy and cross-entropy (T5)")


def _table(axes: "Axes", table: dict[str, dict[str, float]], unit: str) -> None:
    numbers = torch.tensor([[table[a][b] for b in NAMES] for a in NAMES])
    axes.imshow(numbers.numpy(), cmap="Blues", vmin=0, vmax=float(numbers.max()) * 1.6)
    for row in range(3):
        for column in range(3):
            weight = "bold" if row == column else "normal"
            text = f"{numbers[row, column]:.3f}"
            axes.text(column, row, text, ha="center", va="center", color=INK, weight=weight)
    axes.set_xticks(range(3), NAMES)
    axes.set_yticks(range(3), NAMES)
    axes.set_title(f"H(row, column) in {unit}", loc="left", fontsize=10.5, color=INK)
    axes.tick_params(length=0, labelsize=9.5)
    axes.spines[:].set_visible(False)
