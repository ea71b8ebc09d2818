"""The f-divergences: each row of the lecture's table computed, its bound reached at T*, and a critic trained to it.

p = N(0, 1) are the data, q another Gaussian. For each f the divergence comes from quadrature, the variational bound
E_p[T] - E_q[f*(T)] from the optimal critic T* = f'(p/q), where it is equal, and from an f-GAN's critic, a small network
that climbed the bound from below on saddle's own f-GAN loss. Then the game is played: the generator, mean and deviation
of q, goes down while the critic climbs. The lecture's slips: Pearson's integral is over q, reverse KL's T* is -q/p
without a root, and what is printed beside JS is half of what its f gives (the table here shows 2 JSD).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, Terms, make_optimizer, play
from saddle.objectives import DIVERGENCES, fgan_critic, fgan_generator
from saddle.theory.critics import optimal_critic, variational_bound
from saddle.theory.drawing import COLOURS, FAKE, GREY, REAL, legend, tidy, titles
from saddle.theory.gaussians import Gaussian, normal
from saddle.theory.lab import Lab
from saddle.theory.quadrature import divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T8"
SOURCE = "Nowozin et al. 2016, arXiv:1606.00709, table 1"
BATCH, HIDDEN, EVERY = 400, 24, 10


@dataclass(frozen=True)
class Config:
    """What the generator makes at first, and how long the players learn."""

    mean: float = 0.8
    """Mean of q."""
    sigma: float = 0.9
    """Standard deviation of q."""
    rounds: int = 250
    """Rounds of the critic alone, and then of the game."""

    def __post_init__(self) -> None:
        require(abs(self.mean) <= 3, "mean", self.mean, "a mean within 3 of the data's")
        require(0.75 <= self.sigma <= 1.4, "sigma", self.sigma, "0.75 to 1.4, or chi-squares are infinite")
        require(10 <= self.rounds <= 5000, "rounds", self.rounds, "10 to 5000 rounds")


def run(config: Config) -> Lab:
    """Every row."""
    table, curves = {}, {}
    for name in DIVERGENCES:
        p, q = normal(0.0), normal(config.mean, config.sigma)
        exact = divergence(name, p, q)
        best = variational_bound(name, p, q, optimal_critic(name, p, q))
        game = fgan(name, config)
        alone = _alone(game)
        bound = [_bound(name, game, q)]
        bound += [_bound(name, game, q) for report in play(alone, _nothing, config.rounds) if not report.round % EVERY]
        curves[name] = (exact.value, bound)
        for _ in play(game, _nothing, config.rounds):
            pass
        last = _made(game)
        table[name] = {
            "divergence": exact.value,
            "bound at T*": best.value,
            "f-GAN critic": bound[-1],
            "after the game": divergence(name, p, last).value,
        }
    worst = max(abs(row["divergence"] - row["bound at T*"]) for row in table.values())
    values: dict[str, Any] = {"f-divergence": table, "largest gap at T*": worst}
    says = (
        f"At T* the bound equals the divergence to {worst:.0e}; trained critics come to within "
        f"{max(row['divergence'] - row['f-GAN critic'] for row in table.values()):.3f} from below, and the games "
        f"bring KL from {table['kl']['divergence']:.3f} to {table['kl']['after the game']:.4f}."
    )
    return Lab("f-divergences", LECTURE, values, says, lambda f: _draw(f, curves, config), size=(13.5, 5.6))


class Affine(nn.Module):
    """z (N, 1) -> mean + sigma z."""

    def __init__(self, mean: float, sigma: float) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor(mean, dtype=torch.float64))
        self.log_sigma = nn.Parameter(torch.tensor(math.log(sigma), dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.mean + self.log_sigma.exp() * z  # (N, 1)


def fgan(name: str, config: Config) -> Game:
    """The f-GAN of a divergence: a Gaussian generator and a critic with one hidden layer."""
    torch.manual_seed(0)
    G = Affine(config.mean, config.sigma)
    D = nn.Sequential(nn.Linear(1, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1), nn.Flatten(0)).double()
    div, critic = DIVERGENCES[name], fgan_critic(DIVERGENCES[name])

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return critic(D(_normal(rng)), D(G(_normal(rng))))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": fgan_generator(div, D(G(_normal(rng))))}

    players = [
        Player("D", D, make_optimizer("adam", D, 0.01, 0.5)),
        Player("G", G, make_optimizer("adam", G, 0.01, 0.0)),
    ]
    return Game(players, [Move("D", critic_loss), Move("G", generator_loss)])


def _alone(game: Game) -> Game:
    """The game while only the critic learns: its round counter starts at 0 as the whole game's does."""
    return Game([game["D"]], [move for move in game.moves if move.player == "D"])


def _made(game: Game) -> Gaussian:
    mean, log_sigma = (float(p.detach()) for p in game["G"].parameters)
    return normal(mean, math.exp(log_sigma))


def _normal(rng: torch.Generator) -> Tensor:
    return torch.randn(BATCH, 1, generator=rng, dtype=torch.float64)


def _nothing() -> None:
    return None


def _bound(name: str, game: Game, q: Gaussian) -> float:
    """What the network's T reaches, by quadrature: no luck of a batch is in it."""
    with torch.no_grad():
        D, activation = game["D"].module, DIVERGENCES[name].activation
        return variational_bound(name, normal(0.0), q, lambda x: activation(D(x)), tolerance=1e-6).value


def _draw(figure: "Figure", curves: dict[str, tuple[float, list[float]]], config: Config) -> None:
    p, q = normal(0.0), normal(config.mean, config.sigma)
    x = torch.linspace(-3.5, 4.5, 300, dtype=torch.float64)[:, None]
    grid = figure.subplots(2, len(curves) // 2 + 1)
    first = grid[0, 0]
    first.fill_between(x[:, 0], p.log_density(x).exp(), color=REAL, alpha=0.35, linewidth=0, label="p, data")
    first.fill_between(x[:, 0], q.log_density(x).exp(), color=FAKE, alpha=0.35, linewidth=0, label="q")
    tidy(first, "the two densities", "x", ylim=(0, 0.55))
    legend(first, "upper left", ncols=2)
    critics = grid[1, 0]
    for name, colour in zip(curves, COLOURS, strict=False):
        critics.plot(x[:, 0], optimal_critic(name, p, q)(x), color=colour, linewidth=1.3, label=name)
    tidy(critics, "the best critics T*", "x", ylim=(-4, 4))
    for axes, (name, (exact, bound)) in zip(grid[:, 1:].flat, curves.items(), strict=True):
        axes.axhline(exact, color=GREY, linewidth=1, linestyle="--")
        axes.plot(range(0, EVERY * len(bound), EVERY), bound, color=COLOURS[list(curves).index(name)], linewidth=2)
        low = min(bound[2:])
        margin = 0.15 * (exact - low) + 1e-3
        tidy(axes, f"{name}: {exact:.3f}", "critic's steps", ylim=(low - margin, exact + margin))
    titles(figure, "f-divergences and critics that climb to them (T8)")
