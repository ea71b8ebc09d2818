"""The field that the players follow at a checkpoint: whether it turns them, and in how many rounds.

v(w) = (gradient of each player's loss in its own parameters), as the engine takes them, and J = v'(w). A round moves
the players by about -P v(w), P being their step sizes; so the eigenvalues of P J with |Im| > |Re| turn them, by |Im| a
round. J^T P has the same ones, and one graph of v gives all products u -> J^T P u that Arnoldi's iteration asks for.
Source: Mescheder et al. 2017, section 3, arXiv:1705.10461.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs
from torch import Tensor

from saddle.config import require
from saddle.data.spec import Batch
from saddle.evaluation.health.critic import terms_of
from saddle.game import Game, Player
from saddle.game.sample import as_in_training

__all__ = ["LARGEST", "Field", "field", "step_sizes"]

LARGEST = 20_000
"""Parameters of all players together up to which the spectrum takes seconds."""
DENSE = 64
"""Parameters up to which all eigenvalues are found; beyond it those of largest imaginary part."""
FOUND = 8
"""How many of them."""
RESTARTS = 20
"""Of Arnoldi's iteration, of some 12 products each."""
NOTHING = 1e-3
"""Of the largest eigenvalue: in a direction with less nothing happens."""


@dataclass(frozen=True)
class Field:
    """Eigenvalues of P J at one round."""

    eigenvalues: Tensor
    """complex128 (k,): all, or those of largest imaginary part."""
    round: int
    """When."""

    @property
    def turning(self) -> float:
        """Share of them with |Im| > |Re|: 1 for a bilinear game, 0 for two players who minimise each by itself.

        >>> Field(torch.tensor([1j, -1j, 1.0, 0.0]), 0).turning
        0.6666666666666666
        """
        sizes = self.eigenvalues.abs()
        there = self.eigenvalues[sizes > NOTHING * sizes.max()]
        return float(_turns(there).double().mean()) if len(there) else 0.0

    @property
    def period(self) -> float:
        """Rounds to a turn by the fastest that turns, 2 pi / |Im|; infinite where none does.

        >>> round(Field(torch.tensor([0.1j, -0.1j, 3.0]), 0).period, 3)
        62.832
        """
        fast = self.eigenvalues.imag.abs()[_turns(self.eigenvalues)]
        return 2 * math.pi / float(fast.max()) if len(fast) else math.inf


def field(game: Game, batch: Batch) -> Field:
    """The spectrum of the field where a game stands, with its present step sizes.

    A player's momentum counts as the longer step that it amounts to; the delay that it brings is not seen.

    Args:
        game: is left as it was.
        batch: real samples for the losses, as many as tell the mean gradient.
    Raises:
        ValueError: too many parameters, losses that cannot be differentiated twice, or no convergence.
    """
    weights = [p for player in game.players for p in player.parameters]
    n = sum(p.numel() for p in weights)
    require(n <= LARGEST, "parameters", f"{n:,}", f"at most {LARGEST:,} for the field's spectrum")
    P = torch.cat([step_sizes(player) for player in game.players])
    kept = game.rng.get_state()
    try:
        with as_in_training(game), torch.enable_grad():
            v = _field(game, batch)

            def product(u: Any) -> Any:
                cotangent = (P * torch.as_tensor(u).flatten()).to(v.dtype)
                return _flat(torch.autograd.grad(v, weights, cotangent, retain_graph=True, allow_unused=True), weights)

            return Field(_spectrum(product, n), game.round)
    except RuntimeError as error:  # torch's word for a derivative that it does not know
        raise ValueError(f"losses: expected ones that can be differentiated twice ({error})") from error
    finally:
        game.rng.set_state(kept)


def step_sizes(player: Player) -> Tensor:
    """What the player's optimiser multiplies each component of a steady gradient by in a step, float64 (n,).

    lr for gradient descent; lr / (sqrt(v) + epsilon) for Adam and RMSProp, v being their mean squared gradient; and
    over (1 - momentum) for those that add up past gradients instead of taking their mean.
    """
    sizes = []
    for group in player.optimizer.param_groups:
        for p in group["params"]:
            state, size = player.optimizer.state.get(p, {}), torch.full((p.numel(),), group["lr"], dtype=torch.float64)
            square = state.get("exp_avg_sq", state.get("square_avg"))
            if square is not None:
                known = 1 - group["betas"][1] ** float(state["step"]) if "betas" in group else 1.0
                size = size / ((square.double().flatten().cpu() / known).sqrt() + group["eps"])
            sizes.append(size / (1 - group.get("momentum", 0.0)))
    return torch.cat(sizes)


def _field(game: Game, batch: Batch) -> Tensor:
    """v with its graph, (n,): a move that is made k times a round counts k times."""
    found = {player.name: torch.zeros(sum(p.numel() for p in player.parameters)) for player in game.players}
    for move in game.moves:
        parameters = game[move.player].parameters
        loss = torch.stack(list(terms_of(game, move, batch).values())).sum() * (move.repeats / move.every)
        grads = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
        found[move.player] = found[move.player] + _flat(grads, parameters)
    return torch.cat([found[player.name] for player in game.players])


def _spectrum(product: Any, n: int) -> Tensor:
    if n <= DENSE:
        rows = torch.stack([product(row) for row in torch.eye(n, dtype=torch.float64)])
        return torch.linalg.eigvals(rows.double())
    operator = LinearOperator((n, n), matvec=lambda u: product(u).double().numpy(), dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    try:
        found = eigs(operator, FOUND, which="LI", v0=start, maxiter=RESTARTS, tol=1e-3, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        found = error.eigenvalues  # those that were found are right
    except ArpackError as error:
        raise ValueError(f"eigenvalues: expected some ({error})") from error
    require(len(found) > 0, "eigenvalues", 0, f"some after {RESTARTS} restarts of Arnoldi's iteration")
    return torch.as_tensor(found)


def _turns(eigenvalues: Tensor) -> Tensor:
    return eigenvalues.imag.abs() > eigenvalues.real.abs()


def _flat(gradients: Any, parameters: list[Tensor]) -> Tensor:
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
