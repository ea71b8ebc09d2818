"""Perceptual path length: how fast a generator's output changes as z moves, Karras et al. 2019, arXiv:1812.04948."""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.func import jvp

from saddle.config import require
from saddle.evaluation import interpolation
from saddle.evaluation.measures.lpips import Staged, embed, title
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.side import Model
from saddle.evaluation.study import Study

__all__ = ["lerp", "path_length", "path_length_by_difference", "ppl", "slerp", "trimmed_mean"]

PATHS = {"pixels": 500, "network": 200}
"""Paths that the measure looks at: fewer where each costs passes of a network."""
BATCH = 25
"""Paths at a time."""
RESAMPLES = 1000
"""Bootstrap resamples behind the interval."""

Map = Callable[[Tensor], Tensor]


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """(1 - t) a + t b, each row at its own t: a, b (N, d), t (N,) -> (N, d).

    >>> lerp(torch.tensor([[0.0, 2.0]]), torch.tensor([[4.0, 2.0]]), torch.tensor([0.25]))
    tensor([[1., 2.]])
    """
    return interpolation.lerp(a, b, t[:, None])


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    r"""Along the great circle from a to b: (sin((1 - t) w) a + sin(t w) b) / sin w, with w the angle between them.

    Between draws of a Gaussian, whose lengths hardly differ in many dimensions, it stays where draws lie; a straight
    line cuts through the inside, where none do. Rows of opposite or equal direction are joined by a straight line.

    Args:
        a: (N, d).
        b: (N, d).
        t: (N,), in [0, 1].
    Returns:
        (N, d); of length one where both ends are.
    Source: Shoemake 1985; White 2016, arXiv:1609.04468.

    >>> slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0.5]))
    tensor([[0.7071, 0.7071]])
    """
    return interpolation.slerp(a, b, t[:, None])


def path_length(phi: Map, path: Map, t: Tensor) -> Tensor:
    r"""|d phi(x(t)) / dt|^2 of every path at its own t, by forward-mode differentiation.

    The limit eps -> 0 of the published |phi(x(t + eps)) - phi(x(t))|^2 / eps^2: nothing cancels, and no eps to choose.

    Args:
        phi: x -> features (N, ...), whose squared Euclidean distance is the perceptual one; rows must not mix.
        path: t (N,) -> x(t) (N, ...), the generator included.
        t: (N,).
    Returns:
        Float64 (N,), 0 or more, squared feature units.

    >>> path_length(lambda x: x, lambda t: torch.stack([3 * t, 4 * t], 1), torch.tensor([0.0, 0.5]))
    tensor([25., 25.], dtype=torch.float64)
    """
    velocity = jvp(lambda s: phi(path(s)), (t,), (torch.ones_like(t),))[1]
    return velocity.detach().flatten(1).double().square().sum(1)


def path_length_by_difference(phi: Map, path: Map, t: Tensor, eps: float = 1e-4) -> Tensor:
    """|phi(x(t + eps)) - phi(x(t))|^2 / eps^2 (N,), float64: the published form, for what has no forward derivative.

    In float32, rounding alone adds about (1e-7 / eps)^2 times the squared size of the features: 1e-6 of it at 1e-4.

    Raises:
        ValueError: eps not positive.
    """
    require(eps > 0, "eps", eps, "a positive step")
    step = phi(path(t + eps)) - phi(path(t))
    return (step.detach().flatten(1).double() / eps).square().sum(1)


def trimmed_mean(values: Tensor) -> Tensor:
    """Mean over the last axis of what lies from the 1st to the 99th percentile, ends rounded outwards, as published.

    Fewer than 101 values lose none.

    >>> trimmed_mean(torch.arange(201.0))
    tensor(100.)
    """
    last = values.shape[-1] - 1
    low, high = math.floor(0.01 * last), math.ceil(0.99 * last - 1e-9)
    return values.sort(-1).values[..., low : high + 1].mean(-1)


def ppl(study: Study) -> Result:
    """Trimmed mean of squared speeds, at uniform t, of paths between draws of z, by forward-mode differentiation.

    Value: of pixels (mean over the numbers of x, in [-1, 1]; 500 paths) or, where the study's extractor is a network
    with stages, of their LPIPS form (200 paths). Paths are great circles for a Gaussian z and straight for a bounded
    one; labels stay as they are along a path. Interval: bootstrap over paths. Details: ``chord``, the mean squared
    distance between the ends: the value of paths that run straight and evenly; ``ratio`` to it; ``untrimmed``.
    """
    model, rng = study.model, study.rng("ppl")
    phi, distance = _features(study)
    paths = PATHS["pixels" if phi is _pixels else "network"]
    speeds, chords, kind, method = _walk(model, phi, paths, rng)
    require(
        bool(speeds.isfinite().all()), model.name, "speeds that are not finite", "a generator that has not diverged"
    )
    value, chord = float(trimmed_mean(speeds)), float(trimmed_mean(chords))
    details = {
        "distance": distance,
        "path": kind,
        "t": "uniform",
        "method": method,
        "paths": len(speeds),
        "trimmed": "1st to 99th percentile",
        "untrimmed": float(speeds.mean()),
        "chord": chord,
        "ratio": value / chord if chord > 0 else None,
        "interval_over": "paths, by bootstrap",
    }
    return Result(value, _bootstrap(speeds, rng), details)


def _features(study: Study) -> tuple[Map, str]:
    network = study.extractor
    if not study.model.spec.points and isinstance(network, Staged):
        heads = network.heads
        return lambda x: embed(network.stages(x.to(network.device)), heads), title(network)
    return _pixels, "points, mean over coordinates" if study.model.spec.points else "pixels, mean over numbers"


def _pixels(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    return flat / math.sqrt(flat.shape[1])  # squared distances are then means over the numbers


def _walk(model: Model, phi: Map, paths: int, rng: torch.Generator) -> tuple[Tensor, Tensor, str, str]:
    """Squared speeds (n,) and squared distances of the ends (n,), with the names of path and method."""
    a, b = model.prior(paths, rng), model.prior(paths, rng)  # (n, z_dim)
    labels, t = model.labels(paths, rng), torch.rand(paths, generator=rng)
    bounded = float(a.abs().max()) <= 1.0 or a.shape[1] == 1  # one dimension has no circles
    between, length, method = (lerp if bounded else slerp), path_length, "forward mode"
    device, speeds, chords = model.game.device, [], []
    with model.generator() as generate:
        for i in range(0, paths, BATCH):
            z0, z1, s = (held[i : i + BATCH].to(device) for held in (a, b, t))
            y = None if labels is None else labels[i : i + BATCH].to(device)
            along = partial(_along, generate, between, z0, z1, y)
            try:
                found = length(phi, along, s)
            except NotImplementedError:  # an operation without forward derivative
                length, method = path_length_by_difference, "differences over 1e-4"
                found = length(phi, along, s)
            with torch.no_grad():
                ends = phi(generate(z1, y)) - phi(generate(z0, y))
            speeds.append(found.cpu())
            chords.append(ends.flatten(1).double().square().sum(1).cpu())
    return torch.cat(speeds), torch.cat(chords), between.__name__, method


def _along(
    generate: Callable[[Tensor, Tensor | None], Tensor],
    between: Callable[[Tensor, Tensor, Tensor], Tensor],
    z0: Tensor,
    z1: Tensor,
    y: Tensor | None,
    t: Tensor,
) -> Tensor:
    return generate(between(z0, z1, t), y)


def _bootstrap(values: Tensor, rng: torch.Generator) -> Interval:
    index = torch.randint(len(values), (RESAMPLES, len(values)), generator=rng)
    means = trimmed_mean(values[index])  # (RESAMPLES,)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return low, high
