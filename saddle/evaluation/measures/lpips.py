"""LPIPS and its form on other networks, and the diversity of samples in it, Zhang et al. 2018, arXiv:1801.03924."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.dataset import to_floats
from saddle.evaluation.features.efficientnet import EfficientNetLite0
from saddle.evaluation.moments import gram
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study

__all__ = ["Staged", "embed", "lpips", "lpips_diversity", "mean_pairwise", "squared_distances", "title"]

IMAGES = 500
"""Most images a side."""
NUMBERS = 2**26
"""Most numbers that the embedded images of a side may take: 256 MiB."""
BATCH = 25
"""Images at a time."""
CHUNK = 4096
"""Columns of the embedding that enter the product at a time, in float64."""


@runtime_checkable
class Staged(Protocol):
    """A network whose inner stages can be looked at."""

    name: str
    """What to call it."""
    heads: Sequence[Tensor] | None
    """Weights of each stage's channels, each (C_l,), learnt from people's judgements; None: all ones."""
    device: torch.device
    """Where it works."""

    def stages(self, x: Tensor) -> list[Tensor]:
        """Images (N, 1 or 3, H, W), float in [-1, 1] -> stages (N, C_l, H_l, W_l); derivatives flow through."""


def title(network: Staged) -> str:
    """What to call distances in it: LPIPS only where the weights of its channels were learnt."""
    return network.name if network.heads is not None else f"lpips-form[{network.name}]"


def embed(stages: Sequence[Tensor], heads: Sequence[Tensor] | None = None) -> Tensor:
    r"""Rows whose squared Euclidean distance is LPIPS: sqrt(w_l / (H_l W_l)) h^_l, h^ of unit length over channels.

    All pairs of m images so need m passes of the network and one matrix product.

    Args:
        stages: (N, C_l, H_l, W_l) each.
        heads: (C_l,) each, 0 or more; all ones where None.
    Returns:
        (N, D), D = sum of C_l H_l W_l, in the precision of the stages.
    Raises:
        ValueError: heads that do not fit the stages, or below 0.
    """
    parts = []
    for unit, w in _units(stages, heads):
        scale = (w / (unit.shape[2] * unit.shape[3])).sqrt()
        parts.append((unit * scale.view(-1, 1, 1)).flatten(1))
    return torch.cat(parts, 1)


def lpips(x: Sequence[Tensor], y: Sequence[Tensor], heads: Sequence[Tensor] | None = None) -> Tensor:
    r"""sum_l 1/(H_l W_l) sum_hw |w_l^(1/2) . (h^_x - h^_y)|^2 for pairs of images, by eq. 1.

    (Eq. 1 writes w_l inside the square; the released heads weigh the squares themselves, and so does this.)

    Args:
        x: stages of N images, (N, C_l, H_l, W_l) each.
        y: stages of N others.
        heads: (C_l,) each; all ones where None.
    Returns:
        (N,), 0 or more.
    Raises:
        ValueError: heads that do not fit the stages, or below 0.
    """
    pairs = zip(_units(x, heads), _units(y, heads), strict=True)
    return sum(((a - b).square().mean((2, 3)) @ w for (a, w), (b, _) in pairs), start=x[0].new_zeros(()))


def squared_distances(rows: Tensor) -> Tensor:
    """Squared Euclidean distances of all pairs of rows (N, D), float64 (N, N), by one product of matrices.

    >>> squared_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([[ 0., 25.],
            [25.,  0.]], dtype=torch.float64)
    """
    products = rows.new_zeros((len(rows), len(rows)), dtype=torch.float64)
    for columns in rows.split(CHUNK, 1):
        x = columns.double()
        x = x - x.mean(0)  # what all share would only cancel
        products += gram(x.T)
    norms = products.diagonal()
    return (norms[:, None] + norms - 2 * products).clamp_min_(0.0)


def mean_pairwise(distances: Tensor) -> tuple[float, Interval | None]:
    """Mean over pairs i < j of distances (N, N), and its 95 % interval by the jackknife over items (None for two).

    Raises:
        ValueError: fewer than 2 items.

    >>> mean_pairwise(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
    (2.0, None)
    """
    n = len(distances)
    require(n >= 2, "images", n, "2 or more, to make a pair")
    rows = distances.double().sum(1)  # (N,); the diagonal is 0
    total = float(rows.sum())
    mean = total / (n * (n - 1))
    if n == 2:
        return mean, None
    without = (total - 2 * rows) / ((n - 1) * (n - 2))  # the mean without item i
    error = float(((n - 1) / n * (without - without.mean()).square().sum()).sqrt())
    return mean, (mean - 1.96 * error, mean + 1.96 * error)


def lpips_diversity(study: Study) -> Result:
    """Mean distance of pairs of generated images in the LPIPS form; the data's own beside it.

    Value: over all pairs of up to 500 generated images; noise raises it too. The network is the study's extractor where
    that has stages, else EfficientNet-Lite0; ``network`` says which, and calls it LPIPS only where its learnt weights
    are there. Interval: jackknife over images. Details: ``real`` with its interval, the same of real images;
    ``within_labels`` and ``per_label`` where the generated side has labels: pairs of one label only.
    """
    network = study.extractor if isinstance(study.extractor, Staged) else EfficientNetLite0()
    assert isinstance(network, Staged)
    rng = study.rng("lpips-diversity")
    fake, index = _all_pairs(study.fake, network, rng)
    real, _ = _all_pairs(study.real, network, rng)
    value, interval = mean_pairwise(fake)
    baseline, spread = mean_pairwise(real)
    details: dict[str, Any] = {
        "network": title(network),
        "images": len(fake),
        "images_real": len(real),
        "real": baseline,
        "real_interval": None if spread is None else list(spread),
        "interval_over": "images, by jackknife",
    }
    if study.fake.labels is not None:
        details |= _by_label(fake, study.fake.labels[index])
    return Result(value, interval, details)


def _units(stages: Sequence[Tensor], heads: Sequence[Tensor] | None) -> list[tuple[Tensor, Tensor]]:
    """Each stage with channels of unit length, and its weights (C_l,)."""
    weights = [h.new_ones(h.shape[1]) for h in stages] if heads is None else [w.to(stages[0]) for w in heads]
    found, expected = [tuple(w.shape) for w in weights], [(h.shape[1],) for h in stages]
    require(found == expected, "heads", found, f"one weight a channel of each stage, {expected}")
    require(all(bool((w >= 0).all()) for w in weights), "heads", "below 0", "weights of 0 or more")
    return [(h / (_length(h) + 1e-10), w) for h, w in zip(stages, weights, strict=True)]


def _length(h: Tensor) -> Tensor:
    """Length over channels (N, 1, H, W); its derivative where all channels are 0 is 0, not NaN."""
    squared = h.square().sum(1, keepdim=True)
    silent = squared == 0
    return torch.where(silent, 1.0, squared).sqrt().masked_fill(silent, 0.0)


def _all_pairs(side: Side, network: Staged, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Distances (m, m) of some images of a side, and which ones (m,)."""
    require(side.images is not None, side.name, "features", "images")
    assert side.images is not None
    images = side.images
    require(len(images) >= 2, side.name, len(images), "2 or more images, to make a pair")
    with torch.inference_mode():
        size = _embedded(images[:1], network).shape[1]
        most = max(2, min(len(images), IMAGES, NUMBERS // size))
        index = torch.randperm(len(images), generator=rng)[:most].sort().values
        rows = torch.empty(most, size)
        for i in range(0, most, BATCH):
            rows[i : i + BATCH] = _embedded(images[index[i : i + BATCH]], network)
        return squared_distances(rows).clone(), index


def _embedded(images: Tensor, network: Staged) -> Tensor:
    x = to_floats(images.to(network.device))
    return embed(network.stages(x), network.heads).cpu()


def _by_label(distances: Tensor, labels: Tensor) -> dict[str, Any]:
    per_label = {}
    for label in labels.unique().tolist():
        here = (labels == label).nonzero().squeeze(1)
        if len(here) >= 2:
            per_label[str(label)] = mean_pairwise(distances[here][:, here])[0]
    within = sum(per_label.values()) / len(per_label) if per_label else None
    return {"within_labels": within, "per_label": per_label}
