"""Wasserstein-1 twice: the cheapest transport plan, and the 1-Lipschitz critic that proves it cheapest.

Left, lecture 003's problem: piles of earth p to be turned into q, min over P of sum P_ij |i - j| with P >= 0, rows that
sum to p and columns to q, solved as a linear programme; its plan with both marginals. Middle, the dual: the best
1-Lipschitz f, E_p[f] - E_q[f], which is what a WGAN's critic looks for. Right, the same between points of the plane,
the plan drawn as lines over the critic's level curves: it falls with slope 1 along them. All values are equal.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.theory.drawing import CRITIC, FAKE, GREY, INK, REAL, legend, tidy, titles
from saddle.theory.lab import Lab
from saddle.theory.transport import (
    Plan,
    distances,
    dual_critic,
    lipschitz_constant,
    optimal_transport,
    wasserstein_1d,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LECTURE = "T10"
SOURCE = "Kantorovich 1942; Arjovsky et al. 2017, arXiv:1701.07875"
P = (0.05, 0.2, 0.25, 0.1, 0.0, 0.0, 0.05, 0.15, 0.15, 0.05)
Q = (0.0, 0.0, 0.05, 0.15, 0.25, 0.25, 0.15, 0.1, 0.05, 0.0)


@dataclass(frozen=True)
class Config:
    """The clouds in the plane."""

    points: int = 24
    """Points in each cloud."""
    apart: float = 2.5
    """Distance between the clouds' centres, in their deviations."""
    seed: int = 0
    """Seed of the clouds."""

    def __post_init__(self) -> None:
        require(2 <= self.points <= 200, "points", self.points, "2 to 200 points")
        require(0 <= self.apart <= 100, "apart", self.apart, "a distance from 0 to 100")


def run(config: Config) -> Lab:
    """Both problems, both sides of each."""
    i = torch.arange(len(P), dtype=torch.float64)[:, None]
    p, q = (torch.tensor(table, dtype=torch.float64) for table in (P, Q))
    piles = optimal_transport(p, q, distances(i, i))
    x, y = _clouds(config)
    mass = torch.full((config.points,), 1 / config.points, dtype=torch.float64)
    cloud = optimal_transport(mass, mass, distances(x, y))
    f, g = dual_critic(piles, i), dual_critic(cloud, y)
    line = {
        "primal: sum P |i - j|": piles.cost,
        "dual: prices": piles.dual,
        "dual: E_p f - E_q f": float(p @ f(i) - q @ f(i)),
        "steepest slope of f": lipschitz_constant(f, i),
    }
    plane = {
        "primal: sum P |i - j|": cloud.cost,
        "dual: prices": cloud.dual,
        "dual: E_p f - E_q f": float(g(x).mean() - g(y).mean()),
        "steepest slope of f": lipschitz_constant(g, torch.cat([x, y])),
    }
    values: dict[str, Any] = {
        "W1": {name: {"piles": line[name], "plane": plane[name]} for name in line},
        "piles, by quantiles": wasserstein_1d(i, i, 1, p, q),
        "largest error of the marginals": float(
            torch.maximum((piles.plan.sum(1) - p).abs().max(), (piles.plan.sum(0) - q).abs().max())
        ),
    }
    says = (
        f"Moving the piles costs {piles.cost:.6f}, and the critic f, nowhere steeper than 1, tells the two apart by "
        f"exactly that: no plan can be cheaper, no critic better. In the plane both are {cloud.cost:.6f}."
    )
    return Lab("transport", LECTURE, values, says, lambda fig: _draw(fig, piles, cloud, x, y), size=(13.5, 4.8))


def _clouds(config: Config) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(config.seed)
    x, y = (torch.randn(config.points, 2, generator=rng, dtype=torch.float64) for _ in range(2))
    return x, 0.7 * y + torch.tensor([config.apart, 0.6])


def _draw(figure: "Figure", piles: Plan, cloud: Plan, x: Tensor, y: Tensor) -> None:
    grid = figure.add_gridspec(2, 4, width_ratios=(0.3, 1, 1.15, 1.5), height_ratios=(1, 0.3))
    _plan(figure, grid, piles)
    middle, right = figure.add_subplot(grid[:, 2]), figure.add_subplot(grid[:, 3])
    i = torch.arange(len(P), dtype=torch.float64)
    f = dual_critic(piles, i[:, None])(i[:, None])
    middle.bar(i - 0.2, P, 0.4, color=REAL, alpha=0.6, label="p")
    middle.bar(i + 0.2, Q, 0.4, color=FAKE, alpha=0.6, label="q")
    tidy(middle, "the dual: a critic of slope 1", "i", "mass", ylim=(0, 0.55))
    legend(middle, "upper center", ncols=2)
    slope = middle.twinx()
    slope.plot(i, f, color=CRITIC, linewidth=2, marker="o", markersize=4)
    slope.spines[["top", "left"]].set_visible(False)
    slope.tick_params(colors=CRITIC, labelsize=8.5)
    slope.set_ylabel("f(i)", color=CRITIC)
    _cloud(right, cloud, x, y)
    titles(figure, "Optimal transport and its dual (T10)")


def _plan(figure: "Figure", grid: "object", piles: Plan) -> None:
    centre = figure.add_subplot(grid[0, 1])  # type: ignore[index]
    centre.imshow(piles.plan.numpy(), cmap="Greys", vmin=0, vmax=0.3, aspect="auto")
    centre.set_title(f"the plan: {piles.cost:.3f} of work", loc="left", fontsize=10.5, color=INK)
    centre.plot([-0.5, len(P) - 0.5], [-0.5, len(P) - 0.5], color=GREY, linewidth=0.6, linestyle=":")
    centre.set(xticks=[], yticks=[])
    left, below = figure.add_subplot(grid[0, 0], sharey=centre), figure.add_subplot(grid[1, 1], sharex=centre)  # type: ignore[index]
    left.barh(range(len(P)), P, color=REAL)
    left.invert_xaxis()
    below.bar(range(len(Q)), Q, color=FAKE)
    below.invert_yaxis()
    for axes, name in ((left, "p(i)"), (below, "q(j)")):
        axes.spines[:].set_visible(False)
        axes.set(xticks=[], yticks=[])
        (axes.set_title if axes is left else axes.set_xlabel)(name, fontsize=10, color=INK)


def _cloud(axes: "Axes", cloud: Plan, x: Tensor, y: Tensor) -> None:
    both = torch.cat([x, y])
    low, high = both.min(0).values - 0.6, both.max(0).values + 0.6
    across, up = torch.linspace(low[0], high[0], 90), torch.linspace(low[1], high[1], 70)
    second, first = torch.meshgrid(up, across, indexing="ij")
    f = dual_critic(cloud, y)(torch.stack([first.flatten(), second.flatten()], 1)).reshape(first.shape)
    axes.contour(across, up, f, levels=18, colors=CRITIC, linewidths=0.6, alpha=0.55)
    for i, j in (cloud.plan > 1e-9).nonzero().tolist():
        axes.plot([x[i, 0], y[j, 0]], [x[i, 1], y[j, 1]], color=GREY, linewidth=1)
    axes.plot(x[:, 0], x[:, 1], "o", color=REAL, markersize=6, label="p")
    axes.plot(y[:, 0], y[:, 1], "o", color=FAKE, markersize=6, label="q")
    tidy(axes, f"in the plane: W1 = {cloud.cost:.3f}", aspect="equal")
    legend(axes, "upper left", ncols=2)
