r"""A game's vector field, its Jacobian, and how fast each way of playing it should converge, or not.

At a point w = all players' parameters, v(w) = (gradient of each player's loss in its own parameters), as the engine's
``gradient`` takes them. Near an equilibrium w* a round of any dynamics is a linear map of (w - w*, momentum buffers,
last step), made of J = v'(w*) and the step sizes. Its spectral radius is the factor by which a round brings the players
closer, in the long run: below 1 they converge, above 1 they do not.

Games here are deterministic: their losses look at no data and draw no random numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.game import Game, choose_dynamics, gradient, play

__all__ = [
    "Mover",
    "eigenvalues",
    "field",
    "jacobian",
    "measured_rate",
    "measured_spectrum",
    "movers",
    "place",
    "point",
    "predicted_rate",
    "round_matrix",
    "spectral_radius",
    "trajectory",
]


def point(game: Game) -> Tensor:
    """Where the game stands: all players' parameters one after the other, (n,), float64."""
    parameters = [p.detach().double().flatten() for player in game.players for p in player.parameters]
    return torch.cat(parameters)


def place(game: Game, w: Tensor) -> Game:
    """Put the players' parameters at ``w`` (n,), as `point` orders them; returns the game."""
    parameters = [p for player in game.players for p in player.parameters]
    n = sum(p.numel() for p in parameters)
    require(w.shape == (n,), "w", tuple(w.shape), f"the game's {n} parameters in a row")
    with torch.no_grad():
        for p, part in zip(parameters, w.split([p.numel() for p in parameters]), strict=True):
            p.copy_(part.reshape(p.shape))
    return game


def field(game: Game, at: Tensor | None = None) -> Tensor:
    """v(w) = (grad of each player's loss in its own parameters), (n,): what each player steps *down*.

    Args:
        game: each player makes one move.
        at: w, (n,); None: where the game stands. The game is left as it was.
    Raises:
        ValueError: a player makes no move, or several.

    >>> from saddle.theory.games import bilinear
    >>> field(bilinear(lr=0.1, x0=2.0, y0=0.5))  # (y, -x)
    tensor([ 0.5000, -2.0000], dtype=torch.float64)
    """
    with _at(game, at):
        return _field(game).detach()


def jacobian(game: Game, at: Tensor | None = None) -> Tensor:
    """J = dv/dw, (n, n): row i is the gradient of the i-th component of `field`.

    What a loss detaches from the graph is taken as constant: the points of a penalty, which no player feels.

    >>> from saddle.theory.games import bilinear
    >>> jacobian(bilinear(lr=0.1))
    tensor([[ 0.,  1.],
            [-1.,  0.]], dtype=torch.float64)
    """
    with _at(game, at):
        parameters = [p for player in game.players for p in player.parameters]
        rows = []
        for component in _field(game):
            slopes: Sequence[Tensor | None] = [None] * len(parameters)  # a component that is constant has no graph
            if component.requires_grad:
                slopes = torch.autograd.grad(component, parameters, allow_unused=True, retain_graph=True)
            rows.append(_flat(slopes, parameters))
        return torch.stack(rows) + 0.0  # no -0


def eigenvalues(game: Game, at: Tensor | None = None) -> Tensor:
    """Eigenvalues of `jacobian`, complex (n,). Papers that write the ascent field have them with the other sign.

    Continuous time w' = -v(w) converges when all real parts are positive; imaginary parts turn.

    Source: Mescheder et al. 2017, section 3, arXiv:1705.10461.

    >>> from saddle.theory.games import bilinear
    >>> eigenvalues(bilinear(lr=0.1))
    tensor([0.+1.j, 0.-1.j], dtype=torch.complex128)
    """
    return torch.linalg.eigvals(jacobian(game, at))


@dataclass(frozen=True)
class Mover:
    """What a linear round needs to know of one move."""

    part: slice
    """Where its player's parameters are in w."""
    lr: float
    """Step size."""
    momentum: float = 0.0
    """Weight of the old buffer in the new: b = momentum b + v; w = w - lr b."""
    repeats: int = 1
    """Steps in a row, under alternating dynamics."""


def movers(game: Game) -> list[Mover]:
    """The game's moves in order, with the step sizes and momentum of their optimisers.

    Raises:
        ValueError: an optimiser other than gradient descent with momentum, whose steps are no linear map.
    """
    parts, start = {}, 0
    for player in game.players:
        size = sum(p.numel() for p in player.parameters)
        parts[player.name] = slice(start, start + size)
        start += size
    found = []
    for move in game.moves:
        optimizer = game[move.player].optimizer
        settings = optimizer.param_groups[0]
        linear = type(optimizer) is torch.optim.SGD and not settings["nesterov"]
        require(linear, "optimiser", type(optimizer).__name__, "SGD with or without momentum: others are not linear")
        require(move.every == 1, "every", move.every, "1: a move in every round")
        found.append(Mover(parts[move.player], settings["lr"], settings["momentum"], move.repeats))
    return found


def predicted_rate(
    game: Game, dynamics: str = "alternating", at: Tensor | None = None, consensus_weight: float = 1.0
) -> float:
    """The factor by which a round should multiply the distance to an equilibrium, in the long run.

    Projections (weight clipping) are taken to be at rest there.

    Args:
        game: deterministic, with SGD players.
        dynamics: a name of ``saddle.game.DYNAMICS``.
        at: the equilibrium, (n,), where `field` is 0; None: where the game stands.
        consensus_weight: gamma of consensus.
    Source: Polyak 1964 for the linear map; Gidel et al. 2019, arXiv:1802.10551 and 1807.04740, for its eigenvalues.

    >>> from saddle.theory.games import bilinear
    >>> round(predicted_rate(bilinear(lr=0.1), "simultaneous"), 6)  # sqrt(1 + lr^2)
    1.004988
    """
    return spectral_radius(round_matrix(jacobian(game, at), movers(game), dynamics, consensus_weight))


def spectral_radius(matrix: Tensor) -> float:
    """The largest |eigenvalue|. Where the largest two coincide it is known to half of float64's digits only."""
    return float(torch.linalg.eigvals(matrix).abs().max())


def round_matrix(J: Tensor, moves: list[Mover], dynamics: str, consensus_weight: float = 1.0) -> Tensor:
    """The linear map of one round on s = (w, b, l): parameters, momentum buffers, last steps; (3n, 3n).

    With step(w, b) the optimiser's, b = momentum b + J w and w = w - lr b:

    - alternating: each mover's step in turn, at the point the one before left;
    - simultaneous: all steps from one point;
    - extragradient: the steps are taken twice, the second time back from the start, with J at the first end;
    - optimistic: twice the step, less the last one l;
    - consensus: simultaneous with J + gamma J'J, since at an equilibrium grad 1/2 |v|^2 has the slope J'J.

    Args:
        J: Jacobian of the field at the equilibrium, (n, n).
        moves: in the order they are made.
        dynamics: a name of ``saddle.game.DYNAMICS``.
        consensus_weight: gamma of consensus.
    """
    return choose(dynamics, _ROUNDS, "dynamics")(J, moves, consensus_weight)


def trajectory(game: Game, rounds: int, dynamics: str = "alternating", consensus_weight: float = 1.0) -> Tensor:
    """Play so many rounds more and note where the players were: (rounds + 1, n), the start included."""
    require(rounds >= 0, "rounds", rounds, "0 or more")
    step, start = choose_dynamics(dynamics, consensus_weight), game.round
    return torch.stack([point(game), *(point(game) for _ in play(game, lambda: None, start + rounds, step))])


def measured_rate(path: Tensor, centre: Tensor | None = None) -> float:
    """The mean factor per round along a `trajectory`: (|w_T - c| / |w_0 - c|)^(1/T).

    Equal to `predicted_rate` where the round map is a scaled rotation, as simultaneous, extragradient and consensus
    steps on the bilinear game; elsewhere it tends to it like 1/T. `measured_spectrum` needs no such patience.

    Args:
        path: (T + 1, n), T >= 1.
        centre: the equilibrium c, (n,); None: the origin.
    """
    require(len(path) >= 2, "path", tuple(path.shape), "the start and at least one round")
    away = torch.linalg.vector_norm(path if centre is None else path - centre, dim=1)
    return float((away[-1] / away[0]) ** (1 / (len(path) - 1)))


def measured_spectrum(path: Tensor, centre: Tensor | None = None, delays: int = 1) -> Tensor:
    """Eigenvalues of the linear map that a played path follows, found by least squares: complex (n * delays,).

    Dynamic mode decomposition: with s_t = (w_t, ..., w_{t + delays - 1}) - c, the best A with s_{t+1} = A s_t.
    Optimistic steps and momentum have a memory of one round and need ``delays=2``.
    Directions that the play never took count 0.

    Args:
        path: (T + 1, n), long enough that T > n * delays + delays.
        centre: the equilibrium c, (n,); None: the origin.
        delays: rounds in a state, 1 or more.
    Source: Schmid 2010, doi:10.1017/S0022112010001217.

    >>> from saddle.theory.games import bilinear
    >>> path = trajectory(bilinear(lr=0.1), rounds=10)  # alternating steps only turn
    >>> measured_spectrum(path).abs()
    tensor([1.0000, 1.0000], dtype=torch.float64)
    """
    require(delays >= 1, "delays", delays, "1 or more rounds in a state")
    rounds, n = len(path) - 1, path.shape[1]
    require(rounds > (n + 1) * delays, "rounds", rounds, f"more than {(n + 1) * delays}, to tell the map apart")
    away = path if centre is None else path - centre
    states = away.unfold(0, delays, 1).flatten(1)  # (T + 2 - delays, n * delays)
    scale = torch.linalg.vector_norm(states[:-1], dim=1, keepdim=True).clamp(min=torch.finfo(states.dtype).tiny)
    before, after = states[:-1] / scale, states[1:] / scale  # late rounds of a converging play count as much
    return torch.linalg.eigvals(torch.linalg.lstsq(before, after, driver="gelsd").solution.T)


def _flat(gradients: Sequence[Tensor | None], parameters: list[Tensor]) -> Tensor:
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten().double() for g, p in pairs])


def _field(game: Game) -> Tensor:
    """v at the present point, with the graph that leads back to every player's parameters."""
    made = sorted(move.player for move in game.moves)
    require(made == sorted(player.name for player in game.players), "moves", made, "one for each player")
    found = {}
    for move in game.moves:
        _, grads = gradient(game, move, game.look(move, lambda: None), create_graph=True)
        found[move.player] = _flat(grads, game[move.player].parameters)
    return torch.cat([found[player.name] for player in game.players])


@contextmanager
def _at(game: Game, at: Tensor | None) -> Iterator[None]:
    before = point(game)
    if at is not None:
        place(game, at)
    try:
        yield
    finally:
        place(game, before)


def _step(J: Tensor, moves: list[Mover]) -> Tensor:
    """(w, b) after these movers' steps from one point, as a map of (w, b, l); l is forgotten."""
    n = len(J)
    matrix = torch.diag(torch.tensor([1.0, 1.0, 0.0], dtype=J.dtype).repeat_interleave(n))
    w, b = slice(0, n), slice(n, 2 * n)
    for move in moves:
        rows = torch.zeros(n, dtype=J.dtype)
        rows[move.part] = 1.0
        own = torch.diag(rows)
        buffer = move.momentum * own
        matrix[b, w] += own @ J
        matrix[b, b] += buffer - own
        matrix[w, w] -= move.lr * own @ J
        matrix[w, b] -= move.lr * buffer
    return matrix


def _alternating(J: Tensor, moves: list[Mover], weight: float) -> Tensor:
    matrix = torch.eye(3 * len(J), dtype=J.dtype)
    for move in moves:
        for _ in range(move.repeats):
            matrix = _step(J, [move]) @ matrix
    return matrix


def _simultaneous(J: Tensor, moves: list[Mover], weight: float) -> Tensor:
    require(all(move.repeats == 1 for move in moves), "repeats", [m.repeats for m in moves], "1 for each player")
    return _step(J, moves)


def _extragradient(J: Tensor, moves: list[Mover], weight: float) -> Tensor:
    n, first = len(J), _simultaneous(J, moves, weight)
    ahead = _step(J, moves) @ first  # its buffers are right; its step starts at the wrong place
    back = torch.zeros_like(first)
    back[:n] = torch.eye(3 * n, dtype=J.dtype)[:n] - first[:n]
    return ahead + back


def _optimistic(J: Tensor, moves: list[Mover], weight: float) -> Tensor:
    n, matrix = len(J), _simultaneous(J, moves, weight)
    identity = torch.eye(3 * n, dtype=J.dtype)
    step = matrix[:n] - identity[:n]
    matrix[:n] = identity[:n] + 2 * step - identity[2 * n :]
    matrix[2 * n :] = step
    return matrix


def _consensus(J: Tensor, moves: list[Mover], weight: float) -> Tensor:
    return _simultaneous(J + weight * J.T @ J, moves, weight)


_ROUNDS: dict[str, Callable[[Tensor, list[Mover], float], Tensor]] = {
    "alternating": _alternating,
    "simultaneous": _simultaneous,
    "extragradient": _extragradient,
    "optimistic": _optimistic,
    "consensus": _consensus,
}
