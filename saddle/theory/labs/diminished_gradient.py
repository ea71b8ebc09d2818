"""Challenge 3, the diminished gradient: the better the critic, the less the minimax generator learns from it.

Data N(4, 1/4), a generator at N(0, 1/4) that has everything to learn. Left, the generator stands still while the critic
learns: the gradient that the minimax cost gives it dies as the critic gets sure, the non-saturating one's grows. Right,
both are played with ten critic steps a round: minimax stays where it was, the remedy ``--loss non-saturating`` arrives.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saddle.config import require
from saddle.game import Game, gradient, play
from saddle.theory.drawing import COLOURS, GREY, INK, legend, tidy, titles
from saddle.theory.gaussian_gan import gaussian_gan, made
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "C"
SOURCE = "Goodfellow et al. 2014, arXiv:1406.2661, section 3; Arjovsky and Bottou 2017, arXiv:1701.04862"
MEAN = 4.0
LOSSES = ("minimax", "non-saturating")


@dataclass(frozen=True)
class Config:
    """The critic's lead."""

    k: int = 10
    """Critic steps in a round of the play."""
    steps: int = 150
    """Steps of the critic alone, over which the gradient is watched."""
    rounds: int = 300
    """Rounds of the play."""
    lr: float = 0.05
    """Step of the generator; the critic's is 0.2."""

    def __post_init__(self) -> None:
        require(1 <= self.k <= 50, "k", self.k, "1 to 50 critic steps")
        require(2 <= self.steps <= 2000, "steps", self.steps, "2 to 2000 critic steps")
        require(2 <= self.rounds <= 2000, "rounds", self.rounds, "2 to 2000 rounds")
        require(0 < self.lr <= 1, "lr", self.lr, "a step size in (0, 1]")


def run(config: Config) -> Lab:
    """Watch the gradient, then play."""
    gradients = {loss: _watch(loss, config) for loss in LOSSES}
    means = {loss: _play(loss, config) for loss in LOSSES}
    values: dict[str, Any] = {
        "generator": {
            loss: {
                "largest gradient": max(gradients[loss]),
                f"after {config.steps} critic steps": gradients[loss][-1],
                "mean at last": means[loss][-1],
            }
            for loss in LOSSES
        },
        "mean of the data": MEAN,
    }
    says = (
        f"{config.steps} steps of the critic bring the minimax gradient down to {gradients['minimax'][-1]:.1e}; "
        f"played, its generator ends at {means['minimax'][-1]:.2f} and the non-saturating one at "
        f"{means['non-saturating'][-1]:.2f} (data at {MEAN:g})."
    )
    return Lab("diminished-gradient", LECTURE, values, says, lambda f: _draw(f, gradients, means), size=(11.5, 4.6))


def _game(loss: str, config: Config) -> Game:
    return gaussian_gan(MEAN, 0.5, (0.0, 0.5), loss, lr_generator=config.lr, lr_critic=0.2, k=config.k)


def _watch(loss: str, config: Config) -> list[float]:
    """The size of the generator's gradient before and after each step of the critic, which alone moves."""
    game = _game(loss, config)
    critic, generator = game.moves
    game.moves = [type(critic)("D", critic.loss)]
    found = [_size(game, generator)]
    return found + [_size(game, generator) for _ in play(game, lambda: None, config.steps)]


def _size(game: Game, generator: Any) -> float:
    terms, _ = gradient(game, generator, game.look(generator, lambda: None))
    return float(terms["gradient"])


def _play(loss: str, config: Config) -> list[float]:
    game = _game(loss, config)
    return [made(game)[0] for _ in play(game, lambda: None, config.rounds)]


def _draw(figure: "Figure", gradients: dict[str, list[float]], means: dict[str, list[float]]) -> None:
    left, right = figure.subplots(1, 2)
    for loss, colour in zip(LOSSES, (COLOURS[4], COLOURS[3]), strict=True):
        left.plot(range(1, len(gradients[loss])), gradients[loss][1:], color=colour, linewidth=2, label=loss)
        right.plot(means[loss], color=colour, linewidth=2, label=loss)
    right.axhline(MEAN, color=GREY, linewidth=1, linestyle=":")
    right.text(0, MEAN + 0.08, "the data", color=INK, fontsize=9)
    tidy(left, "what a standing generator is told", "steps of the critic alone", "size of G's gradient", yscale="log")
    tidy(right, "both are played", "round", "mean of G", ylim=(-0.3, 1.25 * MEAN))
    legend(left, "lower left")
    legend(right, "center right")
    titles(figure, "The diminished gradient, and its cure (C)")
