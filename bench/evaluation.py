"""Measures of features against the usual packages: how many times faster, in how much memory.

    python bench/evaluation.py [--only fid|pass|all] [--pairs 3] [--threads N] [--quick] [--json]

Ratios from runs that alternate in one process, medians and ratios of minima:

fid: the reference's statistics are at hand on both sides; timed is what a new set of samples costs. Usual: np.cov and
    scipy.linalg.sqrtm of the product of covariances, as the common packages do. n = 10,000 and 2,000 and 500 at
    d = 2048.
pass: precision, recall, density, coverage, KID, 1-nearest-neighbour C2ST and MMD with five Gaussian kernels, all
    together, over prdc's compute_prdc alone. 10,000 x 10,000 x 512, float32. Memory is what each adds at its peak to a
    fresh process that holds the features.
all: every measure of the table that needs nothing but features, in one call, over FID (sqrtm), torchmetrics' KID and
    prdc one after another. 5,000 x 5,000 x 128, float32.

Needs prdc and torchmetrics, which saddle itself does not.
"""

import argparse
import contextlib
import ctypes
import io
import json
import multiprocessing
import os
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from scipy import linalg
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from saddle.evaluation.features import Identity
from saddle.evaluation.measures.c2st import Neighbourhood
from saddle.evaluation.measures.frechet import frechet_distance
from saddle.evaluation.measures.kernel import unbiased
from saddle.evaluation.measures.manifold import coverage, density, precision, recall
from saddle.evaluation.moments import Moments
from saddle.evaluation.pairs import sweep
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study
from saddle.evaluation.table import MEASURES

Found = dict[str, object]


def features(n: int, d: int, seed: int) -> Tensor:
    """Rectified, correlated, with a long spectrum, as a network's pooled features are; float32 (n, d)."""
    rng, law = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(0)
    mix = torch.randn(min(d, 256), d, generator=law) / torch.arange(1, min(d, 256) + 1).sqrt().unsqueeze(1)
    noise = torch.randn(n, d, generator=rng)
    return (torch.randn(n, len(mix), generator=rng) @ mix + 0.5 * noise + 0.02 * seed).relu_().mul_(0.4)


def sqrtm_distance(mean: np.ndarray, covariance: np.ndarray, fake: np.ndarray) -> float:
    """FID against ready statistics by a matrix square root; singular products get 1e-6 on the diagonal."""
    gap, other = mean - fake.mean(0), np.cov(fake, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = linalg.sqrtm(covariance @ other)
        if not np.isfinite(root).all():
            lift = 1e-6 * np.eye(len(other))
            root = linalg.sqrtm((covariance + lift) @ (other + lift))
    return float(gap @ gap + np.trace(covariance) + np.trace(other) - 2 * np.trace(root.real))


def compare(ours: Callable[[], object], usual: Callable[[], object], pairs: int, warm: bool = True) -> Found:
    """Seconds of both, taken in turns, and their ratios."""
    if warm:
        _seconds(ours), _seconds(usual)
    rows = [(_seconds(ours), _seconds(usual)) for _ in range(pairs)]
    mine, theirs = zip(*rows, strict=True)
    return {
        "saddle_seconds": round(min(mine), 4),
        "usual_seconds": round(min(theirs), 4),
        "times_faster_median": round(median(b / a for a, b in rows), 2),
        "times_faster_of_minima": round(min(theirs) / min(mine), 2),
    }


def _seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return perf_counter() - start


def fid(pairs: int, quick: bool) -> Found:
    """Both routes on the same features, agreeing on the value."""
    found: Found = {}
    d = 256 if quick else 2048
    for n in (1000, 300, 60) if quick else (10_000, 2_000, 500):
        real, fake = features(max(n, 2 * d), d, 1), features(n, d, 2)
        reference = Moments.of(real)
        assert reference.half is not None  # cached from here on
        mean, covariance = real.double().mean(0).numpy(), np.cov(real.double().numpy(), rowvar=False)
        rows = fake.double().numpy()
        line = compare(
            lambda reference=reference, fake=fake: frechet_distance(reference, Moments.of(fake)),
            lambda mean=mean, covariance=covariance, rows=rows: sqrtm_distance(mean, covariance, rows),
            pairs,
            warm=False,
        )
        values = frechet_distance(reference, Moments.of(fake)), sqrtm_distance(mean, covariance, rows)
        found[f"fid n={n} d={d}"] = line | {"values": [round(value, 6) for value in values]}
    return found


def one_pass(real: Tensor, fake: Tensor) -> Found:
    """What the pass feeds, all together."""
    pairs = sweep(real, fake)
    hood = Neighbourhood.of(pairs, torch.Generator().manual_seed(0))
    parts = {f.__name__: float(f(pairs).mean()) for f in (precision, recall, density, coverage)}
    mmd = [unbiased(sums) for sums in pairs.gaussian]
    return parts | {"kid": unbiased(pairs.cubic), "c2st": hood.accuracies[0], "mmd": mmd}


def usual_prdc(real: Tensor, fake: Tensor) -> object:
    """prdc as it is called."""
    from prdc import compute_prdc

    return compute_prdc(real.numpy(), fake.numpy(), 5)


def passed(pairs: int, quick: bool) -> Found:
    """Time in turns; memory in fresh processes."""
    n, d = (1_500, 64) if quick else (10_000, 512)
    real, fake = features(n, d, 1), features(n, d, 2)
    found = compare(lambda: one_pass(real, fake), lambda: usual_prdc(real, fake), pairs)
    found["time_over_prdc_median"] = round(1 / float(str(found["times_faster_median"])), 3)
    mine, theirs = (_peak(work, n, d) for work in (one_pass, usual_prdc))
    found |= {"saddle_mebibytes": mine, "prdc_mebibytes": theirs, "memory_over_prdc": round(mine / theirs, 3)}
    return {f"pass n={n} d={d}": found}


def _peak(work: Callable[[Tensor, Tensor], object], n: int, d: int) -> float:
    """MiB that the work adds at its peak."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=_measure, args=(work, n, d, there))
    child.start()
    peak = float(here.recv())
    child.join()
    return peak


def _measure(work: Callable[[Tensor, Tensor], object], n: int, d: int, out: Connection) -> None:
    real, fake = features(n, d, 1), features(n, d, 2)
    with contextlib.redirect_stdout(io.StringIO()):
        work(real[:64].clone(), fake[:64].clone())  # imports, threads and workspaces are not the measure's
        ctypes.CDLL(None).malloc_trim(0)  # glibc: what is free must not pass for held
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before = _status("VmRSS")
        work(real, fake)
    out.send(round((_status("VmHWM") - before) / 1024, 1))


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def everything(real: Tensor, fake: Tensor) -> dict[str, float]:
    """Seconds of each measure that needs nothing but features; what they share counts for the first that asks."""
    study = Study(Side.of_features(real), Side.of_features(fake), Identity())
    names = [name for name, measure in MEASURES.items() if measure.needs == ("features",)]
    return {name: _seconds(lambda name=name: MEASURES[name].load()(study)) for name in names}


def usual_three(real: Tensor, fake: Tensor) -> None:
    """FID, KID and precision and recall, one after another."""
    from torchmetrics.image.kid import KernelInceptionDistance

    rows = real.double().numpy(), fake.double().numpy()
    sqrtm_distance(rows[0].mean(0), np.cov(rows[0], rowvar=False), rows[1])
    warnings.simplefilter("ignore")  # it warns that it keeps the features
    kid = KernelInceptionDistance(feature=nn.Identity(), subset_size=min(1000, len(real)))
    kid.update(real, real=True)
    kid.update(fake, real=False)
    kid.compute()
    usual_prdc(real, fake)


def all_at_once(pairs: int, quick: bool) -> Found:
    """Every measure of features over three of the usual packages."""
    n, d = (600, 32) if quick else (5_000, 128)
    real, fake = features(n, d, 1), features(n, d, 2)
    parts = everything(real, fake)
    found = compare(lambda: everything(real, fake), lambda: usual_three(real, fake), pairs, warm=False)
    slowest = dict(sorted(parts.items(), key=lambda part: -part[1]))
    return {f"all n={n} d={d}": found | {"seconds_by_measure": {name: round(s, 3) for name, s in slowest.items()}}}


PARTS = {"fid": fid, "pass": passed, "all": all_at_once}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found: Found = {"threads": args.threads}
    with threadpool_limits(args.threads):  # NumPy's and SciPy's products too
        for name, part in PARTS.items():
            if args.only in (None, name):
                found |= part(args.pairs, args.quick)
    if args.json:
        print(json.dumps(found))
        return
    for name, line in found.items():
        print(name if isinstance(line, dict) else f"{name} {line}")
        if isinstance(line, dict):
            print("\n".join(f"  {key:<28} {value}" for key, value in line.items()))


if __name__ == "__main__":
    main()
