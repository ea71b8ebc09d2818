"""Mean and covariance of features in float64: exact merges over shards and ranks, a cached factor of the covariance."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from saddle.config import require

__all__ = ["Moments", "gram"]

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Moments:
    """Number, mean and scatter of samples in R^d.

    Of n <= d samples the centred samples themselves are kept in place of the (d, d) scatter: they are smaller, and the
    measures that know it never form a covariance.

    >>> half = Moments.of(torch.tensor([[0.0, 0.0], [2.0, 0.0]]))
    >>> half.merge(Moments.of(torch.tensor([[1.0, 3.0]]))).covariance
    tensor([[1., 0.], [0., 3.]], dtype=torch.float64)
    """

    n: int
    """Number of samples."""
    mean: Tensor
    """float64 (d,)."""
    outer: Tensor | None = None
    """sum_i (x_i - mean)(x_i - mean)^T, float64 (d, d); None where ``rows`` stands for it."""
    rows: Tensor | None = None
    """x_i - mean, float64 (n, d), where n <= d; None where ``outer`` is given."""

    def __post_init__(self) -> None:
        require((self.outer is None) != (self.rows is None), "moments", "both or none", "the scatter or centred rows")

    @classmethod
    def of(cls, rows: Tensor) -> "Moments":
        """Of features, in chunks, about the mean of the first chunk: no cancellation, and little memory.

        Args:
            rows: (n, d), any float type, on any device.
        Raises:
            ValueError: another shape, no rows, or not finite.
        """
        require(rows.ndim == 2 and rows.numel() > 0, "features", tuple(rows.shape), "features (n, d), 1 or more")
        rows, (n, d) = rows.detach(), rows.shape
        if n <= d:
            centred = rows.double()
            mean = centred.mean(0)
            return cls(n, _finite(mean), rows=centred - mean)
        pilot = rows[:_CHUNK].double().mean(0)  # (d,)
        total, outer = torch.zeros_like(pilot), pilot.new_zeros(d, d)
        for chunk in rows.split(_CHUNK):
            centred = chunk.double() - pilot  # (b, d)
            total += centred.sum(0)
            outer += gram(centred)
        shift = total / n
        return cls(n, _finite(pilot + shift), outer.addr_(shift, shift, alpha=-n))

    @property
    def d(self) -> int:
        """Number of features."""
        return len(self.mean)

    @property
    def thin(self) -> bool:
        """Whether centred rows stand for the scatter."""
        return self.rows is not None

    @cached_property
    def scatter(self) -> Tensor:
        """sum_i (x_i - mean)(x_i - mean)^T, (d, d)."""
        if self.outer is not None:
            return self.outer
        assert self.rows is not None
        return gram(self.rows)

    @property
    def covariance(self) -> Tensor:
        """Unbiased, scatter / (n - 1), (d, d).

        Raises:
            ValueError: one sample has none.
        """
        return self.scatter / self._freedom

    @cached_property
    def trace(self) -> float:
        """Trace of the covariance: the total variance."""
        total = self.rows.square().sum() if self.rows is not None else self.scatter.trace()
        return float(total) / self._freedom

    @cached_property
    def half(self) -> Tensor:
        """H (d, r) with H H^T = covariance, computed once.

        The centred rows where they are kept, turned so that the one that centring costs is gone (r = n - 1); else
        Cholesky's factor (r = d); else, for a singular covariance, the eigenvectors of its rank r <= d, scaled.
        """
        if self.rows is not None:
            return _without_mean(self.rows).T / self._freedom**0.5  # (d, n - 1)
        S = self.covariance
        lower, failed = torch.linalg.cholesky_ex(S)
        return lower if not failed else _root(S)

    @cached_property
    def eigenvalues(self) -> Tensor:
        """Of the covariance, ascending, never negative: (d,), or (n,) of them where n <= d, the others being 0."""
        small = gram(self.rows.T) / self._freedom if self.rows is not None else self.covariance
        return torch.linalg.eigvalsh(small).clamp_min(0.0)

    @property
    def _freedom(self) -> int:
        require(self.n >= 2, "features", f"{self.n} rows", "2 or more: one sample has no covariance")
        return self.n - 1

    def merge(self, other: "Moments") -> "Moments":
        """Of both sets of samples together, exact up to rounding. Chan, Golub and LeVeque 1983, eq. 2.1.

        Raises:
            ValueError: another number of features.
        """
        require(self.d == other.d, "features", f"{self.d} and {other.d}", "as many on both sides")
        n, gap = self.n + other.n, other.mean - self.mean
        mean = self.mean + gap * (other.n / n)
        if self.rows is not None and other.rows is not None and n <= self.d:
            return Moments(n, mean, rows=torch.cat([self.rows + (self.mean - mean), other.rows + (other.mean - mean)]))
        outer = self.scatter + other.scatter
        return Moments(n, mean, outer.addr_(gap, gap, alpha=self.n * other.n / n))

    def all_reduce(self) -> "Moments":
        """Of the samples of all ranks of `torch.distributed`'s default group, on every rank: one exact merge.

        Raises:
            ValueError: no group has been started.
        """
        require(dist.is_available() and dist.is_initialized(), "ranks", "none", "a started torch.distributed group")
        n = torch.tensor(self.n, dtype=torch.float64, device=self.mean.device)
        mean = self.mean * self.n
        dist.all_reduce(n)
        dist.all_reduce(mean)
        mean /= n
        gap = self.mean - mean
        outer = torch.addr(self.scatter, gap, gap, alpha=self.n)
        dist.all_reduce(outer)
        return Moments(int(n), mean, outer)

    def save(self, path: str | Path) -> None:
        """Write n, mean and scatter (or the centred rows) as a safetensors file."""
        held = {"n": torch.tensor(self.n), "mean": self.mean, "outer": self.outer, "rows": self.rows}
        save_file({name: x.contiguous() for name, x in held.items() if x is not None}, path)

    @classmethod
    def load(cls, path: str | Path, n: int | None = None) -> "Moments":
        """Read what `save` wrote, or the reference statistics of other packages: an ``.npz`` with ``mu`` and ``sigma``.

        Args:
            path: a file; its suffix says which of the two. Nothing in it is executed.
            n: number of samples behind an ``.npz``, which does not hold it. The distance does not depend on it; its
                estimated bias and every merge do.
        Raises:
            ValueError: not such a file, shapes that do not fit, not finite, or no n for an ``.npz``.
        """
        if Path(path).suffix != ".npz":
            return _read_own(path)
        require(n is not None and n >= 2, "n", n, f"the number of samples behind {path}, which it does not hold")
        assert n is not None
        try:
            with np.load(path, allow_pickle=False) as held:
                mean, S = (torch.from_numpy(np.asarray(held[key], dtype=np.float64)) for key in ("mu", "sigma"))
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"statistics={path}: expected arrays mu (d,) and sigma (d, d)") from error
        require(mean.ndim == 1 and S.shape == (len(mean),) * 2, str(path), tuple(S.shape), "mu (d,), sigma (d, d)")
        _finite(S)
        return cls(n, _finite(mean), (S + S.T) * (0.5 * (n - 1)))


def _read_own(path: str | Path) -> Moments:
    try:
        with safe_open(path, framework="pt") as file:
            held = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # it is no mapping
        return Moments(int(held["n"]), _finite(held["mean"]), held.get("outer"), held.get("rows"))
    except (SafetensorError, KeyError, OSError) as error:
        raise ValueError(f"statistics={path}: expected a file that Moments.save wrote, or an .npz") from error


def _finite(x: Tensor) -> Tensor:
    require(bool(x.isfinite().all()), "features", "NaN or infinity", "finite numbers")
    return x


def gram(rows: Tensor) -> Tensor:
    """rows^T rows (d, d) of rows (n, d). NumPy sees that both factors are one, and does half the work torch does."""
    if rows.device.type != "cpu":
        return rows.T @ rows
    x = rows.numpy()
    return torch.from_numpy(np.dot(x.T, x))


def _without_mean(centred: Tensor) -> Tensor:
    """Rows (n - 1, d) with the same scatter as centred ones (n, d): Householder's reflection that takes 1 to e_1."""
    n = len(centred)
    v = torch.ones(n, 1, dtype=centred.dtype, device=centred.device)
    v[0] += n**0.5
    return (centred - v * ((v.T @ centred) / (n + n**0.5)))[1:]


def _root(S: Tensor) -> Tensor:
    """V sqrt(l) (d, r) over the r eigenvalues of S that are not rounding; (d, 1) of zeros for S = 0."""
    values, vectors = torch.linalg.eigh(S)
    kept = values > len(S) * torch.finfo(S.dtype).eps * values[-1].clamp_min(0.0)
    kept[-1] = True
    return vectors[:, kept] * values[kept].clamp_min(0.0).sqrt()
