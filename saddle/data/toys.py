"""Toy densities with exact log p: mixtures of Gaussians on a ring, on a grid and on the line."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from hashlib import blake2b

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.dataset import Dataset
from saddle.data.draw import Draw, FreshDraw, require_part
from saddle.data.spec import Batch, Spec

__all__ = ["Mixture", "Toy", "gaussian1d", "grid", "log_mixture", "mixture1d", "mixture1200", "ring", "unit_ring"]

_CHUNK = 1 << 20
"""Distances held at once by `log_mixture`."""


class Toy(Dataset):
    """A density on R^d that can be drawn from without end and whose logarithm is known."""

    _fingerprint: str

    @property
    def fingerprint(self) -> str:
        """Of the parameters."""
        return self._fingerprint

    def __len__(self) -> int:
        return 0

    @abstractmethod
    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n new points (n, d) on the CPU, with their labels where there are any."""

    @abstractmethod
    def log_density(self, x: Tensor) -> Tensor:
        """log p(x) in nats.

        Args:
            x: points (N, d), on any device; gradients flow through.
        Returns:
            (N,), of x's dtype.
        """

    def draw(
        self,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        rank: int = 0,
        world: int = 1,
        mirror: bool = False,
    ) -> Draw:
        """An endless, seeded sequence of batches: see `Dataset.draw`."""
        require_part(batch, rank, world)
        require(not mirror, "mirror", mirror, "no mirroring, because these are points")
        return FreshDraw(lambda rng: self.sample(batch, rng), seed, device, rank)


def log_mixture(x: Tensor, means: Tensor, log_weights: Tensor, sigma: float) -> Tensor:
    """log sum_k w_k N(x; m_k, sigma² I), in nats.

    Args:
        x: points (N, d).
        means: m, (K, d).
        log_weights: log w, (K,); the weights need not sum to one.
        sigma: standard deviation in every direction.
    Returns:
        (N,), of x's dtype.

    >>> log_mixture(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1), 1.0)  # -log sqrt(2 pi)
    tensor([-0.9189])
    """
    require(x.ndim == 2 and x.shape[1] == means.shape[1], "x", tuple(x.shape), f"points (N, {means.shape[1]})")
    means, log_weights = means.to(x), log_weights.to(x)
    constant = -0.5 * x.shape[1] * math.log(2 * math.pi * sigma**2)
    parts = []
    for some in x.split(max(1, _CHUNK // len(means))):
        squares = (some[:, None] - means).square().sum(2)  # (n, K)
        parts.append((log_weights - squares / (2 * sigma**2)).logsumexp(1) + constant)  # (n,)
    return torch.cat(parts) if parts else x.new_empty(0)


class Mixture(Toy):
    """A mixture of Gaussians with one standard deviation; a sample's label is the mode it came from.

    Args:
        name: what to call it.
        means: (K, d).
        sigma: standard deviation in every direction, > 0.
        weights: K shares > 0, equal by default; they are brought to sum to one.
    Raises:
        ValueError: a parameter out of range.

    >>> Mixture("two", torch.tensor([[-1.0], [1.0]]), 0.5).log_density(torch.zeros(1, 1))
    tensor([-2.2258])
    """

    def __init__(self, name: str, means: Tensor, sigma: float, weights: Sequence[float] | None = None) -> None:
        require(means.ndim == 2 and means.numel() > 0, "means", tuple(means.shape), "means (K, d)")
        require(sigma > 0 and math.isfinite(sigma), "sigma", sigma, "a standard deviation above 0")
        shares = [1.0] * len(means) if weights is None else list(weights)
        fits = len(shares) == len(means) and all(w > 0 and math.isfinite(w) for w in shares)
        require(fits, "weights", shares, f"{len(means)} shares above 0, one for each mean")
        self.name = name
        self.means = means  # (K, d)
        self.sigma = sigma
        self.weights = torch.tensor(shares, dtype=torch.float64) / sum(shares)  # (K,)
        self.spec = Spec(means.shape[1], 0, len(means) if len(means) > 1 else 0)
        key = repr(("mixture", means.tolist(), sigma, self.weights.tolist()))
        self._fingerprint = blake2b(key.encode(), digest_size=16).hexdigest()

    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n new points and the modes they came from."""
        require(n >= 1, "n", n, "1 or more samples")
        mode = torch.multinomial(self.weights.to(rng.device), n, replacement=True, generator=rng).cpu()  # (n,)
        noise = torch.randn(n, self.means.shape[1], generator=rng, device=rng.device).cpu()  # (n, d)
        return Batch(self.means.float()[mode] + self.sigma * noise, mode if self.spec.classes else None)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x), (N, d) -> (N,) in nats, in closed form."""
        return log_mixture(x, self.means, self.weights.log(), self.sigma)


def ring(modes: int = 8, radius: float = 2.0, sigma: float = 0.02) -> Mixture:
    """Gaussians at angles 2 pi k / modes on a circle; ``ring8`` by default, as in unrolled GANs, arXiv:1611.02163.

    >>> [[round(value, 6) for value in mean] for mean in ring(4, radius=1.0).means.tolist()]
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """
    require(modes >= 1, "modes", modes, "1 or more modes")
    angle = 2 * math.pi * torch.arange(modes, dtype=torch.float64) / modes  # (K,): no angle is taken twice
    return Mixture(f"ring{modes}", radius * torch.stack([angle.cos(), angle.sin()], 1), sigma)


def unit_ring() -> Mixture:
    """``ring8-unit``: 8 modes of deviation 0.01 at radius 1, as in PacGAN, arXiv:1712.04086."""
    mixture = ring(8, radius=1.0, sigma=0.01)
    mixture.name = "ring8-unit"
    return mixture


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """Gaussians on a square grid about 0, ``side`` to a row; ``grid25`` by default, at {-4, -2, 0, 2, 4}².

    Source: Dumoulin et al. 2017, arXiv:1606.00704.

    >>> grid().means[:2].tolist()
    [[-4.0, -4.0], [-4.0, -2.0]]
    """
    require(side >= 1, "side", side, "1 or more modes to a row")
    ticks = spacing * (torch.arange(side, dtype=torch.float64) - (side - 1) / 2)  # (side,)
    return Mixture(f"grid{side * side}", torch.cartesian_prod(ticks, ticks), sigma)


def mixture1200() -> Mixture:
    """10 modes of deviation 1 in 1,200 dimensions, whose means have the same value on every coordinate.

    The values are VEEGAN's, as PacGAN's program has them. There the noise lies on the first 700 coordinates only, and
    the data have no density; here it lies on all of them. The nearest modes are 0.25 sqrt(1200) = 8.7 deviations apart.

    Source: after Srivastava et al. 2017, arXiv:1705.07761.
    """
    values = torch.tensor([-1.0, -0.5, 0.0, 0.5, -2.0, -2.5, 10.0, 0.25, -13.0, -5.5], dtype=torch.float64)
    return Mixture("mixture1200", values[:, None].expand(-1, 1200).contiguous(), 1.0)


def gaussian1d(mean: float = 2.0, sigma: float = 0.5) -> Mixture:
    """One Gaussian on the line.

    >>> gaussian1d(0.0, 1.0).log_density(torch.zeros(1, 1))
    tensor([-0.9189])
    """
    return Mixture("gaussian1d", torch.tensor([[mean]], dtype=torch.float64), sigma)


def mixture1d(
    means: Sequence[float] = (-2.0, 2.0), sigma: float = 0.5, weights: Sequence[float] | None = None
) -> Mixture:
    """Gaussians on the line, two by default.

    >>> mixture1d(weights=(3, 1)).weights
    tensor([0.7500, 0.2500], dtype=torch.float64)
    """
    return Mixture("mixture1d", torch.tensor(means, dtype=torch.float64)[:, None], sigma, weights)
