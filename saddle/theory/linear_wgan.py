r"""The linear WGAN: data with mean v, G(z) = z + theta, D(x) = <w, x>; min over theta, max over w of <w, v - theta>.

Gradient steps circle about the equilibrium theta = v, w = 0, with or without clipping, penalty or momentum; optimistic
steps reach it. Expectations are exact, so that neither data nor noise is drawn.

Source: Daskalakis et al. 2018, arXiv:1711.00141, section 2, and the authors' notebook.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, Terms, make_optimizer
from saddle.objectives import clip_weights, gradient_penalty, wasserstein_critic, wasserstein_generator
from saddle.theory.games import Vector

__all__ = ["linear_wgan"]


def linear_wgan(
    lr: float = 0.1,
    mean: Sequence[float] = (3.0, 4.0),
    theta0: Sequence[float] = (1.7, 1.7),
    w0: Sequence[float] = (1.4, 1.4),
    clip: float | None = None,
    gp_weight: float = 0.0,
    momentum: float = 0.0,
    look_ahead: bool = False,
    g_every: int = 1,
    d_step0: Sequence[float] = (0.0, 0.0),
    g_step0: Sequence[float] = (0.0, 0.0),
) -> Game:
    """The game of players D (w) and G (theta), in that order; the paper plays it simultaneously or optimistically.

    The paper's table starts the players *in motion*: the momentum buffers of its program begin as copies of the
    weights, which are steps ``d_step0=(1.4, 1.4)`` and ``g_step0=(-1.7, -1.7)`` here. Its rounds are counted from 1, as
    are those of the game returned: with ``g_every=15`` the generator waits 14 rounds before its first step.

    Args:
        lr: step of both players.
        mean: v, the data's mean, (d,).
        theta0: where the generator starts, (d,).
        w0: where the critic starts, (d,), not 0 with a penalty: its slope is not defined there.
        clip: bound of the critic's weights after each step, or None.
        gp_weight: of the gradient penalty (|w| - 1)^2.
        momentum: of both players, in [0, 1).
        look_ahead: Nesterov's momentum: the critic's gradient is taken where its momentum alone would bring it. Only
            the penalty's part of it depends on the place.
        g_every: critic rounds to one of the generator.
        d_step0: the critic's last step before the start, (d,), that momentum goes on with.
        g_step0: the generator's.

    >>> from saddle.theory.field import field
    >>> field(linear_wgan())  # (theta - v, -w)
    tensor([-1.3000, -2.3000, -1.4000, -1.4000], dtype=torch.float64)
    """
    lengths = {len(part) for part in (mean, theta0, w0, d_step0, g_step0)}
    require(len(lengths) == 1, "dimensions", sorted(lengths), "one number, the same for mean, starts and steps")
    D, G, v = Vector(w0), Vector(theta0), torch.as_tensor(mean, dtype=torch.float64)[None]  # v: (1, d)
    players = [Player(name, P, make_optimizer("sgd", P, lr, momentum)) for name, P in (("D", D), ("G", G))]
    for player, step in zip(players, (d_step0, g_step0), strict=True):
        _set_in_motion(player, step)
    if clip is not None:
        players[0].project = lambda module: clip_weights(module, clip)

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        fake = G.value[None]  # (1, d)
        terms = wasserstein_critic(v @ D.value, fake @ D.value)
        if gp_weight == 0:
            return terms
        w = D.value + _coming_step(players[0]) if look_ahead else D.value
        penalty = gradient_penalty(lambda x: x @ w, v, fake, rng)
        return terms | {"penalty": gp_weight * penalty}

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": wasserstein_generator(G.value[None] @ D.value)}

    return Game(players, [Move("D", critic_loss), Move("G", generator_loss, every=g_every)], round=1)


def _set_in_motion(player: Player, step: Sequence[float]) -> None:
    """Fill the momentum buffer b so that the last step was -lr b."""
    group = player.optimizer.param_groups[0]
    (value,) = player.parameters
    if group["momentum"]:
        buffer = -torch.as_tensor(step, dtype=torch.float64) / group["lr"]
        player.optimizer.state[value]["momentum_buffer"] = buffer


def _coming_step(player: Player) -> Tensor:
    """What momentum alone would add to the weights next."""
    group = player.optimizer.param_groups[0]
    (value,) = player.parameters
    buffer = player.optimizer.state[value].get("momentum_buffer")
    return torch.zeros_like(value) if buffer is None else -group["lr"] * group["momentum"] * buffer
