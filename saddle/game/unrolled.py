r"""Unrolled games: the generator looks at the critic as it will be some steps later, and at how it moves that critic.

With f the mover's loss and L the critic's, surrogate steps theta^{i+1} = theta^i - eta grad L(w, theta^i) start at the
critic theta^0 and lead to theta^K(w). The mover w then steps down

=================  ===================================================================================
`unroll`           d/dw f(w, theta^K(w)) = df/dw + df/dtheta^K · dtheta^K/dw
`unroll_ahead`     df/dw at theta^K alone: the critic answers, and the mover does not foresee the answer
=================  ===================================================================================

The critic itself takes its one ordinary step from theta^0. The surrogate's steps are those of the critic's own
optimiser (Adam from its present moments, RMSProp, gradient descent, momentum), unless `descent` or another rule is
given. All steps look at the mover's batch and draw the numbers that the mover's loss draws, so the game's random
numbers run on as without unrolling.

Source: Metz et al. 2017, "Unrolled Generative Adversarial Networks", arXiv:1611.02163, equations 7 to 10.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.data.spec import Batch
from saddle.game.dynamics import Gradient
from saddle.game.exchange import Exchange, tensors_of
from saddle.game.game import Game, Loss, Move, Player, Terms
from saddle.game.per_seed import rewinder

__all__ = ["Rule", "Step", "descent", "of_optimizer", "unroll", "unroll_ahead", "zero_sum"]

Step = Callable[[Sequence[Tensor], Gradient], list[Tensor]]
"""Parameters and their gradients -> the parameters a step later, differentiable; it may remember moments."""
Rule = Callable[[Player], Step]
"""How the surrogate of a player steps: called before the first step, when the player's optimiser can be read."""


def unroll(game: Game, steps: int, mover: str = "G", critic: str = "D", rule: Rule | None = None) -> Game:
    """Let the mover differentiate through ``steps`` surrogate steps of the critic; returns the game.

    Args:
        game: its moves are replaced. Critic, optimiser and buffers are left as the mover found them.
        steps: K; with 0 the game stays as it is. 10 in the paper's figure, 5 in its authors' demonstration.
        mover: whose loss looks ahead.
        critic: whose steps are foreseen; it has one move and no projection.
        rule: the surrogate's steps; None: those of the critic's own optimiser.
    Raises:
        ValueError: no such players or moves, or a critic that is projected (weight clipping), which has no derivative.

    >>> from saddle.game import play
    >>> from saddle.theory import bilinear, values
    >>> game = unroll(bilinear(lr=0.5, x0=1.0), steps=1, mover="x", critic="y")  # f(x, y + x / 2) = xy + x^2 / 2
    >>> for report in play(game, lambda: None, rounds=1): print(values(game)["x"])  # 1 - 0.5 (0 + 1)
    0.5
    """
    return _look_ahead(game, steps, mover, critic, rule or of_optimizer, _with_graph)


def unroll_ahead(game: Game, steps: int, mover: str = "G", critic: str = "D", rule: Rule | None = None) -> Game:
    """First-order `unroll`: the mover meets the critic of ``steps`` later as a constant, at a fraction of the cost.

    Takes what `unroll` takes.

    >>> from saddle.game import play
    >>> from saddle.theory import bilinear, values
    >>> game = unroll_ahead(bilinear(lr=0.5, x0=1.0), steps=1, mover="x", critic="y")
    >>> for report in play(game, lambda: None, rounds=1): print(values(game)["x"])  # 1 - 0.5 (0 + 0.5)
    0.75
    """
    return _look_ahead(game, steps, mover, critic, rule or of_optimizer, _without_graph)


def zero_sum(game: Game, mover: str = "G", critic: str = "D") -> Game:
    """Let the mover minimise minus the critic's loss, its real terms included; returns the game.

    That is the paper's saddle loss: through an unrolled critic the real samples, too, have a gradient in the mover.
    """
    loss = _only_move(game, critic).loss

    def minus(batch: Batch, rng: torch.Generator) -> Terms:
        return {name: -value for name, value in loss(batch, rng).items()}

    return _with_loss(game, _only_move(game, mover), minus)


def descent(lr: float) -> Rule:
    """A rule: plain gradient steps of size ``lr``, whatever optimiser the critic has.

    Raises:
        ValueError: ``lr`` is not positive.
    """
    require(lr > 0, "lr", lr, "a step size above 0")

    def rule(player: Player) -> Step:
        return lambda theta, grads: [p if g is None else p - lr * g for p, g in zip(theta, grads, strict=True)]

    return rule


def of_optimizer(player: Player) -> Step:
    """The rule by default: the steps that the player's own optimiser would make from its present state.

    Raises:
        ValueError: the optimiser is none of Adam, RMSProp and SGD, or has options that ``make_optimizer`` never sets.
    """
    kind = choose(type(player.optimizer).__name__, _OPTIMIZERS, "optimiser to unroll")
    settings, states = [], []
    for group in player.optimizer.param_groups:
        for option in _UNKNOWN:
            require(not group.get(option), option, group.get(option), "off in an optimiser that is unrolled")
        for p in group["params"]:
            settings.append(group)
            states.append(dict(player.optimizer.state.get(p, {})))

    def step(theta: Sequence[Tensor], grads: Gradient) -> list[Tensor]:
        every = zip(theta, grads, settings, states, strict=True)
        return [p if g is None else p - kind(g, group, state) for p, g, group, state in every]

    return step


def _adam(g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    """Adam's step for gradient g, Kingma & Ba's algorithm 1; ``state`` goes on to the next."""
    beta1, beta2 = group["betas"]
    t = state["step"] = float(state.get("step", 0)) + 1
    m = state["exp_avg"] = beta1 * state.get("exp_avg", 0.0) + (1 - beta1) * g
    v = state["exp_avg_sq"] = beta2 * state.get("exp_avg_sq", 0.0) + (1 - beta2) * g.square()
    return group["lr"] * (m / (1 - beta1**t)) / (_root(v / (1 - beta2**t)) + group["eps"])


def _rmsprop(g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    v = state["square_avg"] = group["alpha"] * state.get("square_avg", 0.0) + (1 - group["alpha"]) * g.square()
    return _momentum(g / (_root(v) + group["eps"]), group, state)


def _momentum(g: Tensor, group: dict[str, Any], state: dict[str, Any]) -> Tensor:
    last = state.get("momentum_buffer")
    buffer = state["momentum_buffer"] = g if last is None else group["momentum"] * last + g
    return group["lr"] * buffer


_OPTIMIZERS = {"Adam": _adam, "RMSprop": _rmsprop, "SGD": _momentum}
_UNKNOWN = ("weight_decay", "amsgrad", "maximize", "nesterov", "dampening", "centered")


def _root(v: Tensor) -> Tensor:
    """The square root, whose slope is infinite at 0; there the gradient that it divides is 0 as well."""
    positive = v > 0
    return torch.where(positive, torch.where(positive, v, 1.0).sqrt(), 0.0)


Objective = Callable[[Sequence[Tensor]], Tensor]
"""The critic's loss as a function of its parameters."""
Ahead = Callable[[Objective, Sequence[Tensor], Step, int], Sequence[Tensor]]


def _with_graph(objective: Objective, theta: Sequence[Tensor], step: Step, steps: int) -> Sequence[Tensor]:
    """theta^K(w), eq. 7 to 9."""
    for _ in range(steps):
        theta = step(theta, torch.autograd.grad(objective(theta), theta, allow_unused=True, create_graph=True))
    return theta


def _without_graph(objective: Objective, theta: Sequence[Tensor], step: Step, steps: int) -> Sequence[Tensor]:
    """theta^K, as numbers."""
    for _ in range(steps):
        found = torch.autograd.grad(objective(theta), theta, allow_unused=True)
        theta = [p.detach().requires_grad_(True) for p in step(theta, found)]
    return theta


def _look_ahead(game: Game, steps: int, mover: str, critic: str, rule: Rule, ahead: Ahead) -> Game:
    require(steps >= 0, "steps", steps, "0 or more surrogate steps")
    require(mover != critic, "critic", critic, "another player than the mover")
    move, answer = _only_move(game, mover), _only_move(game, critic)
    require(game[critic].project is None, "project", game[critic].project, "no projection: it has no derivative")
    if steps == 0:
        return game
    exchange = Exchange(game)
    names = exchange.names(game[critic].parameters)

    def loss(batch: Batch, rng: torch.Generator) -> Terms:
        rewind, buffers = rewinder(rng), dict(exchange.named_buffers())

        def run(theta: Sequence[Tensor], function: Loss, touched: str) -> Terms:
            rewind()
            for name in buffers:
                if name.startswith(touched):
                    buffers[name] = buffers[name].clone()  # the last step's belong to its graph
            given = dict(zip(names, theta, strict=True))
            return exchange.run(
                given | {n: b for n, b in buffers.items() if n.startswith(touched)}, function, batch, rng
            )

        present = tensors_of(exchange)
        theta: Sequence[Tensor] = [_differentiable(present[name]) for name in names]  # theta^0
        theta = ahead(lambda theta: _sum(run(theta, answer.loss, "")), theta, rule(game[critic]), steps)
        return run(theta, move.loss, f"players.{critic}.")  # f(w, theta^K), eq. 10

    return _with_loss(game, move, loss)


def _differentiable(p: Tensor) -> Tensor:
    """p itself where somebody differentiates in it (consensus), else a leaf of its values."""
    return p if p.requires_grad else p.detach().requires_grad_(True)


def _sum(terms: Terms) -> Tensor:
    return torch.stack([value.float() if value.dtype is torch.bfloat16 else value for value in terms.values()]).sum()


def _only_move(game: Game, name: str) -> Move:
    moves = [move for move in game.moves if move.player == name]
    require(len(moves) == 1, "player", name, f"one with a single move, and this game has {len(moves)} of that name")
    return moves[0]


def _with_loss(game: Game, move: Move, loss: Loss) -> Game:
    game.moves = [replace(m, loss=loss) if m is move else m for m in game.moves]
    return game
