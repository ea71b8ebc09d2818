"""The smallest games, played by the engine that trains images: f(x, y) = xy, rock-paper-scissors, two time scales.

They are ordinary ``Game`` objects whose networks are float64 numbers. They look at no data: play them with
``draw=lambda: None``.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, Terms, make_optimizer
from saddle.objectives import clip_weights

__all__ = [
    "Vector",
    "bilinear",
    "matrix_game",
    "rock_paper_scissors",
    "schedule",
    "strategies",
    "two_time_scales",
    "values",
]

Value = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""f(x, y, rng), which x minimises and y maximises."""


class Vector(nn.Module):
    """A few float64 parameters: a player of a theory game."""

    def __init__(self, value: float | Sequence[float] | Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.as_tensor(value, dtype=torch.float64).detach().clone())


def values(game: Game) -> Mapping[str, float]:
    """The players' numbers by name, for games whose players are one number each.

    >>> values(bilinear(lr=0.1, x0=2.0, y0=0.5))
    {'x': 2.0, 'y': 0.5}
    """
    return {player.name: float(player.parameters[0].detach()) for player in game.players}


def bilinear(
    lr: float,
    x0: float = 1.0,
    y0: float = 0.0,
    beta1: float = 0.0,
    beta1_y: float | None = None,
    lr_y: float | None = None,
    clip_y: float | None = None,
    y_first: bool = False,
    optimizer: str = "sgd",
    beta2: float = 0.99,
) -> Game:
    """min over x, max over y of f(x, y) = x y: the saddle point is (0, 0).

    Args:
        lr: step of both players.
        x0: where x starts.
        y0: where y starts.
        beta1: momentum of both players (may be negative).
        beta1_y: momentum of y, where it differs.
        lr_y: step of y, where it differs.
        clip_y: bound of |y| after each of its steps, or None: the weight clipping of a WGAN's critic.
        y_first: whether y makes the first move of a round.
        optimizer: a name of ``saddle.game.OPTIMIZERS``. ``rmsprop`` without momentum is Adam with beta1 = 0 whose
            second moment is not corrected for its start at 0.
        beta2: decay of the squared gradients, for optimisers that have one.
    Source: Goodfellow 2016, arXiv:1701.00160, section 8.1; rates in Gidel et al. 2019, arXiv:1802.10551 and 1807.04740.

    >>> from saddle.game import play
    >>> game = bilinear(lr=0.5, x0=1.0, y0=0.0)
    >>> for report in play(game, draw=lambda: None, rounds=1): print(values(game))
    {'x': 1.0, 'y': 0.5}
    """
    x, y = Vector(x0), Vector(y0)
    lr_y, beta1_y = lr if lr_y is None else lr_y, beta1 if beta1_y is None else beta1_y
    optimizers = make_optimizer(optimizer, x, lr, beta1, beta2), make_optimizer(optimizer, y, lr_y, beta1_y, beta2)
    game = _zero_sum(x, y, lambda x, y, rng: x * y, optimizers)
    if clip_y is not None:
        require(clip_y > 0, "clip_y", clip_y, "a bound above 0")
        game["y"].project = lambda module: clip_weights(module, clip_y)
    if y_first:
        game.moves = game.moves[::-1]
    return game


def two_time_scales(lr_x: float, lr_y: float, x0: float = 0.5, y0: float = -0.4, noise: float = 0.0) -> Game:
    """min over x, max over y of f(x, y) = (1 + x^2)(100 - y^2), with a step of its own for each: saddle at (0, 0).

    Args:
        lr_x: step of x.
        lr_y: step of y.
        x0: where x starts.
        y0: where y starts.
        noise: standard deviation of what is added to each gradient, from the game's random numbers; 1 in the paper.
    Source: Heusel et al. 2017, arXiv:1706.08500, figure 2 and the authors' program (play it simultaneously).

    >>> from saddle.theory.field import field
    >>> field(two_time_scales(0.01, 0.01, x0=1.0, y0=1.0))  # (2x(100 - y^2), 2y(1 + x^2))
    tensor([198., 4.], dtype=torch.float64)
    """
    require(noise >= 0, "noise", noise, "a standard deviation of 0 or more")

    def value(x: Tensor, y: Tensor, rng: torch.Generator) -> Tensor:
        exact = (1 + x.square()) * (100 - y.square())
        if noise == 0:
            return exact
        e, d = noise * torch.randn(2, generator=rng, dtype=x.dtype)
        return exact + e * x + d * y

    x, y = Vector(x0), Vector(y0)
    return _zero_sum(x, y, value, (make_optimizer("sgd", x, lr_x, 0.0), make_optimizer("sgd", y, lr_y, 0.0)))


def matrix_game(payoff: Tensor, lr: float, x0: Sequence[float], y0: Sequence[float]) -> Game:
    r"""min over p, max over q of p' A q, for mixed strategies p and q: a zero-sum game of chance moves.

    A strategy is a softmax, p = softmax(C x), with the columns of C an orthonormal basis of what sums to 0: gradient
    steps in x need no projection to the simplex, and the direction that a softmax does not feel is left out.
    `strategies` reads p and q.

    Args:
        payoff: A, (n, m): what x's player pays when they choose row i and column j.
        lr: step of both players.
        x0: p at the start, n probabilities above 0.
        y0: q at the start, m probabilities above 0.
    Source: von Neumann 1928.

    >>> strategies(matrix_game(torch.eye(2), 0.1, (0.25, 0.75), (0.5, 0.5)))["x"]
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    require(payoff.shape == (len(x0), len(y0)), "payoff", tuple(payoff.shape), f"{(len(x0), len(y0))}: rows, columns")
    x, y, A = Vector(_logits("x0", x0)), Vector(_logits("y0", y0)), payoff.double()

    def value(x: Tensor, y: Tensor, rng: torch.Generator) -> Tensor:
        return _strategy(x) @ A @ _strategy(y)

    return _zero_sum(x, y, value, (make_optimizer("sgd", x, lr, 0.0), make_optimizer("sgd", y, lr, 0.0)))


def rock_paper_scissors(
    lr: float, x0: Sequence[float] = (0.5, 0.3, 0.2), y0: Sequence[float] = (0.2, 0.5, 0.3)
) -> Game:
    """Rock, paper, scissors as a `matrix_game`: the only equilibrium is a third each; gradient play cycles about it.

    Args:
        lr: step of both players.
        x0: chances of rock, paper, scissors of the first player, above 0.
        y0: of the second.

    >>> from saddle.theory.field import eigenvalues
    >>> eigenvalues(rock_paper_scissors(0.1, [1 / 3] * 3, [1 / 3] * 3)).abs()  # all turn: 1 / (3 sqrt 3)
    tensor([0.1925, 0.1925, 0.1925, 0.1925], dtype=torch.float64)
    """
    payoff = torch.tensor([[0.0, 1.0, -1.0], [-1.0, 0.0, 1.0], [1.0, -1.0, 0.0]])  # x pays 1 where y's choice wins
    return matrix_game(payoff, lr, x0, y0)


def strategies(game: Game) -> Mapping[str, Tensor]:
    """The players' mixed strategies in a `matrix_game`, by name: probabilities (n,), float64."""
    return {player.name: _strategy(player.parameters[0].detach()) for player in game.players}


def schedule(game: Game, lr: Callable[[int], float]) -> Game:
    """Give both players the step size ``lr(t)`` in round t = 0, 1, ...; returns the game.

    >>> from saddle.game import play
    >>> game = schedule(bilinear(lr=1.0, x0=1.0), lambda t: 1 / (t + 1))
    >>> for report in play(game, lambda: None, rounds=2): print(values(game)["y"])
    1.0
    1.25
    """

    def set_steps(images: int) -> None:
        for player in game.players:
            for group in player.optimizer.param_groups:
                group["lr"] = lr(game.round)

    game.schedules = [*game.schedules, set_steps]
    return game


def _zero_sum(
    x: Vector, y: Vector, value: Value, optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer]
) -> Game:
    def loss_of_x(batch: Batch, rng: torch.Generator) -> Terms:
        return {"value": value(x.value, y.value, rng)}

    def loss_of_y(batch: Batch, rng: torch.Generator) -> Terms:
        return {"value": -value(x.value, y.value, rng)}

    players = [Player(name, player, o) for name, player, o in zip("xy", (x, y), optimizers, strict=True)]
    return Game(players, [Move("x", loss_of_x), Move("y", loss_of_y)])


def _contrasts(n: int) -> Tensor:
    """An orthonormal basis (n, n - 1) of the vectors that sum to 0 (Helmert's)."""
    k = torch.arange(1, n, dtype=torch.float64)
    basis = torch.ones(n, n - 1, dtype=torch.float64).triu() + torch.diag(-k, -1)[:, : n - 1]
    return basis / (k * (k + 1)).sqrt()


def _strategy(x: Tensor) -> Tensor:
    return (_contrasts(len(x) + 1) @ x).softmax(0)


def _logits(field: str, chances: Sequence[float]) -> Tensor:
    p = torch.as_tensor(chances, dtype=torch.float64)
    holds = len(p) >= 2 and bool((p > 0).all()) and abs(float(p.sum()) - 1) < 1e-9
    require(holds, field, list(chances), "two or more probabilities above 0 that sum to 1")
    return _contrasts(len(p)).T @ p.log()
