"""Fréchet distances: FID by cached factors, its bias and interval, FID-infinity, clean-FID, and MiFID's penalty."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.moments import Moments, gram
from saddle.evaluation.result import Result
from saddle.evaluation.study import Study

__all__ = [
    "Extrapolation",
    "clean_fid",
    "extrapolate",
    "fid",
    "fid_infinity",
    "frechet_bias",
    "frechet_distance",
    "frechet_error",
    "memorisation_distance",
    "mifid",
]

_LOSS = 1e-9
_TILE = 1 << 24
_MEMORISED = 1000


def frechet_distance(a: Moments, b: Moments) -> float:
    r"""Squared Fréchet (2-Wasserstein) distance of Gaussians, |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^{1/2}).

    With H H^T = S the last trace is the nuclear norm of H_a^T H_b, so nothing complex and no square root of a matrix
    appears, and n <= d samples never form a covariance. The distance is never negative: rounding of at most about
    1e-9 (tr S_a + tr S_b) below 0 is returned as 0.

    Args:
        a: moments of one side; the one that many others are compared with, for its factor is cached.
        b: moments of the other.
    Returns:
        In [0, inf), in squared units of the features.
    Raises:
        ValueError: one sample on a side, or different numbers of features.
    Source: Heusel et al. 2017, arXiv:1706.08500, eq. 6; Dowson and Landau 1982.

    >>> a, b = Moments.of(torch.tensor([[-1.0], [1.0]])), Moments.of(torch.tensor([[0.0], [4.0]]))
    >>> f"{frechet_distance(a, b):.3f}"  # (0 - 2)^2 + (sqrt 2 - sqrt 8)^2
    '6.000'
    """
    require(a.d == b.d, "features", f"{a.d} and {b.d}", "as many on both sides")
    shift = (a.mean - b.mean).square().sum()
    return max(0.0, float(shift) + a.trace + b.trace - 2.0 * _overlap(a, b))


def _overlap(a: Moments, b: Moments) -> float:
    """tr (S_a S_b)^{1/2}, the nuclear norm of G = H_a^T H_b."""
    G = a.half.T @ b.half  # (r, s)
    squares = torch.linalg.eigvalsh(gram(G if G.shape[1] <= G.shape[0] else G.T))  # half the time of singular values
    floor = 4.0 * torch.finfo(squares.dtype).eps * squares[-1].clamp_min(0.0)  # error seen of each
    roots = squares.clamp_min(0.0).sqrt()
    # An error e of a square is e / 2s of its root s, and at most sqrt(e): harmless unless G is close to singular.
    lost = torch.minimum(floor / (2.0 * roots), floor.sqrt()).nansum()
    exact = lost <= _LOSS * (a.trace + b.trace)
    return float(roots.sum() if exact else torch.linalg.svdvals(G).sum())


def frechet_bias(eigenvalues: Tensor, n: float, m: float = math.inf) -> float:
    r"""How far above 0 the distance of two samples of one Gaussian lies on average, to first order in 1/n + 1/m.

    (1/n + 1/m) [ 5/4 sum_i l_i + 1/2 sum_ij l_i l_j / (l_i + l_j) ], from the second-order expansion of the distance:
    the means give sum l_i, the covariances the rest.

    Args:
        eigenvalues: l (d,) of the covariance, not negative.
        n: number of samples on one side.
        m: on the other; infinite where the reference is exact.
    Returns:
        In [0, inf). It shrinks as d/n; near n = d higher orders matter and it is only indicative.
    Source: Chong and Forsyth 2020, arXiv:1911.07023, observe the 1/n law; the constant is derived in the docs.

    >>> f"{frechet_bias(torch.ones(1), 100):.4f}"
    '0.0150'
    """
    lam = eigenvalues.double()
    return float((1 / n + 1 / m) * (1.25 * lam.sum() + 0.5 * _harmonic(lam).sum()))


def _harmonic(lam: Tensor) -> Tensor:
    """l_i l_j / (l_i + l_j), 0 where both are 0, (d, d)."""
    both = lam[:, None] + lam
    return lam[:, None] * lam / torch.where(both > 0, both, 1.0)


def frechet_error(x: Tensor, y: Tensor, a: Moments, b: Moments) -> float:
    r"""Standard error of the Fréchet distance over the samples of both sides, at these numbers of samples.

    The distance moves with the weight of one sample x of side a by its influence

        phi(x) = 2 (mu_a - mu_b).(x - mu_a) + (x - mu_a)^T (I - A)(x - mu_a) - mean,

    A being the optimal transport map's matrix from N_a to N_b, and var = sum over sides of E phi^2 / n. Where the sides
    agree phi is 0 and the quadratic term v_2 of the expansion is all there is; the first sum then has mean 2 v_2.
    Hence var = max(first - 2 v_2, 0) + v_2, right at both ends, with v_2 = (1/n + 1/m)^2 [ 9/4 sum_i l_i^2
    + sum_ij (l_i l_j / (l_i + l_j))^2 ] for Gaussian features of covariance eigenvalues l.

    Args:
        x: features of one side (n, d), 2 or more.
        y: features of the other (m, d), likewise.
        a: moments of x.
        b: moments of y.
    Returns:
        Standard error in [0, inf).
    Source: derived here; for the limit law see Rippl, Munk and Sturm 2016, arXiv:1504.07889.
    """
    first = sum(float(phi.square().mean()) / len(phi) for phi in _influences(x, a, y, b))
    second = _second_order_variance(_pooled_eigenvalues(a, b), len(x), len(y))
    return math.sqrt(max(first - 2.0 * second, 0.0) + second)


def _influences(x: Tensor, a: Moments, y: Tensor, b: Moments) -> tuple[Tensor, Tensor]:
    """phi of every sample of both sides, (n,) and (m,)."""
    G = a.half.T @ b.half  # (r, s)
    squares, U = torch.linalg.eigh(G @ G.T)
    kept = squares > (torch.finfo(squares.dtype).eps * squares[-1]).clamp_min(torch.finfo(squares.dtype).tiny)
    U, sigma = U[:, kept], squares[kept].sqrt()  # G = U diag(sigma) V^T
    # A = W^T W with W = sigma^{-3/2} U^T G H_b^T, and its inverse likewise with W = sigma^{-1/2} U^T H_a^T: no factor
    # is inverted, so singular covariances are no special case.
    forward = sigma.pow(-1.5)[:, None] * (U.T @ G @ b.half.T)  # (r, d)
    backward = sigma.pow(-0.5)[:, None] * (U.T @ a.half.T)
    gap = a.mean - b.mean
    return _influence(x, a.mean, gap, forward), _influence(y, b.mean, -gap, backward)


def _influence(rows: Tensor, mean: Tensor, gap: Tensor, W: Tensor) -> Tensor:
    """2 gap.(x - mean) + |x - mean|^2 - |W (x - mean)|^2 of every row, less its mean, (n,)."""
    parts = []
    for chunk in rows.split(4096):
        centred = chunk.double() - mean
        parts.append(2.0 * centred @ gap + centred.square().sum(1) - (centred @ W.T).square().sum(1))
    phi = torch.cat(parts)
    return phi - phi.mean()


def _pooled_eigenvalues(a: Moments, b: Moments) -> Tensor:
    """Of the mean of both covariances, weighted by the samples, ascending; zeros may be left out."""
    if a.thin and b.thin:
        both = torch.cat([a.half * (a.n / (a.n + b.n)) ** 0.5, b.half * (b.n / (a.n + b.n)) ** 0.5], 1)
        return torch.linalg.svdvals(both).square().flip(0)
    S = (a.n * a.covariance + b.n * b.covariance) / (a.n + b.n)
    return torch.linalg.eigvalsh(S).clamp_min(0.0)


def _second_order_variance(lam: Tensor, n: float, m: float) -> float:
    return float((1 / n + 1 / m) ** 2 * (2.25 * lam.square().sum() + _harmonic(lam).square().sum()))


class Extrapolation(NamedTuple):
    """The distance at several numbers of samples, and the line through them over 1/N."""

    value: float
    """Intercept: the distance at infinitely many generated samples; noise may take it below 0."""
    slope: float
    """Bias times N."""
    error: float
    """Standard error of the value over samples of both sides."""
    sizes: tuple[int, ...]
    """N of each point."""
    distances: tuple[float, ...]
    """The distance at each point."""


def extrapolate(real: Tensor, fake: Tensor, rng: torch.Generator, points: int = 15) -> Extrapolation:
    r"""Fréchet distance at N -> infinity: intercept of a least-squares line of FID_N over 1/N.

    The N are evenly spaced prefixes of one shuffle of the generated rows, so every point only adds to the moments of
    the one before. The points share samples: with intercept = sum_j w_j FID_j, a sample moves it by
    phi(x) sum_{j: x in j} w_j / N_j (phi of `frechet_error`), and the quadratic terms of points i, j have covariance
    v_2 (1 / max(N_i, N_j) + 1 / M)^2. Only the bias of the generated side goes; that of M real rows stays.

    Args:
        real: (M, d), all used at every point.
        fake: (N, d).
        rng: order of the generated rows.
        points: N values, from max(N / 10, 2 d) or N / 2, whichever is less, to N.
    Raises:
        ValueError: fewer than 4 generated rows, or 2 real ones.
    Source: Chong and Forsyth 2020, arXiv:1911.07023, section 4.2; the error is derived here.
    """
    count, d = fake.shape
    require(count >= 4, "generated", count, "4 or more samples, to see how the distance falls with them")
    least = max(2.0, min(max(count / 10, 2 * d), count / 2))
    sizes = sorted({round(size) for size in torch.linspace(least, count, points, dtype=torch.float64).tolist()})
    fake = fake[torch.randperm(count, generator=rng)]
    reference, moments, distances = Moments.of(real), None, []
    for start, end in pairwise([0, *sizes]):
        part = Moments.of(fake[start:end])
        moments = part if moments is None else moments.merge(part)
        distances.append(frechet_distance(reference, moments))
    assert moments is not None
    design = torch.stack([torch.ones(len(sizes)), 1.0 / torch.tensor(sizes)], 1).double()
    weights = torch.linalg.pinv(design)  # (2, points)
    value, slope = (weights @ torch.tensor(distances, dtype=torch.float64)).tolist()
    error = _intercept_error(weights[0], torch.tensor(sizes).double(), real, reference, fake, moments)
    return Extrapolation(value, slope, error, tuple(sizes), tuple(distances))


def _intercept_error(w: Tensor, sizes: Tensor, real: Tensor, a: Moments, fake: Tensor, b: Moments) -> float:
    """Standard error of sum_j w_j FID(real, fake[:sizes_j])."""
    n, m = len(fake), len(real)
    of_real, of_fake = _influences(real, a, fake, b)
    tails = (w / sizes).flip(0).cumsum(0).flip(0)
    pull = tails[torch.searchsorted(sizes, torch.arange(n).double(), right=True)]  # (n,), of every sample
    first = float(of_real.square().mean()) / m + float((of_fake * pull).square().sum())
    unit = _second_order_variance(_pooled_eigenvalues(a, b), 1, math.inf)  # v_2 where 1/n + 1/m = 1
    shared = (1.0 / torch.maximum(sizes, sizes[:, None]) + 1.0 / m).square()
    second = unit * float(w @ shared @ w)
    expected = 2.0 * unit * (1 / n + 1 / m) * (1 / m + float(pull.square().sum()))  # of ``first`` where sides agree
    return math.sqrt(max(first - expected, 0.0) + second)


def memorisation_distance(real: Tensor, fake: Tensor) -> float:
    """How near generated samples lie to real ones in angle: mean over y of min over x of 1 - |cos(x, y)|.

    Args:
        real: training features (n, d).
        fake: generated features (m, d); torchmetrics takes the mean over real rows instead.
    Returns:
        In [0, 1]; 0: every sample is a multiple of a training sample.
    Source: Bai et al. 2021, arXiv:2106.03062, section 4.

    >>> memorisation_distance(torch.eye(2), torch.tensor([[3.0, 0.0], [3.0, 4.0]]))
    0.1
    """
    training = F.normalize(real.double(), dim=1)
    nearest = [
        (F.normalize(chunk.double(), dim=1) @ training.T).abs().amax(1) for chunk in fake.split(_TILE // len(real) + 1)
    ]
    return float((1.0 - torch.cat(nearest)).clamp_min(0.0).mean())


def mifid(distance: float, memorisation: float, threshold: float = 0.1) -> float:
    """Memorisation-informed FID: the distance over the `memorisation_distance`, where that is below a threshold.

    Args:
        distance: Fréchet distance.
        memorisation: in [0, 1].
        threshold: from here on nothing counts as copied, and the distance stays as it is.
    Returns:
        In [0, inf).
    Source: Bai et al. 2021, arXiv:2106.03062, section 4, with 1e-14 beneath the fraction as its authors have it.

    >>> mifid(2.0, 0.05), mifid(2.0, 0.3)
    (40.0, 2.0)
    """
    return distance / (memorisation + 1e-14) if memorisation < threshold else distance


def fid(study: Study) -> Result:
    """Fréchet distance of the two sides' features, with the interval of its error over samples.

    Details: d; ``bias_if_equal``, what N alone would give two samples of one Gaussian, and ``baseline``, the distance
    of two halves of the real features with ``baseline_samples`` each: compare values only at equal N. ``mifid`` and its
    ``memorisation``, over ``memorisation_samples`` generated rows. ``warning`` where N <= d.
    """
    a, b = study.real_moments, study.fake_moments
    value = frechet_distance(a, b)
    error = frechet_error(study.real_features, study.fake_features, a, b)
    details: dict[str, Any] = {"d": a.d, "bias_if_equal": frechet_bias(_pooled_eigenvalues(a, b), a.n, b.n)}
    rng = study.rng("fid")
    if a.n >= 4:
        rows = study.real_features[torch.randperm(a.n, generator=rng)]
        details |= {
            "baseline": frechet_distance(Moments.of(rows[: a.n // 2]), Moments.of(rows[a.n // 2 :])),
            "baseline_samples": a.n // 2,
        }
    some = study.fake_features[torch.randperm(b.n, generator=rng)[:_MEMORISED]]
    memorisation = memorisation_distance(study.real_features, some)
    details |= {"mifid": mifid(value, memorisation), "memorisation": memorisation, "memorisation_samples": len(some)}
    if min(a.n, b.n) <= a.d:
        details["warning"] = f"{min(a.n, b.n)} samples in {a.d} dimensions: the covariance is singular, the bias large"
    details["interval_over"] = "samples of both sides, at these numbers of samples"
    return Result(value, _around(value, error), details)


def clean_fid(study: Study) -> Result:
    """FID of features of images brought to size by antialiased bicubic interpolation.

    Value, interval and details as `fid`; ``resize`` and ``size`` name what was done.

    Raises:
        ValueError: the extractor takes images as they are.
    """
    if study.extractor.resize != "bicubic-aa":
        study = replace(study, extractor=study.extractor.with_resize("bicubic-aa"))
    found = fid(study)
    return replace(found, details={**found.details, "resize": study.extractor.resize, "size": study.extractor.size})


def fid_infinity(study: Study) -> Result:
    """FID extrapolated to infinitely many generated samples: see `extrapolate`.

    Details: N and distance of the points, the line's ``slope``, and a ``warning`` where the least N is not above 2 d,
    where the bias does not yet fall as 1/N.
    """
    found = extrapolate(study.real_features, study.fake_features, study.rng("fid-infinity"))
    details: dict[str, Any] = {
        "sizes": list(found.sizes),
        "distances": list(found.distances),
        "slope": found.slope,
        "interval_over": "samples of both sides; the bias of the real side's number stays",
    }
    d = study.real_moments.d
    if found.sizes[0] < 2 * d:
        details["warning"] = f"points from N = {found.sizes[0]} in {d} dimensions: expected N of at least {2 * d}"
    return Result(found.value, (found.value - Z95 * found.error, found.value + Z95 * found.error), details)


def _around(value: float, error: float) -> tuple[float, float]:
    return max(0.0, value - Z95 * error), value + Z95 * error
