"""How protocols score samples: modes, modes with a tenth of their share, high quality, and both divergences."""

from functools import partial

import torch
from scipy.stats import chi2
from torch import Tensor

from saddle.benchmarks.protocol import COLUMNS, Judge
from saddle.config import require
from saddle.data import Dataset, Mixture
from saddle.data.stacked import Stacked
from saddle.evaluation.features.extraction import run
from saddle.evaluation.features.table import find
from saddle.evaluation.measures.modes import Protocol as Rule
from saddle.evaluation.measures.modes import count_modes, mixture_modes
from saddle.evaluation.side import to_bytes

__all__ = ["mixtures", "score_digits", "score_mixture", "stacked_digits"]

CHUNK = 2_000
"""Images read at once: features of generated samples are not kept, as they are asked for once."""


def mixtures(rule: Rule, modes: int, samples: int, dimensions: int = 2) -> Judge:
    """Samples of a mixture of Gaussians, by a published rule.

    Args:
        rule: which samples are of high quality.
        modes: K.
        samples: n.
        dimensions: d.
    Returns:
        A judge that calls `score_mixture`. The ceiling of high quality is P(inner² <= chi²_d <= radius²), the floor of
        KL(model || data) is (K - 1) / 2n.
    """
    near, far = chi2.cdf([rule.inner**2, rule.radius**2], dimensions)
    within = f"within {rule.radius:.4g} standard deviations of the nearest mean"
    within = (
        f"{rule.inner:.4g} to {rule.radius:.4g} standard deviations from the nearest mean" if rule.inner else within
    )
    return Judge(
        partial(score_mixture, rule=rule),
        {"modes": modes, "modes_tenth": modes, "high_quality": float(far - near)},
        {"kl_model_data": (modes - 1) / (2 * samples)},
        tuple(COLUMNS),
        f"{samples:,} samples; of high quality is one {within}; both divergences are of the histogram of those over "
        "the modes",
    )


def score_mixture(x: Tensor, data: Dataset, rule: Rule) -> dict[str, float]:
    """Scores of samples of a mixture of Gaussians.

    Args:
        x: samples (N, d).
        data: the mixture.
        rule: which samples are of high quality.
    Returns:
        ``modes`` with one such sample or more, ``modes_tenth`` with a tenth of their share of them, ``high_quality`` in
        [0, 1], ``kl_model_data`` and ``kl_data_model`` in nats, infinite where no sample is of high quality, and the
        second one where a mode is missing.
    Raises:
        ValueError: the data are no mixture.
    """
    require(isinstance(data, Mixture), "data", data.name, "a mixture of Gaussians, whose modes are known")
    assert isinstance(data, Mixture)
    found = mixture_modes(x, data.means, data.sigma, data.weights, rule)
    return _columns(found) | {"high_quality": found["high_quality"]}


def stacked_digits(samples: int) -> Judge:
    """Stacked digits, each channel read by the ``digits`` classifier: `score_digits`.

    Args:
        samples: n.
    """
    return Judge(
        score_digits,
        {"modes": 1000, "modes_tenth": 1000},
        {"kl_model_data": 999 / (2 * samples)},
        tuple(column for column in COLUMNS if column != "high_quality"),
        f"{samples:,} samples; saddle's digits classifier reads each channel; both divergences are of the histogram "
        "over the 1,000 triples against equal shares",
    )


def score_digits(x: Tensor, data: Dataset) -> dict[str, float]:
    """Scores of stacked digits.

    Args:
        x: images (N, 3, S, S) in [-1, 1].
        data: stacked digits.
    Returns:
        ``modes`` that a sample was taken for, ``modes_tenth`` with a tenth of their share, ``kl_model_data`` and
        ``kl_data_model`` against equal shares, in nats; the second one infinite where a mode is missing.
    Raises:
        ValueError: other data, or no images of three channels.
    """
    require(isinstance(data, Stacked), "data", data.name, "stacked digits, whose modes are known")
    require(x.ndim == 4 and x.shape[1] == 3, "samples", tuple(x.shape), "images of 3 channels, a digit to each")
    reader = find("digits")
    digits = [run(to_bytes(part).flatten(0, 1)[:, None], reader)["logits"].argmax(1) for part in x.split(CHUNK)]
    codes = torch.cat(digits).view(-1, 3) @ torch.tensor([100, 10, 1])  # (N,)
    counts = torch.bincount(codes, minlength=1000)
    return _columns(count_modes(counts, torch.full((1000,), 1e-3, dtype=torch.float64)))


def _columns(found: dict[str, float]) -> dict[str, float]:
    names = {"modes": "captured", "modes_tenth": "captured_tenth", "kl_model_data": "kl", "kl_data_model": "reverse_kl"}
    return {column: float(found[name]) for column, name in names.items()}
