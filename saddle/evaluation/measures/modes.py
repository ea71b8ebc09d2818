"""Modes: how many of the data's are found, how near samples lie to one, how far their shares are off (Borji's Q4)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from scipy.stats import chi2
from torch import Tensor

from saddle.config import require
from saddle.data.stacked import Stacked
from saddle.data.toys import Mixture
from saddle.evaluation.features.table import find
from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.result import Result
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study

__all__ = ["PROTOCOLS", "Protocol", "count_modes", "mixture_modes", "modes", "shell", "stacked_codes", "verdict"]


@dataclass(frozen=True)
class Protocol:
    """How a paper counts modes of a mixture."""

    samples: int
    """Samples that the paper draws."""
    radius: float
    """A sample within so many standard deviations of its nearest mode is of high quality."""
    least: int
    """High-quality samples that make a mode found."""
    source: str
    """The paper."""
    inner: float = 0.0
    """It is not when it lies nearer than so many."""


PROTOCOLS: Mapping[str, Protocol] = {
    "veegan": Protocol(2_500, 3.0, 1, "Srivastava et al. 2017, arXiv:1705.07761"),
    "veegan-1200d": Protocol(2_500, 10.0, 1, "Srivastava et al. 2017, arXiv:1705.07761"),
    "pacgan": Protocol(2_500, 3.0, 1, "Lin et al. 2018, arXiv:1712.04086"),
}
"""Ways of counting that were published; their numbers cannot be compared with each other."""


def shell(dimensions: int) -> Protocol:
    """The rule of three standard deviations for many dimensions, where a Gaussian lies on a shell about its mean.

    The distance of a sample of a mode from its mean, in standard deviations, follows the law chi_d. Of high quality is
    what lies within the central 98.89 % of that law, as much as three standard deviations hold in the plane. The rule
    has two sides, since a ball has one only: VEEGAN's of 10 standard deviations holds no sample of a Gaussian in 700 or
    1,200 dimensions, and in one wide enough to hold them a generator of nothing but means would score 100 %.

    Args:
        dimensions: d, 1 or more.

    >>> rule = shell(1200)
    >>> round(rule.inner, 2), round(rule.radius, 2)  # about sqrt(1200) = 34.64
    (32.85, 36.44)
    """
    require(dimensions >= 1, "dimensions", dimensions, "1 or more")
    beyond = math.exp(-4.5) / 2  # on either side
    inner, outer = (math.sqrt(chi2.ppf(share, dimensions)) for share in (beyond, 1 - beyond))
    return Protocol(2_500, outer, 1, "after Srivastava et al. 2017, arXiv:1705.07761", inner)


def count_modes(counts: Tensor, shares: Tensor) -> dict[str, float]:
    """What a histogram over modes says.

    Args:
        counts: samples in each mode, int64 (K,).
        shares: of the data's modes, (K,), summing to 1.
    Returns:
        ``captured``: modes with any sample; ``captured_tenth``: with a tenth of their share or more; ``kl``:
        KL(model || data) in nats; ``reverse_kl``: KL(data || model), infinite when a mode is missing; ``js``: in
        [0, ln 2]; ``total_variation``: in [0, 1]; ``kl_floor``: (K - 1) / 2n, what n samples of the data give;
        ``expected``: modes that n samples of the data show on average; ``entropy``: of the model's shares, in nats.
    Raises:
        ValueError: no samples.

    >>> found = count_modes(torch.tensor([5, 5, 0, 0]), torch.full((4,), 0.25))
    >>> found["captured"], round(found["kl"], 6) == round(math.log(2), 6)
    (2, True)
    """
    n = int(counts.sum())
    require(n >= 1, "counts", n, "1 or more samples")
    p, q = counts.double() / n, shares.double()  # model, data
    middle = (p + q) / 2
    return {
        "captured": int((counts > 0).sum()),
        "captured_tenth": int((p >= q / 10).logical_and(counts > 0).sum()),
        "kl": _kl(p, q),
        "reverse_kl": _kl(q, p),
        "js": (_kl(p, middle) + _kl(q, middle)) / 2,
        "total_variation": float((p - q).abs().sum() / 2),
        "kl_floor": (len(counts) - 1) / (2 * n),
        "expected": float((1 - (1 - q) ** n).sum()),
        "entropy": -float(torch.special.xlogy(p, p).sum()),
    }


def mixture_modes(x: Tensor, means: Tensor, sigma: float, shares: Tensor, protocol: Protocol) -> dict[str, float]:
    """Modes of a mixture of Gaussians that samples find, by a published rule.

    A sample belongs to its nearest mean; it is of high quality within ``radius`` standard deviations, and not nearer
    than ``inner``. A mode is found when enough of its samples are of high quality. Divergences are of the high-quality
    samples' histogram.

    Args:
        x: samples (N, d).
        means: (K, d).
        sigma: standard deviation in every direction.
        shares: weights of the modes (K,).
        protocol: the rule.
    Returns:
        Those of `count_modes`, and ``high_quality``: share of such samples; ``high_quality_ceiling``: what samples of
        the data give, P(inner² <= chi²_d <= radius²), 98.89 % at 3 in the plane; ``total``: K.
    """
    x, means = x.double(), means.double()
    nearest, good = [], []
    for part in x.split(65_536):
        distance, place = torch.cdist(part, means, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        nearest.append(place)
        good.append((protocol.inner * sigma <= distance) & (distance <= protocol.radius * sigma))
    place, fine = torch.cat(nearest), torch.cat(good)
    counts = torch.bincount(place[fine], minlength=len(means))  # (K,)
    total = {"total": len(means), "high_quality": float(fine.double().mean())}
    near, far = chi2.cdf([protocol.inner**2, protocol.radius**2], x.shape[1])
    total["high_quality_ceiling"] = float(far - near)
    if not fine.any():
        nothing = {"captured": 0, "captured_tenth": 0, "kl": math.inf, "reverse_kl": math.inf, "js": math.log(2)}
        return total | nothing | {"total_variation": 1.0, "kl_floor": math.inf, "expected": 0.0, "entropy": 0.0}
    found = count_modes(counts, shares)
    found["captured"] = int((counts >= protocol.least).sum())
    return total | found


def stacked_codes(side: Side) -> Tensor:
    """The mode 100 a + 10 b + c of stacked digits, each channel read by the ``digits`` classifier: int64 (N,).

    Raises:
        ValueError: not images of three channels.
    """
    images = side.images
    shape = None if images is None else tuple(images.shape)
    require(images is not None and images.shape[1] == 3, side.name, shape, "images of 3 channels, a digit to each")
    assert images is not None
    from saddle.evaluation.features import extract

    single = Side.of_images(images.flatten(0, 1)[:, None], f"{side.name}, by channel")  # (3N, 1, H, W)
    log_probs = extract(single, find("digits")).log_probs
    assert log_probs is not None
    return log_probs.argmax(1).view(-1, 3) @ torch.tensor([100, 10, 1])


def verdict(
    captured: int, total: int, kl: float, floor: float, high_quality: float | None = None, expected: float = math.inf
) -> str:
    """What happened, in words; ``expected`` modes are what as many samples of the data would show.

    >>> verdict(2, 8, 1.39, 0.001)
    'mode collapse: 2 of 8 modes found'
    >>> verdict(8, 8, 0.001, 0.001, 0.97)
    'all 8 modes found, in the right shares; 97.0 % of the samples lie near one'
    """
    if captured == 0:
        return f"no sample lies near any of the {total} modes"
    near = "" if high_quality is None else f"; {100 * high_quality:.1f} % of the samples lie near one"
    if 0.95 * expected <= captured < total:
        return f"{captured:,} of {total:,} modes found, and so few samples of the data would show {expected:,.0f}{near}"
    if captured < total / 2:
        return f"mode collapse: {captured:,} of {total:,} modes found{near}"
    if captured < total:
        return f"modes dropped: {captured:,} of {total:,} found{near}"
    shares = "in the right shares" if kl < max(0.05, 5 * floor) else "but in the wrong shares"
    return f"all {total:,} modes found, {shares}{near}"


def modes(study: Study) -> Result:
    """Modes found; ``details`` names the protocol, and gives shares, divergences with their floor, and a verdict.

    On a mixture of Gaussians by VEEGAN's and PacGAN's rules (the samples drawn are those of the study, and stated), in
    more than 100 dimensions by that of a `shell`; on stacked digits by a digit classifier on each channel; on other
    images by the extractor's classifier: the histogram of its classes against that on the real side.
    """
    data = study.real.data
    if isinstance(data, Mixture):
        return _of_mixture(study, data)
    if isinstance(data, Stacked):
        return _of_codes(study, stacked_codes(study.real), stacked_codes(study.fake), 1000, "stacked-mnist")
    real, fake = study.real_log_probs.argmax(1), study.fake_log_probs.argmax(1)
    return _of_codes(study, real, fake, study.real_log_probs.shape[1], f"classes of {study.extractor.name}")


def _of_mixture(study: Study, data: Mixture) -> Result:
    x, means, high = study.fake_features, data.means, data.means.shape[1] > 100
    name, rule = ("shell", shell(means.shape[1])) if high else ("veegan", PROTOCOLS["veegan"])
    found = mixture_modes(x, means, data.sigma, data.weights, rule)
    pac = mixture_modes(x, means, data.sigma, data.weights, PROTOCOLS["pacgan"])
    near = round(found["high_quality"] * len(x))
    details = {
        **{key: value for key, value in found.items() if key != "captured"},
        "high_quality_interval": list(clopper_pearson(near, len(x))),
        "protocol": name,
        "protocol_samples": rule.samples,
        "samples": len(x),
        "pacgan": {key: pac[key] for key in ("captured", "high_quality", "reverse_kl", "js")},
        "verdict": verdict(
            int(found["captured"]), len(means), found["kl"], found["kl_floor"], found["high_quality"], found["expected"]
        ),
    }
    return Result(float(found["captured"]), None, details)


def _of_codes(study: Study, real: Tensor, fake: Tensor, classes: int, protocol: str) -> Result:
    """Modes by a classifier's word. The real side's own histogram, with the same classifier's mistakes, is the aim."""
    expected = torch.bincount(real, minlength=classes)
    present = expected > 0
    if protocol == "stacked-mnist":  # all of its modes are known, and equal in share
        present, shares = torch.ones_like(present), torch.full((classes,), 1 / classes, dtype=torch.float64)
    else:
        shares = expected[present].double() / len(real)
    counts = torch.bincount(fake, minlength=classes)
    found = count_modes(counts[present], shares) if int(counts[present].sum()) else {"captured": 0, "kl": math.inf}
    own = count_modes(expected[present], shares)
    total = int(present.sum())
    floor = float(found.get("kl_floor", 0.0))
    details = {
        **{key: value for key, value in found.items() if key != "captured"},
        "total": total,
        "elsewhere": float(counts[~present].sum()) / len(fake),
        "protocol": protocol,
        "samples": len(fake),
        "real": {"captured": own["captured"], "kl": own["kl"], "samples": len(real)},
        "verdict": verdict(
            int(found["captured"]), total, float(found["kl"]), floor, None, float(found.get("expected", math.inf))
        ),
    }
    if classes <= 20:
        details["histogram"] = (counts.double() / len(fake)).tolist()
        details["real_histogram"] = (expected.double() / len(real)).tolist()
    return Result(float(found["captured"]), None, details)


def _kl(p: Tensor, q: Tensor) -> float:
    """KL(p || q) in nats: 0 log 0 = 0, infinite where q lacks what p has."""
    return float((torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum())
