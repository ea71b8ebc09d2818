"""The Dirac-GAN: one number generates, one number judges, and every penalty shows what it does to the turning.

Data are a point mass at 0, the generator a point mass at theta, D(x) = psi x; the equilibrium is (0, 0). With
f(t) = -log(1 + exp(-t)) the eigenvalues there (of the ascent field; `field.eigenvalues` has the other sign) are

==================  ==========================================================  ======================================
play                eigenvalues                                                 settings
==================  ==========================================================  ======================================
GAN                 +-i f'(0) = +-i/2                                           ``loss="minimax"``
NS-GAN              +-i/2, yet it nears 0, ever more slowly                     ``loss="non-saturating"``
WGAN                +-i until clipped                                           ``loss="wasserstein", clip=1``
WGAN-GP             none: not smooth at 0                                       ``penalty="gradient-penalty"``
instance noise      -s^2/4 +- sqrt(s^4/16 - 1/4)                                ``noise=s``
R1, R2              -g/2 +- sqrt(g^2/4 - 1/4), best at g = 1                    ``penalty="r1", weight=g``
consensus           -g/4 +- i/2                                                 ``penalty="consensus", weight=g``
==================  ==========================================================  ======================================

Consensus converges *near* 0 only: from (1, 1), with steps of 0.2 and five of the critic to one of the generator, it
runs away. In the authors' notebook it does not: that has half of the true second term of grad 1/2 |v|^2.

Source: Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, sections 2 and 3.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from saddle.config import choose, require
from saddle.game import Game, Move, Player, Terms, make_optimizer
from saddle.objectives import ADVERSARIAL, clip_weights, gradient_penalty, r1, r2
from saddle.theory.games import Vector

__all__ = ["DIRAC_PENALTIES", "dirac"]

NODES = 64
"""Points that stand for a Gaussian under instance noise."""


Critic = Callable[[Tensor], Tensor]
"""Points (N, 1) -> outputs (N,)."""
Penalty = Callable[[Critic, Tensor, Tensor, torch.Generator], Tensor]
"""critic, real, fake, random numbers -> scalar."""
Aim = Callable[[Tensor, Tensor, torch.Generator], Terms]
"""theta, psi, random numbers -> what one of the players minimises."""


def _no_penalty(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return torch.zeros((), dtype=real.dtype)


def _r1(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return r1(critic, real)


def _r2(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return r2(critic, fake)


def _half_gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    return gradient_penalty(critic, real, fake, rng) / 2


DIRAC_PENALTIES: dict[str, Penalty] = {
    "none": _no_penalty,
    "r1": _r1,
    "r2": _r2,
    "gradient-penalty": _half_gradient_penalty,
    "consensus": _no_penalty,
}
"""What the critic's loss is regularised by, each with the factor 1/2 of Mescheder et al., so that one weight compares
them. ``consensus`` adds 1/2 |v|^2 to both players' losses, v the game's field, and so can be played alternately; under
the ``consensus`` dynamics of a game without it the simultaneous steps are the same."""


def dirac(
    lr: float,
    loss: str = "minimax",
    penalty: str = "none",
    weight: float = 1.0,
    clip: float | None = None,
    theta0: float = 1.0,
    psi0: float = -1.0,
    n_critic: int = 1,
    noise: float = 0.0,
) -> Game:
    """The Dirac-GAN. Its players are G (theta) and D (psi).

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
        noise: standard deviation of instance noise on data and generated points. Its expectation is taken over 64
            quantiles of the Gaussian, scaled to its variance, so that the game stays deterministic.
    Source: Mescheder, Geiger, Nowozin 2018, arXiv:1801.04406, section 2.

    >>> from saddle.theory.field import eigenvalues
    >>> eigenvalues(dirac(0.1, penalty="r1", weight=0.6, theta0=0.0, psi0=0.0))  # 0.3 +- 0.4i
    tensor([0.3000+0.4000j, 0.3000-0.4000j], dtype=torch.complex128)
    """
    G, D = Vector(theta0), Vector(psi0)
    objective, regulariser = choose(loss, ADVERSARIAL, "loss"), choose(penalty, DIRAC_PENALTIES, "penalty")
    spread = _instance_noise(noise)  # (N, 1)

    def generator_terms(theta: Tensor, psi: Tensor, rng: torch.Generator) -> Terms:
        return {"adversarial": objective.generator(_linear(psi)(theta + spread))}

    def critic_terms(theta: Tensor, psi: Tensor, rng: torch.Generator) -> Terms:
        critic, fake = _linear(psi), theta + spread
        outputs = critic(spread), critic(fake)
        return objective.critic(*outputs) | {"penalty": weight * regulariser(critic, spread, fake, rng)}

    aims: tuple[Aim, Aim] = (generator_terms, critic_terms)
    if penalty == "consensus":
        aims = _agreeing(*aims, weight)
    project = None if clip is None else lambda module: clip_weights(module, clip)
    players = [
        Player("G", G, make_optimizer("sgd", G, lr, 0.0)),
        Player("D", D, make_optimizer("sgd", D, lr, 0.0), project=project),
    ]
    generator_loss, critic_loss = (lambda batch, rng, aim=aim: aim(G.value, D.value, rng) for aim in aims)
    return Game(players, [Move("G", generator_loss), Move("D", critic_loss, repeats=n_critic)])


def _linear(psi: Tensor) -> Critic:
    """D(x) = psi * x, (N, 1) -> (N,)."""
    return lambda x: (psi * x).squeeze(1)


def _agreeing(generator: Aim, critic: Aim, weight: float) -> tuple[Aim, Aim]:
    """Both aims with weight/2 |v|^2 added, v = (slope of G's loss in theta, slope of D's loss in psi)."""

    def half_norm(theta: Tensor, psi: Tensor, rng: torch.Generator) -> Tensor:
        # the player at rest asks for no gradient, yet its slope is part of v
        theta, psi = (p if p.requires_grad else p.detach().requires_grad_() for p in (theta, psi))
        losses = [torch.stack([*aim(theta, psi, rng).values()]).sum() for aim in (generator, critic)]
        pairs = zip(losses, (theta, psi), strict=True)
        v = [torch.autograd.grad(loss, own, create_graph=True)[0] for loss, own in pairs]
        return torch.stack(v).square().sum() / 2

    def with_norm(aim: Aim) -> Aim:
        return lambda theta, psi, rng: aim(theta, psi, rng) | {"consensus": weight * half_norm(theta, psi, rng)}

    return with_norm(generator), with_norm(critic)


def _instance_noise(sigma: float) -> Tensor:
    """Points (N, 1) whose mean is 0 and whose variance is sigma^2: equally likely quantiles; one 0 without noise."""
    require(sigma >= 0, "noise", sigma, "a standard deviation of 0 or more")
    if sigma == 0:
        return torch.zeros(1, 1, dtype=torch.float64)
    u = (torch.arange(NODES, dtype=torch.float64) + 0.5) / NODES
    nodes = torch.special.ndtri(u)
    return (sigma * nodes / nodes.square().mean().sqrt())[:, None]
