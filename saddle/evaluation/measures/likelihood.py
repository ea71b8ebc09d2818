"""Log-likelihood: a Parzen window over generated samples, its width chosen on samples kept for that, and AIS beside it.

In more than a few dimensions a Parzen window is far below the true density whatever the number of samples, and ranks
models wrongly (Theis et al. 2016, arXiv:1511.01844): it is here because papers report it.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from saddle.config import require
from saddle.evaluation.intervals import Z95
from saddle.evaluation.measures.ais import LEAPFROG, Noisy, anneal, bracket, log_mean_weight, sigmoid_schedule, tune
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.side import Model
from saddle.evaluation.study import Study

__all__ = ["best_width", "log_likelihood", "parzen", "parzen_leave_one_out", "widths_for"]

ROWS = 32
"""Rows of one block of distances: small enough to stay in a core's cache through every width."""
SMALLEST = -700.0
"""Of an exponent beside one of 0, which it adds nothing to: below it exp underflows, forty times as slowly."""
POINTS, CENTRES, CHOOSING = 1000, 10_000, 500
"""Most samples that a density is taken at, that it is made of, and that a width is chosen on."""
AIS_POINTS, AIS_CHAINS = 8, 8
"""Real samples whose log p(x) is annealed, and chains of each."""
AIS_STEPS = (50, 500)
"""Fewest temperatures that say anything, and most."""
AIS_WORK = 3e11
"""Multiplications that one annealing may take: 10 to 60 s of one core."""


def parzen(x: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """Log density of a Parzen window, log 1/M sum_j N(x_t; y_j, sigma^2 I), at several widths at once.

    Args:
        x: where (T, d).
        centres: generated samples y (M, d).
        widths: sigma (S,), each above 0.
    Returns:
        float64 (S, T), nats.
    Raises:
        ValueError: other shapes, not finite, or a width of 0 or below.
    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 5.

    >>> parzen(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1))
    tensor([[-1.8379]], dtype=torch.float64)
    """
    return _windows(x, centres, widths, torch.full((len(x),), -1)) - math.log(len(centres))


def parzen_leave_one_out(centres: Tensor, widths: Tensor, most: int = CHOOSING) -> Tensor:
    """Log density at the first centres (S, most) of the window over all the others; args and errors as `parzen`'s."""
    require(len(centres) >= 2, "centres", len(centres), "2 or more samples, to leave one out")
    own = torch.arange(min(most, len(centres)))
    return _windows(centres[own], centres, widths, own) - math.log(len(centres) - 1)


def widths_for(x: Tensor) -> Tensor:
    """The grid that sigma is looked for on: the root mean square deviation of x times 2^-8, 2^-7.75, ..., 2.

    Raises:
        ValueError: all rows of x are the same.
    """
    spread = float(x.double().var(0, correction=0).mean().sqrt())
    require(spread > 0, "samples", f"{len(x)} identical rows", "samples that differ, to find a width by")
    return spread * 2.0 ** torch.arange(-8, 1.01, 0.25, dtype=torch.float64)


def best_width(log_density: Tensor, widths: Tensor) -> float:
    """The width under which samples kept for choosing it are likeliest: (S, V) log densities of theirs, (S,) widths."""
    return float(widths[log_density.mean(1).argmax()])


def log_likelihood(study: Study) -> Result:
    """Value: mean log density, in nats, of real features kept for testing under a Parzen window over generated ones.

    sigma is chosen by the likelihood of other real samples: half of ``held_out``, or the half of the real side that is
    not tested. Interval: over test samples. Details: ``width``, ``at_edge`` (the best width ends the grid),
    ``bits_per_dimension``, ``real``: the same with real centres, width by leave-one-out; ``ais`` where a generator is
    at hand: mean log p(x) in its own space, its interval, and the bracket that says how far to trust it.
    """
    rng = study.rng("log-likelihood")
    choosing, testing = (_some(rows, POINTS, rng) for rows in _choose_and_test(study))
    centres = _some(study.fake_features, CENTRES, rng)
    widths = widths_for(choosing)
    width = _search(lambda some: parzen(choosing[:CHOOSING], centres, some), widths)
    each = parzen(testing, centres, torch.tensor([width]))[0]  # (T,)
    value, d = float(each.mean()), centres.shape[1]
    real = _search(lambda some: parzen_leave_one_out(choosing, some), widths)
    details = {
        "width": width,
        "at_edge": width in (float(widths[0]), float(widths[-1])),
        "bits_per_dimension": -value / (d * math.log(2)),
        "dimensions": d,
        "centres": len(centres),
        "tested": len(testing),
        "chosen_on": min(CHOOSING, len(choosing)),
        "real": float(parzen(testing, choosing, torch.tensor([real])).mean()),
        "real_width": real,
        "real_centres": len(choosing),
        "interval_over": "test samples, with the generated ones and the width as they are",
    }
    if study.fake.model is not None:
        details["ais"] = _annealed(study, study.fake.model, rng)
    return Result(value, _interval(each), details)


def _search(log_density: Callable[[Tensor], Tensor], widths: Tensor) -> float:
    """The best width of a grid in quarters of an octave: of every fourth, then of those around it."""
    octave = best_width(log_density(widths[::4]), widths[::4])
    around = widths[(widths / octave).log2().abs() < 0.9]
    return best_width(log_density(around), around)


def _windows(x: Tensor, centres: Tensor, widths: Tensor, left_out: Tensor) -> Tensor:
    """log sum_j N(x_t; y_j, sigma^2 I) (S, T) over all j but left_out[t]."""
    shapes = (tuple(x.shape), tuple(centres.shape))
    require(x.ndim == centres.ndim == 2 and x.shape[1] == centres.shape[1], "samples", shapes, "(T, d) and (M, d)")
    require(min(len(x), len(centres)) >= 1, "samples", shapes, "1 or more of each")
    require(bool((widths > 0).all()), "widths", widths.tolist(), "numbers above 0")
    require(bool(x.isfinite().all() and centres.isfinite().all()), "samples", "NaN or infinity", "finite numbers")
    origin = centres.double().mean(0)  # a common shift keeps digits in |x|^2 + |y|^2 - 2 x.y
    x, centres = x.double() - origin, centres.double() - origin
    rates = (-0.5 / widths.double() ** 2).tolist()
    norms, parts = centres.square().sum(1), []
    for i in range(0, len(x), ROWS):
        block = x[i : i + ROWS]
        squares = torch.addmm(norms, block, centres.T, alpha=-2)  # (rows, M)
        squares.add_(block.square().sum(1)[:, None]).clamp_min_(0.0)
        own = left_out[i : i + ROWS, None] == torch.arange(len(centres))
        squares.masked_fill_(own, math.inf)
        least = squares.amin(1)  # the largest term at every width: one pass of log-sum-exp less
        squares -= least[:, None]
        sums = [(squares * rate).clamp_min_(SMALLEST).exp_().sum(1).log_() + least * rate for rate in rates]
        parts.append(torch.stack(sums))
    return torch.cat(parts, 1) - 0.5 * x.shape[1] * (2 * math.pi * widths.double() ** 2).log()[:, None]


def _choose_and_test(study: Study) -> tuple[Tensor, Tensor]:
    """Real features that the width is chosen on, and others that test it; both held out, where the user held some."""
    fit, kept = study.half_features
    if study.held_out is None:
        return fit, kept
    require(len(kept) >= 2, study.held_out.name, len(kept), "2 or more held-out samples: some choose, some test")
    order = torch.randperm(len(kept), generator=study.rng("log-likelihood-halves"))
    return kept[order[::2]], kept[order[1::2]]


def _some(x: Tensor, most: int, rng: torch.Generator) -> Tensor:
    return x if len(x) <= most else x[torch.randperm(len(x), generator=rng)[:most]]


def _interval(each: Tensor) -> Interval | None:
    if len(each) < 2:
        return None
    error = Z95 * float(each.std()) / math.sqrt(len(each))
    return float(each.mean()) - error, float(each.mean()) + error


def _annealed(study: Study, model: Model, rng: torch.Generator) -> dict[str, Any]:
    """AIS of a few test samples in the generator's space, or why there is none."""
    test = study.halves[1]
    test = test.take(torch.randperm(len(test), generator=rng)[:AIS_POINTS])
    x = test.floats  # (n, ...)
    z = model.prior(1000, rng).cpu().float()
    reason = _unfit(model, x, test.labels, z)
    if reason is not None:
        return {"skipped": reason}
    noise = math.sqrt(0.1) if test.images is not None else 0.1 * float(study.real.samples.double().std())
    y = test.labels if model.classes else None
    with model.generator() as make:
        decoder = Noisy(lambda z: make(z, None if y is None else y.repeat(len(z) // len(y))).float(), z.shape[1], noise)
        temperatures = _affordable(decoder, z[: len(x)])
        if temperatures < AIS_STEPS[0]:
            return {
                "skipped": f"this generator is too large to anneal in a minute; {anneal.__module__} has no such limit"
            }
        betas = sigmoid_schedule(temperatures)
        steps = tune(decoder, x, betas, AIS_CHAINS, rng)
        estimate = log_mean_weight(anneal(decoder, x, betas, steps, AIS_CHAINS, rng))
        trust = bracket(decoder, z[: len(x)], betas, AIS_CHAINS, rng)
    return {
        "value": float(estimate.mean()),
        "interval": _interval(estimate),
        "interval_over": "test samples",
        "noise": noise,
        "given_labels": y is not None,
        "simulated_lower": float(trust.lower.mean()),
        "simulated_upper": float(trust.upper.mean()),
        "gap": trust.gap,
        "points": len(x),
        "chains": AIS_CHAINS,
        "temperatures": temperatures,
        "leapfrog": LEAPFROG,
    }


def _unfit(model: Model, x: Tensor, labels: Tensor | None, z: Tensor) -> str | None:
    """Why a model cannot be annealed, in words; z are draws of its prior."""
    if tuple(x.shape[1:]) != model.spec.shape:
        return f"the generator makes {model.spec.shape}, the real samples are {tuple(x.shape[1:])}"
    if model.classes and (not model.labels_of_data or labels is None or int(labels.max()) >= model.classes):
        return f"the generator asks for one of {model.classes} labels, which the real samples do not have"
    moments = (z.mean(), z.var() - 1, z.pow(4).mean() - 3)  # a uniform prior's fourth moment differs by 1.2
    if z.ndim != 2 or any(abs(float(moment)) > 0.5 for moment in moments):
        return "z is not drawn from a standard normal distribution"
    return None


def _affordable(decoder: Noisy, z: Tensor) -> int:
    """Temperatures that the work allows: counted in multiplications, not seconds, so that results repeat."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        decoder.generate(z)
    once = counter.get_total_flops() * AIS_CHAINS  # 2 flop a multiplication; forward, and backward in z alone
    gradients = 5 * (LEAPFROG + 1)  # a temperature: walks to tune and to weight, the same for the bracket, one back
    return int(min(AIS_STEPS[1], AIS_WORK / max(1, once * gradients)))
