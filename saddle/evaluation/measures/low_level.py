"""Low-level statistics of images: spectra, filter responses, contrast, components, gradients, colours (Borji's 23)."""

import numpy as np
import torch
from scipy import ndimage
from scipy.stats import weibull_min
from torch import Tensor
from torch.nn import functional as F

from saddle.config import require
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = [
    "component_areas",
    "filter_responses",
    "grey",
    "kurtosis",
    "low_level_statistics",
    "radial_spectrum",
    "spectral_slope",
    "wasserstein_1d",
    "weibull",
]

FILTERS = 16
"""Random zero-mean filters of 7 x 7."""
MOST = 2_000
"""Images of each side that are looked at."""
RESAMPLES = 100
"""Bootstrap samples of images for the interval."""
BINS = 64
"""Of every histogram."""


def grey(images: Tensor) -> Tensor:
    """Luma in [0, 1], float64 (N, H, W), of uint8 images (N, C, H, W): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    x = images.double() / 255
    if x.shape[1] == 1:
        return x[:, 0]
    return (x * torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64).view(1, 3, 1, 1)).sum(1)


def radial_spectrum(x: Tensor) -> Tensor:
    """Mean power at each whole frequency radius of every image, under a Hann window.

    Args:
        x: grey images (N, S, S); each has its mean removed first.
    Returns:
        (N, S // 2 + 1), column k the mean of |FFT|² over the places whose distance from 0 rounds to k.
    Source: Durall et al. 2020, arXiv:2003.01826.
    """
    side = x.shape[-1]
    require(x.ndim == 3 and x.shape[1] == side and side >= 8, "images", tuple(x.shape), "squares (N, S, S), S >= 8")
    window = torch.hann_window(side, periodic=True, dtype=torch.float64)
    centred = x.double() - x.double().mean((1, 2), keepdim=True)
    power = torch.fft.fft2(centred * window[:, None] * window).abs().square()  # (N, S, S)
    ticks = torch.fft.fftfreq(side, 1 / side, dtype=torch.float64)
    radius = (ticks[:, None].square() + ticks.square()).sqrt().round().long().flatten()  # (S*S,)
    most = side // 2
    inside = radius <= most
    sums = torch.zeros(len(x), most + 1, dtype=torch.float64)
    sums.index_add_(1, radius[inside], power.flatten(1)[:, inside])
    return sums / torch.bincount(radius[inside], minlength=most + 1)


def spectral_slope(spectrum: Tensor, low: int = 2, high: int | None = None) -> float:
    """Slope of log mean power against log frequency: about -2 for natural images, 0 for white noise.

    Args:
        spectrum: of `radial_spectrum`, (N, K).
        low: first radius of the band that is fitted.
        high: last radius; by default the one before Nyquist's.
    """
    high = spectrum.shape[1] - 2 if high is None else high
    k = torch.arange(low, high + 1, dtype=torch.float64).log()
    power = spectrum.mean(0)[low : high + 1].clamp_min(1e-300).log()
    k = k - k.mean()
    return float((k * power).sum() / k.square().sum())


def filter_responses(x: Tensor, rng: torch.Generator, filters: int = FILTERS, side: int = 7) -> Tensor:
    """Responses to random filters of mean 0 and norm 1, each brought to variance 1 over all images.

    Natural images give heavy tails (kurtosis far above 3), Gaussian noise 3 for any filter.

    Args:
        x: grey images (N, H, W), sides of at least ``side``.
        rng: where the filters come from.
        filters: how many.
        side: of a filter, in pixels.
    Returns:
        (filters, N * places), float64.
    """
    kernels = torch.randn(filters, 1, side, side, generator=rng, dtype=torch.float64)
    kernels -= kernels.mean((2, 3), keepdim=True)
    kernels /= kernels.flatten(1).norm(dim=1)[:, None, None, None]
    found = F.conv2d(x.double()[:, None], kernels).transpose(0, 1).flatten(1)
    scale = found.std(1, keepdim=True)
    return found / torch.where(scale > 0, scale, 1.0)


def kurtosis(x: Tensor) -> Tensor:
    """E[(x - m)^4] / var², along the last dimension; 3 for a Gaussian, and for constants."""
    centred = x.double() - x.double().mean(-1, keepdim=True)
    variance = centred.square().mean(-1)
    return torch.where(variance > 0, centred.pow(4).mean(-1) / variance.square().clamp_min(1e-300), 3.0)


def weibull(values: Tensor) -> tuple[float, float]:
    """Shape and scale of a Weibull distribution fitted to positive values: how contrast is spread in natural images.

    Source: Geusebroek and Smeulders 2005, International Journal of Computer Vision 62.
    """
    positive = values[values > 0].double().numpy()
    if len(positive) < 2 or float(positive.std()) == 0.0:
        return 0.0, 0.0
    shape, _, scale = weibull_min.fit(positive, floc=0)
    return float(shape), float(scale)


def component_areas(x: Tensor) -> Tensor:
    """Areas in pixels of the connected regions (8 neighbours) that are above their image's mean, over all images."""
    areas = [torch.zeros(0, dtype=torch.float64)]
    neighbours = np.ones((3, 3), dtype=int)
    for image in x.numpy():
        labels, count = ndimage.label(image > image.mean(), structure=neighbours)
        if count:
            areas.append(torch.from_numpy(np.bincount(labels.ravel())[1:].astype(np.float64)))
    return torch.cat(areas)


def wasserstein_1d(a: Tensor, b: Tensor, quantiles: int = 1000) -> float:
    """W1 of two samples on the line: the mean distance of their quantiles."""
    places = (torch.arange(quantiles, dtype=torch.float64) + 0.5) / quantiles
    return float((_quantile(a, places) - _quantile(b, places)).abs().mean())


def low_level_statistics(study: Study) -> Result:
    """Mean Jensen-Shannon divergence of histograms, generated against real, with that of two real halves beside it.

    ``details``: each part's divergence (``parts``), and of both sides the spectral slope, the kurtosis of filter
    responses, Weibull's shape and scale of the gradient's length, components an image, mean and contrast. The
    spectrum's divergence is the mean over its radii. The interval is over images (basic bootstrap).
    """
    rng = study.rng("low-level-statistics")
    seed = int(torch.randint(2**31, (1,), generator=rng))
    real, fake = (_statistics(_some(side.images, rng), seed) for side in (study.real, study.fake))
    tables = {name: _tables(real[name], fake[name]) for name in real if name in fake}
    ones = [torch.ones(1, len(side["mean"]), dtype=torch.float64) for side in (real, fake)]
    parts = {name: float(_divergence(a, b, *ones)) for name, (a, b) in tables.items()}
    value = float(np.mean(list(parts.values())))
    halves = (torch.arange(len(real["mean"])) % 2).double()[None]
    own = [float(_divergence(a, a, halves, 1 - halves)) for a, _ in tables.values()] if len(real["mean"]) > 1 else []
    details = {
        "parts": parts,
        "baseline_of_halves": float(np.mean(own)) if own else None,
        "real": _summary(real),
        "fake": _summary(fake),
        "images": [len(side["mean"]) for side in (real, fake)],
        "interval_over": "images, resampled",
    }
    return Result(value, _interval(list(tables.values()), value, rng), details)


def _some(images: Tensor | None, rng: torch.Generator) -> Tensor:
    assert images is not None
    fits = images.shape[2] == images.shape[3] and images.shape[2] >= 8
    require(fits, "images", tuple(images.shape), "squares of 8 or more pixels")
    return images[torch.randperm(len(images), generator=rng)[:MOST]] if len(images) > MOST else images


def _statistics(images: Tensor, seed: int) -> dict[str, Tensor]:
    """Numbers (N, parts, n) of every image, whose histograms are compared part by part."""
    x = grey(images)
    n = len(x)
    same_filters = torch.Generator().manual_seed(seed)  # the same on both sides
    dx, dy = x[:, :-1, 1:] - x[:, :-1, :-1], x[:, 1:, :-1] - x[:, :-1, :-1]
    laplacian = 4 * x[:, 1:-1, 1:-1] - x[:, :-2, 1:-1] - x[:, 2:, 1:-1] - x[:, 1:-1, :-2] - x[:, 1:-1, 2:]
    responses = filter_responses(x, same_filters).view(FILTERS, n, -1).transpose(0, 1).flatten(1)
    spectrum = radial_spectrum(x)
    found = {
        "spectrum": spectrum.clamp_min(1e-12).log10()[:, 1:, None],
        "gradient": (dx.square() + dy.square()).sqrt().view(n, 1, -1),
        "laplacian": laplacian.reshape(n, 1, -1),
        "filters": responses[:, None, :: max(1, responses.shape[1] // 512)],
        "components": torch.tensor([float(len(component_areas(one[None]))) for one in x]).double().view(n, 1, 1),
        "mean": x.mean((1, 2)).view(n, 1, 1),
        "contrast": x.flatten(1).std(1).view(n, 1, 1),
        "level": x.view(n, 1, -1),
    }
    if images.shape[1] == 3:
        r, g, b = (images.double() / 255).flatten(2).unbind(1)
        found["colour"] = torch.stack([r - g, (r + g) / 2 - b], 1)  # opponent axes
    return found


def _tables(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Histograms of every image over bins that both sides share: (N, parts, BINS) and (M, parts, BINS)."""
    low = torch.minimum(a.amin((0, 2)), b.amin((0, 2)))[:, None]  # (parts, 1)
    high = torch.maximum(a.amax((0, 2)), b.amax((0, 2)))[:, None]
    width = torch.where(high > low, (high - low) / BINS, 1.0)

    def count(x: Tensor) -> Tensor:
        place = ((x - low) / width).long().clamp_(0, BINS - 1)  # (N, parts, n)
        return torch.zeros(*x.shape[:2], BINS, dtype=torch.float64).scatter_add_(2, place, torch.ones_like(x))

    return count(a), count(b)


def _divergence(a: Tensor, b: Tensor, weight_a: Tensor, weight_b: Tensor) -> Tensor:
    """JS divergence, averaged over parts, of tables whose images count so often: (draws,) for weights (draws, N)."""
    p, q = (torch.tensordot(w, t, 1) for w, t in ((weight_a, a), (weight_b, b)))  # (draws, parts, BINS)
    p, q = (h / h.sum(2, keepdim=True).clamp_min(1e-300) for h in (p, q))
    middle = (p + q) / 2
    apart = sum((torch.special.xlogy(h, h) - torch.special.xlogy(h, middle)).sum(2) for h in (p, q))
    assert isinstance(apart, Tensor)
    return (apart / 2).mean(1)


def _interval(tables: list[tuple[Tensor, Tensor]], value: float, rng: torch.Generator) -> Interval:
    """Basic bootstrap: a resample's divergence has a bias of its own, which reflecting it about the value removes."""
    counts = []
    for n in (len(tables[0][0]), len(tables[0][1])):
        index = torch.randint(n, (RESAMPLES, n), generator=rng)
        weights = torch.zeros(RESAMPLES, n, dtype=torch.float64)
        counts.append(weights.scatter_add_(1, index, torch.ones(RESAMPLES, n, dtype=torch.float64)))
    draws = torch.stack([_divergence(a, b, *counts) for a, b in tables]).mean(0)  # (RESAMPLES,)
    spread = draws - draws.mean()
    low, high = (float(_quantile(spread, torch.tensor([q], dtype=torch.float64))) for q in (0.025, 0.975))
    return max(0.0, value - high), value - low


def _summary(side: dict[str, Tensor]) -> dict[str, float]:
    gradient = side["gradient"].flatten()
    shape, scale = weibull(gradient[:: max(1, len(gradient) // 20_000)])
    power = 10 ** torch.nn.functional.pad(side["spectrum"][:, :, 0], (1, 0))  # radius 0 back in its place
    return {
        "spectral_slope": spectral_slope(power),
        "filter_kurtosis": float(kurtosis(side["filters"].flatten())),
        "weibull_shape": shape,
        "weibull_scale": scale,
        "components": float(side["components"].mean()),
        "mean": float(side["mean"].mean()),
        "contrast": float(side["contrast"].mean()),
    }


def _quantile(x: Tensor, places: Tensor) -> Tensor:
    """The value below which a share of the sample lies: the empirical CDF, inverted."""
    ordered = x.double().sort().values
    return ordered[(places * len(ordered)).long().clamp_max(len(ordered) - 1)]
