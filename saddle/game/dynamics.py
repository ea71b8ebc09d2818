"""How a round is played: alternating, simultaneous, extragradient, optimistic, consensus.

Each is a function ``(game, draw) -> terms`` that plays the round's due moves once. With f(x, y) the game's value and
v = (grad of each player's loss in its own parameters), and eta the step:

=============  ==================================================================  ==========================
name           update                                                              source
=============  ==================================================================  ==========================
alternating    x' = x - eta v_x(x, y);  y' = y - eta v_y(x', y)                     Goodfellow 2014, Alg. 1
simultaneous   (x, y)' = (x, y) - eta v(x, y)                                       Mescheder 2017, Alg. 1
extragradient  w~ = w - eta v(w);  w' = w - eta v(w~)                               Korpelevich 1976
optimistic     w' = w - 2 eta v_t + eta v_{t-1}                                     Daskalakis 2018, eq. 5
consensus      w' = w - eta (v + gamma grad 1/2 |v|^2)                              Mescheder 2017, Alg. 2
=============  ==================================================================  ==========================

With an adaptive optimiser "eta v" is the step that it makes of the gradient: extragradient is then ExtraAdam
(Gidel 2019, Alg. 4) and optimistic is Optimistic Adam (Daskalakis 2018, Alg. 1).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.data.spec import Batch
from saddle.game.game import Draw, Game, Move, Player, Terms
from saddle.game.programs import eager

__all__ = [
    "DYNAMICS",
    "Dynamics",
    "NonFinite",
    "alternating",
    "apply",
    "choose_dynamics",
    "consensus",
    "extragradient",
    "gradient",
    "optimistic",
    "simultaneous",
]

Dynamics = Callable[[Game, Draw], Terms]
"""How a round is played: plays the due moves once and returns what they measured."""
Gradient = Sequence[Tensor | None]


class NonFinite(ArithmeticError):
    """A loss term or a gradient became infinite or NaN. Raised before the step that it would have spoilt."""


def alternating(game: Game, draw: Draw) -> Terms:
    """Each move answers the one before it: k critic steps, then the generator's (Goodfellow 2014, Algorithm 1)."""
    log: Terms = {}
    for move in game.due():
        for _ in range(move.repeats):
            terms, grads = gradient(game, move, game.look(move, draw))
            apply(game[move.player], grads)
            log |= _settle(move, terms)
    return log


def simultaneous(game: Game, draw: Draw) -> Terms:
    """All gradients are taken at one point, then all step. On f(x, y) = xy this spirals out."""
    return _step_together(game, _all_gradients(game, draw))


def extragradient(game: Game, draw: Draw) -> Terms:
    """Look one simultaneous step ahead, come back, and step by the gradients seen there."""
    movers = _movers(game)
    before = [[p.detach().clone() for p in player.parameters] for player in movers]
    for player, grads in ((game[move.player], grads) for move, _, grads in _all_gradients(game, draw)):
        apply(player, grads)
    ahead = _all_gradients(game, draw)
    with torch.no_grad():
        for player, old in zip(movers, before, strict=True):
            torch._foreach_copy_(player.parameters, old)
    return _step_together(game, ahead)


def optimistic(game: Game, draw: Draw) -> Terms:
    """Step twice and take back the last step. The first round, which has no last step, is an ordinary one."""
    found = _all_gradients(game, draw)
    for move, _, grads in found:
        _optimistic_step(game[move.player], grads)
    return {name: value for move, terms, _ in found for name, value in _settle(move, terms).items()}


def consensus(game: Game, draw: Draw, weight: float = 1.0) -> Terms:
    """Simultaneous steps in which both players also shorten the joint gradient: v + weight * grad(1/2 |v|^2)."""
    due = _once_each(game)
    found = [(move, *gradient(game, move, game.look(move, draw), create_graph=True)) for move in due]
    touched = [g for _, _, grads in found for g in grads if g is not None]
    half_norm = torch.stack([g.square().sum() for g in touched]).sum() / 2
    for i, (move, terms, grads) in enumerate(found):
        last = i == len(found) - 1
        pull = torch.autograd.grad(half_norm, game[move.player].parameters, allow_unused=True, retain_graph=not last)
        joint = [_add(g, p, weight) for g, p in zip(grads, pull, strict=True)]
        found[i] = (move, terms, joint)
    return _step_together(game, found)


DYNAMICS: dict[str, Dynamics] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "extragradient": extragradient,
    "optimistic": optimistic,
    "consensus": consensus,
}
"""The dynamics by name."""


def choose_dynamics(name: str, consensus_weight: float = 1.0) -> Dynamics:
    """The dynamics of that name; ``consensus_weight`` is the gamma of consensus and unused elsewhere.

    >>> choose_dynamics("simultaneous") is simultaneous
    True
    """
    found = choose(name, DYNAMICS, "dynamics")
    return partial(consensus, weight=consensus_weight) if found is consensus else found


def gradient(game: Game, move: Move, batch: Batch, create_graph: bool = False) -> tuple[Terms, Gradient]:
    """A move's terms, and the gradient of their sum in the mover's own parameters.

    Parameters that the loss does not touch get None, not zeros: Adam would let zeros drift by old momentum.

    Raises:
        NonFinite: a term or the gradient's norm is not finite; names the term, the player and the round.
    """
    parameters = game[move.player].parameters
    if create_graph:  # the other player's weights are part of the graph that consensus differentiates
        with eager():
            terms = _evaluate(game, move, batch)
        total = _total(terms)
        grads = torch.autograd.grad(total, parameters, allow_unused=True, create_graph=True)
    else:
        with game.frozen(move.player):
            terms = _evaluate(game, move, batch)
            total = _total(terms)
            grads = torch.autograd.grad(total, parameters, allow_unused=True)
    measured = {name: value.detach() for name, value in terms.items()}
    measured["gradient"] = _norm(grads)
    if game.device.type == "cpu" or game.round % 16 == 0:  # reading a value makes an accelerator wait: now and then
        _refuse_non_finite(game, move, total.item(), measured)
    return measured, grads


def apply(player: Player, grads: Gradient) -> None:
    """Step the player's optimiser by these gradients, then project. Parameters with None stay bit for bit."""
    for p, g in zip(player.parameters, grads, strict=True):
        p.grad = None if g is None else _laid_out_like(p, g.detach())
    player.optimizer.step()
    for p in player.parameters:
        p.grad = None
    if player.project is not None:
        player.project(player.module)


def _laid_out_like(p: Tensor, g: Tensor) -> Tensor:
    """The gradient in its parameter's memory layout, on which fused optimisers rely and ``autograd.grad`` does not."""
    return g if g.stride() == p.stride() else torch.empty_like(p).copy_(g)


def _evaluate(game: Game, move: Move, batch: Batch) -> Terms:
    if game.autocast is None:
        return move.loss(batch, game.rng)
    with torch.autocast(game.device.type, game.autocast):
        return move.loss(batch, game.rng)


def _total(terms: Terms) -> Tensor:
    values = [value.float() if value.dtype is torch.bfloat16 else value for value in terms.values()]
    return values[0] if len(values) == 1 else torch.stack(values).sum()


def _norm(grads: Gradient) -> Tensor:
    touched = [g.detach() for g in grads if g is not None]
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(touched))) if touched else torch.zeros(())


def _refuse_non_finite(game: Game, move: Move, total: float, measured: Terms) -> None:
    if not (math.isfinite(total) and math.isfinite(measured["gradient"].item())):
        bad = next((name for name, value in measured.items() if not value.isfinite()), "their sum")
        what = "gradient" if bad == "gradient" else f"loss term {bad!r}"
        value = measured[bad].item() if bad in measured else total
        raise NonFinite(f"round {game.round + 1}: player {move.player}'s {what} is {value}")


def _settle(move: Move, terms: Terms) -> Terms:
    if move.after is not None:
        move.after(terms)
    return {f"{move.player}.{name}": value for name, value in terms.items()}


def _once_each(game: Game) -> list[Move]:
    due = game.due()
    for move in due:
        require(
            move.repeats == 1,
            f"repeats of {move.player}",
            move.repeats,
            "1 under these dynamics, which step all players together (alternating allows more)",
        )
    return due


def _all_gradients(game: Game, draw: Draw) -> list[tuple[Move, Terms, Gradient]]:
    return [(move, *gradient(game, move, game.look(move, draw))) for move in _once_each(game)]


def _step_together(game: Game, found: list[tuple[Move, Terms, Gradient]]) -> Terms:
    log: Terms = {}
    for move, terms, grads in found:
        apply(game[move.player], grads)
        log |= _settle(move, terms)
    return log


def _movers(game: Game) -> list[Player]:
    return [game[name] for name in dict.fromkeys(move.player for move in game.due())]


def _optimistic_step(player: Player, grads: Gradient) -> None:
    moved = [p for p, g in zip(player.parameters, grads, strict=True) if g is not None]
    before = [p.detach().clone() for p in moved]
    apply(player, grads)
    with torch.no_grad():
        for p, old in zip(moved, before, strict=True):
            step = p - old
            last = player.optimizer.state[p].get("last_step", step)  # kept by the optimiser, so that it is saved
            p.copy_(old + 2 * step - last)
            player.optimizer.state[p]["last_step"] = step
    if player.project is not None:
        player.project(player.module)


def _add(g: Tensor | None, pull: Tensor | None, weight: float) -> Tensor | None:
    if g is None or pull is None:
        return g if pull is None else weight * pull
    return g.detach() + weight * pull
