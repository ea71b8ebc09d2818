"""Toy densities along curves, with log p by quadrature: the Swiss roll and the two moons."""

import math
from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from saddle.config import require
from saddle.data.spec import Batch, Spec
from saddle.data.toys import Toy, log_mixture

__all__ = ["Curve", "moons", "swissroll"]

_NODES = 12
"""Gauss-Legendre nodes in a panel, and no panel is longer than sigma."""


class Curve(Toy):
    r"""A point of a curve plus Gaussian noise: x = c(u) + sigma * eps, with u uniform in [0, 1] and eps ~ N(0, I).

    p(x) = \int_0^1 N(x; c(u), sigma² I) du is integrated by Gauss-Legendre panels no longer than sigma. Within 10 sigma
    of the curve the error of log p is below 1e-6 in float64; much farther out it grows, where p is below e^-50.
    With several branches each is as likely, and a sample's label is its branch.

    Args:
        name: what to call it.
        branches: curves c, each from u (n,) in [0, 1] to points (n, d).
        sigma: standard deviation of the noise, > 0.
    Raises:
        ValueError: sigma is not above 0.
    """

    def __init__(self, name: str, branches: Sequence[Callable[[Tensor], Tensor]], sigma: float) -> None:
        require(sigma > 0 and math.isfinite(sigma), "sigma", sigma, "a standard deviation above 0")
        self.name = name
        self.branches = tuple(branches)
        self.sigma = sigma
        u, weights = _panels(self.branches, sigma)  # (Q,), (Q,)
        self._nodes = torch.cat([c(u) for c in branches])  # (B * Q, d)
        self._log_weights = (weights / len(branches)).log().repeat(len(branches))  # (B * Q,)
        self.spec = Spec(self._nodes.shape[1], 0, len(branches) if len(branches) > 1 else 0)
        coarse = [c(torch.linspace(0, 1, 65, dtype=torch.float64)).mul(1e6).round().tolist() for c in branches]
        self._fingerprint = blake2b(repr(("curve", coarse, sigma)).encode(), digest_size=16).hexdigest()

    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n new points and the branches they came from."""
        require(n >= 1, "n", n, "1 or more samples")
        branch = torch.randint(len(self.branches), (n,), generator=rng, device=rng.device).cpu()  # (n,)
        u = torch.rand(n, generator=rng, device=rng.device).cpu()  # (n,)
        noise = torch.randn(n, self.spec.channels, generator=rng, device=rng.device).cpu()  # (n, d)
        on = torch.stack([c(u) for c in self.branches])[branch, torch.arange(n)]  # (n, d)
        return Batch(on + self.sigma * noise, branch if self.spec.classes else None)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (N, d) -> (N,) in nats, by quadrature."""
        return log_mixture(x, self._nodes, self._log_weights, self.sigma)


def _panels(branches: Sequence[Callable[[Tensor], Tensor]], sigma: float) -> tuple[Tensor, Tensor]:
    """Nodes and weights of panels that are no longer than sigma on any branch: (Q,) and (Q,)."""
    u = torch.linspace(0, 1, 4097, dtype=torch.float64)
    fastest = max(float(c(u).diff(dim=0).norm(dim=1).max()) * 4096 for c in branches)
    count = math.ceil(1.01 * fastest / sigma)
    node, weight = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(_NODES))  # on [-1, 1]
    starts = torch.arange(count, dtype=torch.float64)[:, None]  # (P, 1)
    return ((starts + (node + 1) / 2) / count).flatten(), (weight / 2 / count).repeat(count)


def swissroll(turns: float = 1.5, radius: float = 2.0, sigma: float = 0.05) -> Curve:
    """A spiral that begins three quarters of a turn out, with the angle uniform, so that it thins outwards.

    Args:
        turns: how often it goes round.
        radius: of the outer end.
        sigma: noise.

    >>> bool(swissroll().log_density(torch.tensor([[0.0, 2.0]])) > swissroll().log_density(torch.zeros(1, 2)))
    True
    """
    require(turns > 0, "turns", turns, "more than 0")
    first, last = 1.5 * math.pi, (1.5 + 2 * turns) * math.pi

    def spiral(u: Tensor) -> Tensor:
        angle = first + (last - first) * u
        return (radius / last * angle)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)

    return Curve("swissroll", [spiral], sigma)


def moons(sigma: float = 0.1) -> Curve:
    """Two half circles of radius 1, each reaching into the other, about 0; a sample's label is its moon.

    >>> moons().spec.classes
    2
    """

    def upper(u: Tensor) -> Tensor:
        return torch.stack([(math.pi * u).cos() - 0.5, (math.pi * u).sin() - 0.25], 1)

    def lower(u: Tensor) -> Tensor:
        return torch.stack([0.5 - (math.pi * u).cos(), 0.25 - (math.pi * u).sin()], 1)

    return Curve("moons", [upper, lower], sigma)
