"""Annealed importance sampling: log p(x) of a generator with Gaussian noise on its output, and a bracket around it.

Chains of z walk from the prior to the posterior along p(z) p(x|z)^beta, beta from 0 to 1, each step a Hamiltonian
move; their weights average to p(x).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require

__all__ = [
    "LEAPFROG",
    "Bracket",
    "Noisy",
    "anneal",
    "anneal_back",
    "bracket",
    "log_mean_weight",
    "sigmoid_schedule",
    "tune",
]

LEAPFROG = 10
"""Leapfrog steps of one Hamiltonian move."""
TARGET = 0.65
"""Share of Hamiltonian moves accepted that step sizes are tuned to."""
JITTER = 0.2
"""Each move's step is scaled by a uniform draw from 1 -+ this, or trajectories could close upon themselves."""


@dataclass(frozen=True)
class Noisy:
    """The density that a generator is given: z ~ N(0, I), x | z ~ N(G(z), s^2 I)."""

    generate: Callable[[Tensor], Tensor]
    """G: z (B, z_dim) -> x (B, ...), differentiable, each row by itself (batch normalisation at rest)."""
    z_dim: int
    """Dimensions of z."""
    noise: float
    """s, the standard deviation of the noise, in the units of x."""

    def __post_init__(self) -> None:
        require(self.noise > 0, "noise", self.noise, "a standard deviation above 0")
        require(self.z_dim >= 1, "z_dim", self.z_dim, "1 or more dimensions of z")

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) of B pairs, float64 (B,), nats."""
        squares = (x - self.generate(z)).flatten(1).double().square().sum(1)
        return -0.5 * squares / self.noise**2 - 0.5 * x[0].numel() * math.log(2 * math.pi * self.noise**2)

    def density(self, x: Tensor, z: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """log p(z) p(x|z)^beta up to a constant, float64 (B,), and its gradient in z (B, z_dim)."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            log_p = beta * self.log_likelihood(x, z) - 0.5 * z.double().square().sum(1)
            (slope,) = torch.autograd.grad(log_p.sum(), z)
        return log_p.detach(), slope


@dataclass(frozen=True)
class Bracket:
    """Bounds of log p(x), in nats, of points that the model itself simulated."""

    lower: Tensor
    """(n,), log of the mean weight of chains from the prior: below log p(x) in expectation."""
    upper: Tensor
    """(n,), from chains that start at the z behind x and walk back: above log p(x) in expectation."""

    @property
    def gap(self) -> float:
        """Mean of upper - lower: annealing misses at most this on average; 0 when it has converged."""
        return float((self.upper - self.lower).mean())


def sigmoid_schedule(steps: int, sharpness: float = 4.0) -> Tensor:
    """Inverse temperatures beta_0 = 0 to beta_T = 1, close together at both ends.

    gamma_t = sigmoid(r (2t/T - 1)), beta_t = (gamma_t - gamma_0) / (gamma_T - gamma_0), r the sharpness.

    Returns:
        float64 (T + 1,), increasing.
    Raises:
        ValueError: fewer than one step.
    Source: Wu et al. 2017, arXiv:1611.04273.

    >>> sigmoid_schedule(2)
    tensor([0.0000, 0.5000, 1.0000], dtype=torch.float64)
    """
    require(steps >= 1, "steps", steps, "1 or more temperatures")
    gamma = torch.linspace(-sharpness, sharpness, steps + 1, dtype=torch.float64).sigmoid()
    return ((gamma - gamma[0]) / (gamma[-1] - gamma[0])).clamp(0.0, 1.0)


@torch.no_grad()
def tune(model: Noisy, x: Tensor, betas: Tensor, chains: int, rng: torch.Generator) -> Tensor:
    """Step sizes by temperature and point (T, n), from a walk of its own that adapts them until moves are accepted.

    The walks that are weighted keep these fixed: a step size that adapts to the chain it moves would bias the weights.

    Args and errors: as `anneal`'s.
    """
    _check(betas, x, chains)
    each = x.repeat(chains, *[1] * (x.ndim - 1))  # (chains * n, ...)
    z = _normal((len(each), model.z_dim), x, rng)
    log_step = torch.full((len(x),), math.log(0.1), dtype=x.dtype)
    found = []
    for beta in betas[1:].tolist():
        z, chance = _move(model, each, z, beta, log_step.exp().repeat(chains), rng)
        log_step = log_step + 0.5 * (chance.view(chains, -1).mean(0) - TARGET)
        found.append(log_step.exp())
    return torch.stack(found)


@torch.no_grad()
def anneal(model: Noisy, x: Tensor, betas: Tensor, steps: Tensor, chains: int, rng: torch.Generator) -> Tensor:
    """Log weights of chains that walk from the prior to the posterior; E[weight] = p(x).

    Args:
        model: the generator, its noise and its z.
        x: points (n, ...), float32 or float64: z is drawn in the same.
        betas: inverse temperatures (T + 1,) that rise from 0 to 1.
        steps: step sizes of the leapfrog (T, n), from `tune`.
        chains: chains of each point.
        rng: random numbers.
    Returns:
        float64 (chains, n), nats; `log_mean_weight` makes the estimate of them.
    Raises:
        ValueError: betas that do not rise from 0 to 1, steps of another shape, no chains, x not finite.
    Source: Neal 2001; Wu et al. 2017, arXiv:1611.04273, section 3.
    """
    _check(betas, x, chains, steps)
    each = x.repeat(chains, *[1] * (x.ndim - 1))  # (chains * n, ...)
    z = _normal((len(each), model.z_dim), x, rng)
    weight = torch.zeros(len(z), dtype=torch.float64)
    for t in range(1, len(betas)):
        weight += (betas[t] - betas[t - 1]) * model.log_likelihood(each, z)
        z, _ = _move(model, each, z, float(betas[t]), steps[t - 1].repeat(chains), rng)
    return weight.view(chains, -1)


@torch.no_grad()
def anneal_back(
    model: Noisy, x: Tensor, z: Tensor, betas: Tensor, steps: Tensor, chains: int, rng: torch.Generator
) -> Tensor:
    """Log weights of chains that walk from the posterior back to the prior; E[1 / weight] = 1 / p(x).

    Args:
        z: an exact draw from each point's posterior (n, z_dim): the z that x was simulated with.
        model: as in `anneal`, with x, betas, steps, chains and rng.
    Returns:
        float64 (chains, n), nats.
    Source: Grosse et al. 2015, arXiv:1511.02543 (bidirectional Monte Carlo).
    """
    _check(betas, x, chains, steps)
    each = x.repeat(chains, *[1] * (x.ndim - 1))  # (chains * n, ...)
    z = z.repeat(chains, 1)  # (chains * n, z_dim)
    weight = torch.zeros(len(z), dtype=torch.float64)
    for t in range(len(betas) - 1, 0, -1):
        z, _ = _move(model, each, z, float(betas[t]), steps[t - 1].repeat(chains), rng)
        weight += (betas[t] - betas[t - 1]) * model.log_likelihood(each, z)
    return weight.view(chains, -1)


def log_mean_weight(weights: Tensor) -> Tensor:
    """log of the mean weight over chains, (chains, n) -> (n,): below log p(x) in expectation, by Jensen."""
    return weights.logsumexp(0) - math.log(len(weights))


@torch.no_grad()
def bracket(model: Noisy, z: Tensor, betas: Tensor, chains: int, rng: torch.Generator) -> Bracket:
    """Bounds of log p(x) of points that the model itself simulates, x = G(z) + s e: how far annealing can be trusted.

    Args:
        z: draws from the prior (n, z_dim), one a point.
        model: as in `anneal`, with betas, chains and rng.
    """
    made = model.generate(z)
    x = made + model.noise * _normal(made.shape, made, rng)
    steps = tune(model, x, betas, chains, rng)
    forward = anneal(model, x, betas, steps, chains, rng)
    back = anneal_back(model, x, z, betas, steps, chains, rng)
    return Bracket(log_mean_weight(forward), -log_mean_weight(-back))


def _move(model: Noisy, x: Tensor, z: Tensor, beta: float, step: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """A Hamiltonian move that leaves p(z) p(x|z)^beta as it is: the new z (B, z_dim), chances of acceptance (B,)."""
    scale = 1 + JITTER * (2 * torch.rand(len(z), generator=rng, dtype=torch.float64) - 1)
    eps = (step * scale).to(z.dtype)[:, None]  # (B, 1)
    speed = _normal(z.shape, z, rng)
    start, slope = model.density(x, z, beta)
    energy = start - 0.5 * speed.double().square().sum(1)
    place = z
    for _ in range(LEAPFROG):
        speed = speed + 0.5 * eps * slope
        place = place + eps * speed
        end, slope = model.density(x, place, beta)
        speed = speed + 0.5 * eps * slope
    gain = end - 0.5 * speed.double().square().sum(1) - energy
    chance = gain.nan_to_num(nan=-math.inf, neginf=-math.inf).clamp_max(0.0).exp()  # a path that diverged is refused
    taken = torch.rand(len(z), generator=rng, dtype=torch.float64) < chance
    return torch.where(taken[:, None], place, z), chance.to(z.dtype)


def _normal(shape: tuple[int, ...], like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, dtype=like.dtype)


def _check(betas: Tensor, x: Tensor, chains: int, steps: Tensor | None = None) -> None:
    rising = bool((betas.diff() >= 0).all()) and float(betas[0]) == 0 and float(betas[-1]) == 1
    require(rising, "betas", betas.tolist()[:3], "inverse temperatures that rise from 0 to 1")
    require(chains >= 1, "chains", chains, "1 or more chains a point")
    require(bool(x.isfinite().all()), "x", "NaN or infinity", "finite numbers")
    wanted = (len(betas) - 1, len(x))
    require(steps is None or tuple(steps.shape) == wanted, "steps", steps, f"step sizes {wanted}")
