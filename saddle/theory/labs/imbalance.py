"""Challenge 4, imbalance: either player overpowers the other, and the remedy for each.

Data N(4, 1/4), generator and critic with as many parameters as they need. Above, the critic gets ten fast steps a
round: it is sure of everything, and the minimax generator is told nothing. Instance noise makes the distributions
overlap, and the same critic teaches. Below, the critic is slow: the generator runs past the data to wherever an
outdated critic sends it, back and forth. A larger step for the critic than it had (two time scales) and the same noise
bring it to rest.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddle.config import require
from saddle.game import NonFinite, play
from saddle.theory.drawing import COLOURS, GREY, INK, legend, tidy, titles
from saddle.theory.gaussian_gan import gaussian_gan, made
from saddle.theory.gaussians import normal, w2
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "C"
SOURCE = "Sonderby et al. 2017, arXiv:1610.04490; Heusel et al. 2017, arXiv:1706.08500; lecture 004"
MEAN, SIGMA = 4.0, 0.5
WORST = "worst W2 of the last half"
STRONG, WEAK = "the critic overpowers", "the generator overpowers"


@dataclass(frozen=True)
class Config:
    """The play."""

    rounds: int = 400
    """Rounds to play."""
    noise: float = 2.0
    """Standard deviation of the instance noise."""
    lr: float = 0.1
    """Step of the generator; four times that where it is to overpower."""

    def __post_init__(self) -> None:
        require(10 <= self.rounds <= 5000, "rounds", self.rounds, "10 to 5000 rounds")
        require(0 <= self.noise <= 20, "noise", self.noise, "a standard deviation from 0 to 20")
        require(0 < self.lr <= 1, "lr", self.lr, "a step size in (0, 1]")


def run(config: Config) -> Lab:
    """Both troubles and both cures."""
    fast: dict[str, Any] = {"lr_critic": 0.2, "k": 10, "loss": "minimax"}
    slow: dict[str, Any] = {"lr_critic": 0.002, "lr_generator": 4 * config.lr, "k": 1, "loss": "non-saturating"}
    plays = {
        STRONG: {
            "k = 10, critic's step 0.2": fast,
            f"+ instance noise {config.noise:g}": fast | {"noise": config.noise},
        },
        WEAK: {
            "critic's step 0.002": slow,
            f"step 0.05, instance noise {config.noise:g}": slow | {"lr_critic": 0.05, "noise": config.noise},
        },
    }
    paths = {side: {name: _play(config, settings) for name, settings in two.items()} for side, two in plays.items()}
    data = normal(MEAN, SIGMA)
    values: dict[str, Any] = {
        side: {
            name: {
                "mean": path[-1][0],
                "deviation": path[-1][1],
                "W2 at last": w2(data, normal(*path[-1])),
                WORST: max(w2(data, normal(*end)) for end in path[len(path) // 2 :]),
            }
            for name, path in two.items()
        }
        for side, two in paths.items()
    }
    (stuck, taught), (lost, led) = ([row[WORST] for row in two.values()] for two in values.values())
    says = (
        f"In the last half of the play the generator is up to {stuck:.2f} from the data under a critic too strong, "
        f"{taught:.2f} with instance noise; {lost:.2f} against one too weak, {led:.2f} with a faster critic and noise."
    )
    return Lab("imbalance", LECTURE, values, says, lambda f: _draw(f, paths), size=(11.5, 4.6))


def _play(config: Config, settings: dict[str, Any]) -> list[tuple[float, float]]:
    """Mean and deviation of the generator after each round; the play ends where it leaves the numbers."""
    game = gaussian_gan(MEAN, SIGMA, (0.0, SIGMA), **{"lr_generator": config.lr} | settings)
    path = []
    try:
        for _ in play(game, lambda: None, config.rounds):
            path.append((made(game)[0], min(made(game)[1], 1e9)))
    except NonFinite:
        pass
    return path


def _draw(figure: "Figure", paths: dict[str, dict[str, list[tuple[float, float]]]]) -> None:
    for axes, (side, two) in zip(figure.subplots(1, 2), paths.items(), strict=True):
        for (name, path), colour in zip(two.items(), (COLOURS[4], COLOURS[3]), strict=True):
            axes.plot([mean for mean, _ in path], color=colour, linewidth=2, label=name)
            low, high = ([mean + sign * sigma for mean, sigma in path] for sign in (-1, 1))
            axes.fill_between(range(len(path)), low, high, color=colour, alpha=0.15, linewidth=0)
        axes.axhline(MEAN, color=GREY, linewidth=1, linestyle=":")
        axes.text(0, MEAN + 0.1, "the data", color=INK, fontsize=9)
        tidy(axes, side, "round", "mean of G, and one deviation", ylim=(-1.5, 9.5))
        legend(axes, "upper left")
    titles(figure, "Imbalance, and its cures (C)")
