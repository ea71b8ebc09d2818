"""A GAN whose players are Gaussians' own: mean and deviation against a quadratic logit. Deterministic, and rich enough.

The data are N(mean, sigma^2), the generator mean + deviation z, and the critic's logit a + b x + c x^2, which holds the
best critic of any two Gaussians. Expectations are means over 128 quantiles, so that no chance is in the play; instance
noise is exact too, because the sum of Gaussians is one.
"""

import math

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.data.spec import Batch
from saddle.game import Game, Move, Player, Terms, make_optimizer
from saddle.objectives import ADVERSARIAL, one_sided

__all__ = ["GaussianGenerator", "QuadraticCritic", "gaussian_gan", "made"]

POINTS = 128


class GaussianGenerator(nn.Module):
    """z (N, 1) -> mean + exp(log_sigma) z (N, 1), float64."""

    def __init__(self, mean: float, sigma: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([mean, math.log(sigma)], dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        return self.w[0] + self.w[1].exp() * z


class QuadraticCritic(nn.Module):
    """x (N, 1) -> a + b x + c x^2 (N,), float64, in units of ``scale``, so that its three weights learn alike."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        u = x / self.scale
        return (self.w * torch.cat([torch.ones_like(u), u, u.square()], 1)).sum(1)


def gaussian_gan(
    mean: float = 4.0,
    sigma: float = 0.5,
    start: tuple[float, float] = (0.0, 0.5),
    loss: str = "minimax",
    lr_generator: float = 0.1,
    lr_critic: float = 0.05,
    k: int = 1,
    noise: float = 0.0,
    smoothing: float = 0.0,
) -> Game:
    """The game of players D (Adam) and G (plain gradient steps, in which the size of its gradient shows).

    Args:
        mean: of the data.
        sigma: standard deviation of the data.
        start: mean and standard deviation of the generator at first.
        loss: a name of ``saddle.objectives.ADVERSARIAL``.
        lr_generator: step of G.
        lr_critic: step of D.
        k: critic steps in a round.
        noise: standard deviation of instance noise on all that D sees.
        smoothing: one-sided label smoothing of D's loss.

    >>> game = gaussian_gan(start=(1.0, 0.5))
    >>> made(game), game["D"].module(torch.zeros(2, 1)).tolist()
    ((1.0, 0.5), [0.0, 0.0])
    """
    require(sigma > 0 and start[1] > 0, "sigma", (sigma, start[1]), "standard deviations above 0")
    require(noise >= 0, "noise", noise, "a standard deviation of 0 or more")
    G, D = GaussianGenerator(*start), QuadraticCritic(max(1.0, abs(mean)))
    objective = choose(loss, ADVERSARIAL, "loss")
    critic = one_sided(objective.critic, smoothing) if smoothing else objective.critic
    z = torch.special.ndtri((torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS)[:, None]  # (N, 1)
    real = mean + math.hypot(sigma, noise) * z

    def fake() -> Tensor:
        return G.w[0] + (G.w[1].mul(2).exp() + noise**2).sqrt() * z

    def critic_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return critic(D(real), D(fake()))

    def generator_loss(batch: Batch, rng: torch.Generator) -> Terms:
        return {"adversarial": objective.generator(D(fake()))}

    players = [
        Player("D", D, make_optimizer("adam", D, lr_critic, 0.5)),
        Player("G", G, make_optimizer("sgd", G, lr_generator, 0.0)),
    ]
    return Game(players, [Move("D", critic_loss, repeats=k), Move("G", generator_loss)])


def made(game: Game) -> tuple[float, float]:
    """Mean and standard deviation of what the generator makes now."""
    mean, log_sigma = game["G"].parameters[0].detach()
    return float(mean), float(log_sigma.exp())
