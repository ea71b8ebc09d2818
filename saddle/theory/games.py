"""The smallest games, f(x, y) = xy and the Dirac-GAN: ordinary ``Game`` objects whose networks are float64 numbers."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from saddle.config import choose
from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, Terms, make_optimizer
from saddle.objectives import (
    ADVERSARIAL,
    clip_weights,
    gradient_penalty,
    r1,
    r2,
)

__all__ = ["DIRAC_PENALTIES", "bilinear", "dirac", "values"]


class Number(nn.Module):
    """One float64 parameter: a player of a theory game."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))


class LinearCritic(Number):
    """D(x) = psi * x for x of shape (N, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return (self.value * x).squeeze(1)  # (N,)


def bilinear(lr: float, x0: float = 1.0, y0: float = 0.0, beta1: float = 0.0) -> Game:
    """min over x, max over y of f(x, y) = x y: the saddle point is (0, 0); x moves first.

    Args:
        lr: step of both players.
        x0: where x starts.
        y0: where y starts.
        beta1: momentum of both players (may be negative).
    Returns:
        A game that looks at no data: play it with ``draw=lambda: None``.
    Source: Goodfellow 2016, arXiv:1701.00160, section 8.1; rates in Gidel et al. 2019, arXiv:1802.10551.

    >>> from saddle.game import play
    >>> game = bilinear(lr=0.5, x0=1.0, y0=0.0)
    >>> for report in play(game, draw=lambda: None, rounds=1): print(values(game))
    {'x': 1.0, 'y': 0.5}
    """
    x, y = Number(x0), Number(y0)

    def value_for_x(batch: Batch, rng: torch.Generator) -> Terms:
        return {"value": x.value * y.value}

    def value_for_y(batch: Batch, rng: torch.Generator) -> Terms:
        return {"value": -x.value * y.value}

    players = [Player(name, number, make_optimizer("sgd", number, lr, beta1)) for name, number in (("x", x), ("y", y))]
    return Game(players, [Move("x", value_for_x), Move("y", value_for_y)])


def _no_penalty(critic: nn.Module, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return torch.zeros((), dtype=real.dtype)


def _r1(critic: nn.Module, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return r1(critic, real)


def _r2(critic: nn.Module, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return r2(critic, fake)


def _half_gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return gradient_penalty(critic, real, fake, rng) / 2


DIRAC_PENALTIES: dict[str, Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]] = {
    "none": _no_penalty,
    "r1": _r1,
    "r2": _r2,
    "gradient-penalty": _half_gradient_penalty,
}
"""Penalties of the Dirac-GAN, each with the factor 1/2 of Mescheder et al., so that one weight compares them."""


def dirac(
    lr: float,
    loss: str = "minimax",
    penalty: str = "none",
    weight: float = 1.0,
    clip: float | None = None,
    theta0: float = 1.0,
    psi0: float = -1.0,
    n_critic: int = 1,
) -> Game:
    """The Dirac-GAN: data a point mass at 0, generator a point mass at theta, D(x) = psi x. Equilibrium (0, 0).

    The generator moves first, then the critic ``n_critic`` times, as in the paper's notebook. D's logit here is high
    on data, so psi has the opposite sign of the paper's.

    Args:
        lr: step of both players.
        loss: a name of ``saddle.objectives.ADVERSARIAL``.
        penalty: a name of ``DIRAC_PENALTIES``.
        weight: gamma, multiplies the penalty.
        clip: bound of the critic's weight after each step, or None.
        theta0: where the generator starts.
        psi0: where the critic starts.
        n_critic: critic steps in a round.
    Source: Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, section 2.
    """
    G, D = Number(theta0), LinearCritic(psi0)
    objective, regulariser = choose(loss, ADVERSARIAL, "loss"), choose(penalty, DIRAC_PENALTIES, "penalty")
    real = torch.zeros(1, 1, dtype=torch.float64)

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": objective.generator(D(G.value.reshape(1, 1)))}

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G.value.reshape(1, 1)
        return objective.critic(D(real), D(fake)) | {"penalty": weight * regulariser(D, real, fake, rng)}

    project = None if clip is None else lambda module: clip_weights(module, clip)
    players = [
        Player("G", G, make_optimizer("sgd", G, lr, 0.0)),
        Player("D", D, make_optimizer("sgd", D, lr, 0.0), project=project),
    ]
    return Game(players, [Move("G", generator_loss), Move("D", critic_loss, repeats=n_critic)])


def values(game: Game) -> Mapping[str, float]:
    """The players' numbers by name.

    >>> values(bilinear(lr=0.1, x0=2.0, y0=0.5))
    {'x': 2.0, 'y': 0.5}
    """
    return {player.name: float(player.parameters[0].detach()) for player in game.players}
