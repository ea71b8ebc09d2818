"""Challenge 1, non-convergence: the players circle for ever, and five remedies that bring them to rest.

The Dirac-GAN with simultaneous steps: data at 0, generator at theta, D(x) = psi x. Plain gradient play spirals out from
its equilibrium. Each remedy is one of saddle's: the R1 penalty, instance noise, and extragradient, optimistic or
consensus dynamics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from saddle.config import require
from saddle.theory.dirac import dirac
from saddle.theory.drawing import COLOURS, legend, mark, tidy, titles
from saddle.theory.field import trajectory
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "C"
SOURCE = "Mescheder et al. 2018, arXiv:1801.04406; lecture 000"
REMEDIES: dict[str, tuple[str, dict[str, Any]]] = {
    "R1 penalty, gamma 1": ("simultaneous", {"penalty": "r1", "weight": 1.0}),
    "instance noise 1": ("simultaneous", {"noise": 1.0}),
    "extragradient": ("extragradient", {}),
    "optimistic": ("optimistic", {}),
    "consensus, gamma 1": ("consensus", {}),
}


@dataclass(frozen=True)
class Config:
    """The play."""

    lr: float = 0.4
    """Step of both players."""
    rounds: int = 300
    """Rounds to play."""

    def __post_init__(self) -> None:
        require(0 < self.lr <= 1, "lr", self.lr, "a step size in (0, 1]")
        require(10 <= self.rounds <= 5000, "rounds", self.rounds, "10 to 5000 rounds")


def run(config: Config) -> Lab:
    """The trouble, and each cure on its own."""
    paths = {"no remedy": trajectory(dirac(config.lr), config.rounds, "simultaneous")}
    for name, (dynamics, settings) in REMEDIES.items():
        paths[name] = trajectory(dirac(config.lr, **settings), config.rounds, dynamics)
    ends = {name: float(path[-1].norm()) for name, path in paths.items()}
    cures = {name: end for name, end in ends.items() if name != "no remedy"}
    best = min(cures, key=lambda name: cures[name])
    says = (
        f"Without a remedy the play ends {ends['no remedy']:.2f} from the equilibrium, having begun "
        f"{float(paths['no remedy'][0].norm()):.2f} from it; the best remedy here, {best}, ends {cures[best]:.1e} away."
    )
    return Lab("non-convergence", LECTURE, {"last distance": ends}, says, lambda f: _draw(f, paths), size=(12.0, 5.0))


def _draw(figure: "Figure", paths: Mapping[str, Tensor]) -> None:
    left, right = figure.subplots(1, 2)
    colours = (COLOURS[4], COLOURS[3], COLOURS[0], COLOURS[6], COLOURS[2], COLOURS[5])
    for (name, path), colour in zip(paths.items(), colours, strict=True):
        left.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.2)
        right.plot(path.norm(dim=1).clamp(min=1e-14), color=colour, linewidth=1.8, label=name)
    mark(left, 0, 0)
    reach = 1.1 * float(paths["no remedy"].abs().max())
    tidy(left, "the players' paths", "theta", "psi", aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
    tidy(right, "distance to the equilibrium", "round", yscale="log", ylim=(1e-6, None))
    legend(right, "lower right")
    titles(figure, "Non-convergence, and its cures (C)")
