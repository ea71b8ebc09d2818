"""Similarity and sharpness of pairs of images: SSIM, MS-SSIM, PSNR and sharpness difference (Borji's 22)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from saddle.config import require
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.study import Study

__all__ = ["image_quality", "ms_ssim", "psnr", "sharpness_difference", "ssim"]

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM's five scales, from Wang, Simoncelli and Bovik 2003."""
WINDOW = 11
"""Side of SSIM's Gaussian window, whose standard deviation is 1.5 pixels."""
PAIRS = 500
"""Random pairs of samples that a mean is taken over."""


def ssim(x: Tensor, y: Tensor, data_range: float = 1.0) -> Tensor:
    r"""Structural similarity of pairs of images.

    SSIM = (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x² + m_y² + c1)(s_x² + s_y² + c2)), moments under an 11 x 11 Gaussian
    window of standard deviation 1.5 that lies wholly within the image; c1 = (0.01 L)², c2 = (0.03 L)².

    Args:
        x: images (N, C, H, W), H and W at least 11.
        y: as many.
        data_range: L, the difference of the greatest and the least possible value.
    Returns:
        (N,) in [-1, 1], the mean over places and channels; 1 for equal images.
    Raises:
        ValueError: shapes that differ, or images smaller than the window.
    Source: Wang et al. 2004, IEEE Transactions on Image Processing 13(4).

    >>> x = torch.full((1, 1, 16, 16), 0.4, dtype=torch.float64)
    >>> round(float(ssim(x, x + 0.2)), 6)
    0.923092
    """
    return _ssim_parts(x, y, data_range)[0]


def ms_ssim(x: Tensor, y: Tensor, data_range: float = 1.0, scales: int = 5) -> Tensor:
    """SSIM's contrast and structure over several scales, and its luminance at the coarsest.

    Between scales images are averaged over 2 x 2. A negative mean of contrast and structure counts as 0, because it
    has no real power.

    Args:
        x: images (N, C, H, W), H and W at least 11 * 2**(scales - 1): 176 for the usual five.
        y: as many.
        data_range: the difference of the greatest and the least possible value.
        scales: 1 to 5; with fewer than five, the weights are those of the finest, brought to sum to one.
    Returns:
        (N,) in [0, 1].
    Raises:
        ValueError: shapes that differ, or images too small for so many scales.
    Source: Wang, Simoncelli and Bovik 2003, "Multiscale structural similarity".
    """
    require(1 <= scales <= 5, "scales", scales, "1 to 5")
    least = WINDOW * 2 ** (scales - 1)
    require(min(x.shape[-2:]) >= least, "images", tuple(x.shape), f"sides of at least {least} for {scales} scales")
    weights = torch.tensor(SCALE_WEIGHTS[:scales], dtype=torch.float64)
    weights /= weights.sum()
    found = torch.ones(len(x), dtype=torch.float64)
    for scale, weight in enumerate(weights.tolist()):
        whole, contrast = _ssim_parts(x, y, data_range)
        last = scale == scales - 1
        found *= (whole if last else contrast).double().clamp_min(0) ** weight
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return found


def psnr(x: Tensor, y: Tensor, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio, 10 log10(L² / MSE), in decibels.

    Args:
        x: images (N, C, H, W).
        y: as many.
        data_range: L.
    Returns:
        (N,), infinite for equal images.

    >>> x = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    >>> round(float(psnr(x, x + 0.2)), 6)
    13.9794
    """
    _check(x, y)
    error = (x.double() - y.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(data_range**2 / error)


def sharpness_difference(x: Tensor, y: Tensor, data_range: float = 1.0) -> Tensor:
    """How alike the gradients of pairs of images are: 10 log10(L² / mean |(gi X + gj X) - (gi Y + gj Y)|), in decibels.

    gi X = |X[i, j] - X[i-1, j]| and gj X = |X[i, j] - X[i, j-1]|, over the places that have both neighbours.

    Args:
        x: images (N, C, H, W), H and W at least 2.
        y: as many.
        data_range: L.
    Returns:
        (N,), infinite for images that differ by a constant.
    Source: Mathieu, Couprie and LeCun 2016, arXiv:1511.05440.
    """
    _check(x, y)
    require(min(x.shape[-2:]) >= 2, "images", tuple(x.shape), "sides of at least 2")
    apart = (_gradients(x.double()) - _gradients(y.double())).abs().flatten(1).mean(1)
    return 10 * torch.log10(data_range**2 / apart)


def image_quality(study: Study) -> Result:
    """Mean SSIM of random pairs of generated images, a (lack of) diversity, with the real pairs' beside it.

    ``details``: ``ms_ssim`` (as many scales as fit), ``psnr`` and ``sharpness_difference`` of the same pairs, each for
    ``fake`` and ``real``; where both sides have labels, pairs are of one label (Odena et al. 2017). The interval is
    over pairs.
    """
    rng = study.rng("image-quality")
    found: dict[str, dict[str, float]] = {}
    values = {}
    same = study.real.labels is not None and study.fake.labels is not None
    for name, side in (("fake", study.fake), ("real", study.real)):
        assert side.images is not None
        first, second = _pairs(len(side), side.labels if same else None, rng)
        x, y = (side.images[index].double() / 255 for index in (first, second))
        x, y = _at_least_window(x), _at_least_window(y)
        values[name] = ssim(x, y)
        found[name] = {"ssim": float(values[name].mean())}
        scales = _scales(min(x.shape[-2:]))
        found[name]["ms_ssim"] = float(ms_ssim(x, y, scales=scales).mean())
        for part, function in (("psnr", psnr), ("sharpness_difference", sharpness_difference)):
            each = function(x, y)
            found[name][part] = float(each[each.isfinite()].mean()) if each.isfinite().any() else math.inf
        found[name]["equal_pairs"] = int((x == y).flatten(1).all(1).sum())
    details = {**found, "pairs": len(values["fake"]), "same_label": same, "ms_ssim_scales": scales}
    details["interval_over"] = "pairs of images"
    return Result(float(values["fake"].mean()), _mean_interval(values["fake"]), details)


def _ssim_parts(x: Tensor, y: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast-structure term, (N,) each: all five moments in one separable convolution."""
    _check(x, y)
    require(min(x.shape[-2:]) >= WINDOW, "images", tuple(x.shape), f"sides of at least {WINDOW}, the window's")
    x, y = x.double(), y.double()
    n, c = x.shape[:2]
    stacked = torch.stack([x, y, x * x, y * y, x * y]).flatten(0, 2)[:, None]  # (5NC, 1, H, W)
    row = _gaussian(WINDOW, 1.5)
    smooth = F.conv2d(F.conv2d(stacked, row.view(1, 1, -1, 1)), row.view(1, 1, 1, -1))
    m_x, m_y, xx, yy, xy = smooth.view(5, n, c, *smooth.shape[-2:])
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    s_x, s_y, s_xy = xx - m_x * m_x, yy - m_y * m_y, xy - m_x * m_y
    contrast = (2 * s_xy + c2) / (s_x + s_y + c2)
    luminance = (2 * m_x * m_y + c1) / (m_x * m_x + m_y * m_y + c1)
    return (luminance * contrast).flatten(1).mean(1), contrast.flatten(1).mean(1)


def _gaussian(width: int, sigma: float) -> Tensor:
    place = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    weight = torch.exp(-place.square() / (2 * sigma**2))
    return weight / weight.sum()


def _gradients(x: Tensor) -> Tensor:
    down = (x[..., 1:, 1:] - x[..., :-1, 1:]).abs()
    right = (x[..., 1:, 1:] - x[..., 1:, :-1]).abs()
    return down + right  # (N, C, H - 1, W - 1)


def _check(x: Tensor, y: Tensor) -> None:
    require(
        x.shape == y.shape and x.ndim == 4, "images", (tuple(x.shape), tuple(y.shape)), "two of one shape (N, C, H, W)"
    )


def _at_least_window(x: Tensor) -> Tensor:
    """Images smaller than SSIM's window, enlarged by repeating pixels."""
    factor = math.ceil(WINDOW / min(x.shape[-2:]))
    return x if factor <= 1 else x.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def _scales(side: int) -> int:
    return max(1, min(5, int(math.log2(side / WINDOW)) + 1))


def _pairs(n: int, labels: Tensor | None, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of random pairs of different samples, of one label where labels are given."""
    if labels is None:
        require(n >= 2, "images", n, "2 or more, to make pairs")
        return _pairs_within(n, PAIRS, rng)
    pairs: list[Tensor] = []
    held = [place for label in labels.unique() if len(place := (labels == label).nonzero()[:, 0]) >= 2]
    require(bool(held), "labels", len(labels), "a label with 2 or more images")
    for place in held:
        count = max(1, PAIRS // len(held))
        first, second = _pairs_within(len(place), count, rng)
        pairs.append(torch.stack([place[first], place[second]]))
    first, second = torch.cat(pairs, 1)
    return first, second


def _pairs_within(n: int, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    first = torch.randint(n, (count,), generator=rng)
    other = torch.randint(n - 1, (count,), generator=rng)
    return first, other + (other >= first)


def _mean_interval(values: Tensor) -> Interval:
    mean, error = float(values.mean()), float(values.std() / math.sqrt(len(values)))
    return mean - 1.96 * error, mean + 1.96 * error
