"""The linear WGAN of Daskalakis et al.: gradient descent circles about the answer, optimism reaches it.

Data with mean v = (3, 4), G(z) = z + theta, D(x) = <w, x>, exact gradients, steps of 0.1 for 1,000 rounds: the settings
and the numbers of the authors' notebook. The average over the rounds is near v for all; only optimistic steps have a
last iterate that is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.theory.drawing import COLOURS, mark, tidy, titles
from saddle.theory.field import trajectory
from saddle.theory.lab import Lab
from saddle.theory.linear_wgan import linear_wgan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T2 C"
SOURCE = "Daskalakis et al. 2018, arXiv:1711.00141, section 2"
MEAN = (3.0, 4.0)
MOVING = {"d_step0": (1.4, 1.4), "g_step0": (-1.7, -1.7)}
"""How the notebook's momentum buffers start."""
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient, clip 1": ("simultaneous", {"clip": 1.0}),
    "gradient penalty 0.1": ("simultaneous", {"gp_weight": 0.1}),
    "momentum 0.5, clip 1": ("simultaneous", {"momentum": 0.5, "clip": 1.0, **MOVING}),
    "optimistic": ("optimistic", {}),
}


@dataclass(frozen=True)
class Config:
    """The notebook's settings."""

    lr: float = 0.1
    """Step of both players."""
    rounds: int = 1000
    """Iterates looked at, the start included."""

    def __post_init__(self) -> None:
        require(0 < self.lr <= 0.5, "lr", self.lr, "a step size in (0, 0.5]")
        require(10 <= self.rounds <= 10_000, "rounds", self.rounds, "10 to 10000")


def run(config: Config) -> Lab:
    """Play the four variants and compare averages with last iterates."""
    paths = {name: _path(config, name) for name in VARIANTS}
    v = torch.tensor(MEAN, dtype=torch.float64)
    table = {
        name: {
            "average": path.mean(0).tolist(),
            "last": path[-1].tolist(),
            "last is away by": float((path[-1] - v).norm()),
        }
        for name, path in paths.items()
    }
    says = (
        "Every average comes near v = (3, 4), but the last iterate of plain gradient play stays "
        f"{table['gradient, clip 1']['last is away by']:.2f} away, and that of optimistic play "
        f"{table['optimistic']['last is away by']:.3f}."
    )
    return Lab("linear-wgan", LECTURE, {"theta": table}, says, lambda f: _draw(f, paths), size=(13.5, 4.2))


def _path(config: Config, name: str) -> Tensor:
    """theta over the rounds, (rounds, 2). The notebook's optimistic run, which looks one step back, starts twice."""
    dynamics, settings = VARIANTS[name]
    twice = dynamics == "optimistic"
    path = trajectory(linear_wgan(config.lr, MEAN, **settings), config.rounds - 1 - twice, dynamics)[:, 2:]
    return torch.cat([path[:1], path]) if twice else path


def _draw(figure: "Figure", paths: Mapping[str, Tensor]) -> None:
    for axes, (name, path) in zip(figure.subplots(1, 4), paths.items(), strict=True):
        colour = COLOURS[3] if name == "optimistic" else COLOURS[4]
        axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=0.8)
        axes.plot(path[-1:, 0], path[-1:, 1], "o", color=colour, markersize=5)
        mark(axes, *MEAN)
        away = float((path[-1] - torch.tensor(MEAN)).norm())
        tidy(axes, f"{name}\nlast iterate {away:.3f} away", "theta 1", "theta 2", aspect="equal")
        axes.set(xlim=(-0.5, 6.5), ylim=(0.5, 7.5))
    titles(figure, "The linear WGAN: where theta goes")
