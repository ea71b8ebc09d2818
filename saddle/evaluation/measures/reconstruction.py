"""Reconstruction error: how near a generator can come to given samples, by descent in z from good starts."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from saddle.config import require
from saddle.evaluation.result import Result
from saddle.evaluation.side import Model, Side, to_bytes
from saddle.evaluation.study import Study

__all__ = ["Recovery", "minimise_rows", "nearest", "reconstruction_error", "recover", "recovery_gap"]

IMAGES = 64
"""Held-out samples, and as many of those trained on, that are searched for at most."""
POOL = 2000
"""Generated samples among which the starts are looked for."""
RESTARTS = 2
"""Starts of each sample: the nearest of the pool, and the next."""
STEPS = 200
"""Evaluations of the generator for each start."""
OWN = 16
"""Generated samples that are searched for as well: what is left of them is the search's own failure."""
IDLE = 30
"""Evaluations without progress after which a row has arrived."""
CHUNK = 128
"""Searches that run side by side."""


@dataclass(frozen=True)
class Recovery:
    """What the search found for n samples."""

    z: Tensor
    """(n, z_dim), the best of the restarts."""
    errors: Tensor
    """float64 (n,), mean squared error per number of G(z) against the sample, [0, inf)."""
    by_restart: Tensor
    """float64 (restarts, n), where each restart ended."""


class _Curvature:
    """What L-BFGS remembers of each of n rows: its last m steps and changes of gradient."""

    def __init__(self, z: Tensor, gradient: Tensor, memory: int = 10) -> None:
        n, d = z.shape
        self.steps = z.new_zeros(memory, n, d)
        self.changes = z.new_zeros(memory, n, d)
        self.rho = z.new_zeros(memory, n)  # 1 / (s . y); 0: nothing remembered
        self.scale = 1 / gradient.norm(dim=1).clamp_min(1e-30)  # (n,) of the first Hessian's inverse

    def direction(self, gradient: Tensor) -> Tensor:
        """-H g by the two loops (Nocedal and Wright 2006, algorithm 7.4), every row its own."""
        q, back = gradient.clone(), []
        for s, y, rho in zip(self.steps, self.changes, self.rho, strict=True):  # newest first
            back.append(rho * (s * q).sum(1))
            q = q - back[-1][:, None] * y
        q = q * self.scale[:, None]
        for s, y, rho, a in reversed(list(zip(self.steps, self.changes, self.rho, back, strict=True))):
            q = q + (a - rho * (y * q).sum(1))[:, None] * s
        return -q

    def learn(self, rows: Tensor, s: Tensor, y: Tensor) -> None:
        """Remember a step of those rows (n,) whose curvature along it is positive."""
        sy, yy = (s * y).sum(1), y.square().sum(1)
        rows = rows & (sy > 1e-10 * yy) & (yy > 0)
        for held, new in ((self.steps, s), (self.changes, y), (self.rho, 1 / sy)):
            pushed = torch.cat([new[None], held[:-1]])
            held.copy_(torch.where(rows if held.ndim == 2 else rows[:, None], pushed, held))
        self.scale = torch.where(rows, sy / yy, self.scale)

    def forget(self, rows: Tensor, gradient: Tensor) -> None:
        """Go back to steepest descent with a short step."""
        self.rho.masked_fill_(rows, 0.0)
        self.scale = torch.where(rows, 0.01 / gradient.norm(dim=1).clamp_min(1e-30), self.scale)


def minimise_rows(objective: Callable[[Tensor], Tensor], start: Tensor, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Minimise a function of each row, all rows at once, by L-BFGS with backtracking.

    A row whose step fails Armijo's condition halves it while the others go on, so that each step costs one evaluation
    and one gradient of the whole batch.

    Args:
        objective: rows (n, d) -> values (n,), each of its own row alone.
        start: (n, d), float32 or float64; the search keeps that precision.
        steps: evaluations, at most: it ends where no row gets any further.
    Returns:
        The best rows (n, d) and their values (n,); never above those of the start.
    Raises:
        ValueError: values at the start that are not finite.
    """
    z = start.detach().clone()
    f, g = _value_and_gradient(objective, z)
    require(bool(f.isfinite().all()), "start", "values that are not finite", "starts at which the function is defined")
    curvature, t = _Curvature(z, g), f.new_ones(len(z))
    idle = torch.zeros(len(z))
    p = curvature.direction(g)
    for _ in range(steps):
        new = z + t[:, None] * p
        f_new, g_new = _value_and_gradient(objective, new)
        ok = f_new <= f + 1e-4 * t * (g * p).sum(1)  # false for NaN
        curvature.learn(ok, new - z, g_new - g)
        gained = ok & (f - f_new > torch.finfo(f.dtype).eps * f.abs())
        idle = torch.where(gained, 0.0, idle + 1)
        if float(idle.amin()) > IDLE:
            break
        z, g = torch.where(ok[:, None], new, z), torch.where(ok[:, None], g_new, g)
        f, t = torch.where(ok, f_new, f), torch.where(ok, torch.ones_like(t), t / 2)
        stuck = t < 1e-4
        if bool(stuck.any()):
            curvature.forget(stuck, g)
            t = t.masked_fill(stuck, 1.0)
        p = torch.where((ok | stuck)[:, None], curvature.direction(g), p)
    return z, f


def _value_and_gradient(objective: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        z = z.detach().requires_grad_(True)
        f = objective(z)
        (g,) = torch.autograd.grad(f.sum(), z)
    return f.detach().to(z.dtype), g


def nearest(x: Tensor, pool: Tensor, k: int) -> Tensor:
    """Indices (k, n) of the k samples of a pool (m, ...) that are nearest to each of x (n, ...), nearest first."""
    return torch.cdist(x.flatten(1), pool.flatten(1)).topk(k, dim=1, largest=False).indices.T


def recover(
    generate: Callable[[Tensor, Tensor], Tensor], x: Tensor, starts: Tensor, steps: int = STEPS, chunk: int = CHUNK
) -> Recovery:
    r"""Search z for which G(z) comes nearest to each sample, min over z of |G(z) - x|^2.

    Args:
        generate: rows z (b, z_dim), and which searches they belong to (b,) in [0, restarts * n) -> samples (b, ...);
            gradients flow through z. The second tells a labelled generator which label to take.
        x: samples (n, ...), as the generator makes them.
        starts: (restarts, n, z_dim).
        steps: evaluations for each start.
        chunk: searches that run side by side.
    Returns:
        The best of the restarts. Errors are means over the numbers of a sample: pixels, or coordinates.
    Raises:
        ValueError: shapes that do not fit, or not finite.
    Source: Xiang and Li 2017, arXiv:1704.03971; Metz et al. 2017, arXiv:1611.02163, section 3.3.2 (inference via
        optimisation).
    """
    n = len(x)
    require(starts.ndim == 3 and starts.shape[1] == n, "starts", tuple(starts.shape), f"(restarts, {n}, z_dim)")
    require(bool(x.isfinite().all()), "samples", "NaN or infinity", "finite numbers")
    found, values = [], []
    for rows in torch.arange(len(starts) * n).split(chunk):
        target = x[rows % n]

        def error(z: Tensor, rows: Tensor = rows, target: Tensor = target) -> Tensor:
            return (generate(z, rows) - target).square().flatten(1).mean(1)

        z, f = minimise_rows(error, starts.flatten(0, 1)[rows], steps)
        found.append(z)
        values.append(f.double())
    by_restart = torch.cat(values).view(len(starts), n)
    best = by_restart.argmin(0)
    z = torch.cat(found).view_as(starts)[best, torch.arange(n)]
    return Recovery(z, by_restart.amin(0), by_restart)


def recovery_gap(held_out: Tensor, trained: Tensor) -> tuple[float, float]:
    """How much better a generator recovers what it was trained on.

    Args:
        held_out: errors (n,) on samples it never saw.
        trained: errors (m,) on samples it was trained on.
    Returns:
        The gap of medians, relative to that of held-out samples: in (-inf, 1], 0 without memorisation; and the
        p-value of the rank test that errors on held-out samples are not greater.
    Source: Webster et al. 2019, arXiv:1901.03396, section 3 (median recovery error).
    """
    require(len(held_out) >= 1 and len(trained) >= 1, "errors", (len(held_out), len(trained)), "1 or more of each")
    test, train = (float(e.double().quantile(0.5)) for e in (held_out, trained))
    gap = 0.0 if test == train else (test - train) / test if test > 0 else -float("inf")
    p = mannwhitneyu(held_out.double().numpy(), trained.double().numpy(), alternative="greater").pvalue
    return gap, float(p)


def reconstruction_error(study: Study) -> Result:
    """Searches the generator's z for held-out samples, and for some that it was trained on.

    value: mean squared error per number on held-out samples, images in [-1, 1]. interval: bootstrap over these samples.
    details: ``median``, ``trained_mean``, ``trained_median``, ``gap`` and ``gap_p`` (Webster's, > 0: memorisation;
    without held-out samples, ``held_out`` false, both kinds may have been trained on), ``own_samples`` (what the search
    leaves of the generator's own samples, where 0 is possible), ``start`` (error of the nearest sample of the pool),
    ``mean_image`` (error of the mean of the data), ``restart_spread`` (median difference between worst and best
    restart), ``z_length`` (mean length of z found, over that of the prior's), settings. picture: ``recovered``, samples
    above what was found for them.
    """
    model, rng = study.model, study.rng("reconstruction-error")
    fit, kept = study.halves
    test, train = (_draw(side, model, rng) for side in (kept, fit))
    z, y = model.prior(POOL + OWN, rng), model.labels(POOL + OWN, rng)
    with model.generator() as G:
        with torch.no_grad():
            made = torch.cat([_generate(G, z, y, rows) for rows in torch.arange(len(z)).split(250)])
        x = torch.cat([test, train, made[POOL:]])
        index = nearest(x, made[:POOL], RESTARTS)  # (restarts, n)
        labels = None if y is None else y[index.flatten()]
        found = recover(lambda z, rows: G(z, None if labels is None else labels[rows]), x, z[index])
        with torch.no_grad():
            best = index[found.by_restart.argmin(0), torch.arange(len(x))]
            shown = G(found.z[: len(test)], None if y is None else y[best[: len(test)]])
    held, trained, own = found.errors.split([len(test), len(train), OWN])
    gap, p = recovery_gap(held, trained)
    start = (made[index[0, : len(test)]] - test).square().flatten(1).mean(1)
    spread = (found.by_restart.amax(0) - found.errors)[: len(test)]
    details = {
        "median": float(held.quantile(0.5)),
        "trained_mean": float(trained.mean()),
        "trained_median": float(trained.quantile(0.5)),
        "gap": gap,
        "gap_p": p,
        "held_out": study.held_out is not None,
        "own_samples": float(own.quantile(0.5)),
        "start": float(start.double().mean()),
        "mean_image": float((train.double().mean(0) - test).square().mean()),
        "restart_spread": float(spread.quantile(0.5)),
        "z_length": float(found.z[: len(test)].norm(dim=1).mean() / z.norm(dim=1).mean()),
        "samples": [len(test), len(train)],
        "pool": POOL,
        "restarts": RESTARTS,
        "steps": STEPS,
        "optimiser": "L-BFGS",
        "interval_over": "held-out samples",
    }
    pictures = {} if model.spec.points else {"recovered": _sheet(test, shown)}
    return Result(float(held.mean()), _bootstrap(held, rng), details, pictures)


def _generate(G: Callable[[Tensor, Tensor | None], Tensor], z: Tensor, y: Tensor | None, rows: Tensor) -> Tensor:
    return G(z[rows], None if y is None else y[rows])


def _draw(side: Side, model: Model, rng: torch.Generator) -> Tensor:
    """Some samples of a side as the networks take them: float32, images in [-1, 1]."""
    shape = tuple(side.samples.shape[1:])
    require(shape == model.spec.shape, side.name, shape, f"samples of shape {model.spec.shape}, as {model.name} makes")
    return side.take(torch.randperm(len(side), generator=rng)[:IMAGES]).floats


def _bootstrap(errors: Tensor, rng: torch.Generator, repeats: int = 2000) -> tuple[float, float]:
    """Percentile interval of the mean."""
    n = len(errors)
    means = errors[torch.randint(n, (repeats, n), generator=rng)].mean(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return low, high


def _sheet(x: Tensor, found: Tensor, columns: int = 16, pairs: int = 32) -> Tensor:
    """uint8 (H, W, 3): samples in rows, below each row what was found for it."""
    both = to_bytes(torch.stack([x, found], 1)[:pairs].clamp(-1, 1))  # (n, 2, C, S, S)
    both = both[: len(both) - len(both) % columns] if len(both) > columns else both
    blocks = [torch.cat([torch.cat(list(block[:, k]), 2) for k in (0, 1)], 1) for block in both.split(columns)]
    return torch.cat(blocks, 1).expand(3, -1, -1).permute(1, 2, 0).contiguous()
