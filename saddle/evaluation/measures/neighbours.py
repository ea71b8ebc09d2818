"""Nearest training samples, in pixels and in features: a sheet to look at, and a count of copies (Borji's Q1)."""

import math
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from saddle.evaluation.intervals import clopper_pearson
from saddle.evaluation.nearest import nearest_rows
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.side import Side
from saddle.evaluation.study import Study

__all__ = ["distance_ratio", "duplicates", "nearest_neighbours", "neighbour_sheet", "share_closer"]

QUANTILE = 0.01
"""Of the distances from training samples to their nearest others: closer than that is suspicious."""
SHOWN = 10
"""Samples on a sheet."""
BESIDE = 5
"""Neighbours beside each, in pixels and in features."""
RED = (220, 30, 30)
"""Outline of copies on a sheet."""


def share_closer(distances: Tensor, usual: Tensor, quantile: float = QUANTILE) -> float:
    """Share of samples that lie closer to the training data than a small quantile of what is usual.

    Args:
        distances: from each generated sample to its nearest training sample (M,).
        usual: from training samples to their nearest others, or from held-out ones to the training samples (N,).
        quantile: which quantile of ``usual``.
    Returns:
        In [0, 1]; about ``quantile`` for new samples of the same law, 1 for copies. At equality a distance of 0 counts:
        a copy is a copy even where the training data hold duplicates.

    >>> share_closer(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 2.0, 3.0]))
    0.5
    """
    threshold = usual.double().quantile(quantile)
    return float(((distances < threshold) | (distances == 0)).double().mean())


def distance_ratio(distances: Tensor) -> float | None:
    """Mean of d_1 / d_2, the distances to the nearest and second nearest training sample.

    Args:
        distances: ascending (M, 2 or more).
    Returns:
        In [0, 1], small for copies; None where every d_2 is 0. Samples whose d_2 is 0 are left out.
    """
    first, second = distances[:, 0].double(), distances[:, 1].double()
    some = second > 0
    return float((first[some] / second[some]).mean()) if bool(some.any()) else None


def duplicates(real: Tensor, fake: Tensor) -> Tensor:
    """Which generated samples equal a training sample bit for bit.

    Args:
        real: (N, ...).
        fake: (M, ...), of the same type and shape.
    Returns:
        bool (M,).

    >>> duplicates(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[3, 4], [4, 3]]))
    tensor([ True, False])
    """
    known = set(_digests(real))
    return torch.tensor([digest in known for digest in _digests(fake)])


def _digests(rows: Tensor) -> list[bytes]:
    return [blake2b(row.data, digest_size=16).digest() for row in rows.contiguous().numpy()]


def neighbour_sheet(fake: Tensor, real: Tensor, by_pixel: Tensor, by_feature: Tensor, copied: Tensor) -> Tensor:
    """A row a sample: the sample, its nearest training images in pixels, its nearest in features.

    Args:
        fake: uint8 images (S, C, H, W), C = 1 or 3.
        real: uint8 images (N, C, H, W).
        by_pixel: int64 (S, k), which training images are nearest in pixels.
        by_feature: int64 (S, k), which are in features.
        copied: bool (S,): outlined in red.
    Returns:
        uint8 (height, width, 3), white between the three parts.
    """
    index = torch.cat([by_pixel, by_feature], 1)
    beside = real[index.flatten()].expand(-1, 3, -1, -1).unflatten(0, index.shape)
    tiles = torch.cat([fake.expand(-1, 3, -1, -1).unsqueeze(1), beside], 1)  # (S, 1 + 2k, 3, H, W)
    edge = max(1, tiles.shape[-1] // 16)
    framed = torch.nn.functional.pad(tiles, (edge,) * 4, value=255).clone()
    for channel, level in enumerate(RED):
        for at in torch.where(copied)[0].tolist():
            frame = framed[at, 0, channel]
            frame[:edge], frame[-edge:], frame[:, :edge], frame[:, -edge:] = level, level, level, level
    gap = torch.full_like(framed[:, :1, :, :, : 2 * edge], 255)
    rows: list[Tensor] = []
    for part in framed.split([1, by_pixel.shape[1], by_feature.shape[1]], 1):
        strip = part.permute(0, 3, 1, 4, 2).flatten(2, 3)  # (S, H, k W, 3)
        rows += [strip, gap[:, 0].permute(0, 2, 3, 1)]
    return torch.cat(rows[:-1], 2).flatten(0, 1).contiguous()


def nearest_neighbours(study: Study) -> Result:
    """Value: share of generated samples closer (in features) to a training sample than 1 % of training samples are to
    each other. Interval: Clopper-Pearson over generated samples.

    Details: the same against held-out samples (kept apart from the real side where none were given) and what those
    score themselves, the mean ratio of nearest to second nearest distance, bit-for-bit duplicates, and a ``verdict`` in
    words. Pictures, for images: ``sheet`` of 10 samples at random and ``closest``, the 10 nearest to the data.
    """
    pairs = study.pairs
    usual, distances = pairs.rr_distance[:, 0], pairs.fr_distance
    value, n = share_closer(distances[:, 0], usual), len(distances)
    interval = clopper_pearson(round(value * n), n)
    same = _same(study.real, study.fake)
    threshold = float(usual.quantile(QUANTILE))
    details: dict[str, Any] = {
        "quantile": QUANTILE,
        "threshold": threshold,
        "nearest_to_second": distance_ratio(distances),
        "duplicates": int(same.sum()),
        **_held_out(study),
        "interval_over": "generated samples",
    }
    details["verdict"] = _verdict(value, interval, details["held_out_share"], details["duplicates"], n)
    if study.real.images is None or study.fake.images is None:
        return Result(value, interval, details)
    order = distances[:, 0].argsort(stable=True)[:SHOWN]
    shown = torch.randperm(n, generator=study.rng("nearest-neighbours"))[:SHOWN]
    copied = same | (distances[:, 0] < threshold) | (distances[:, 0] == 0)
    pictures = {name: _sheet(study, index, copied) for name, index in (("sheet", shown), ("closest", order))}
    return Result(value, interval, details | {"shown": shown.tolist(), "closest": order.tolist()}, pictures)


def _same(real: Side, fake: Side) -> Tensor:
    x, y = real.samples, fake.samples
    if x.dtype != y.dtype or x.shape[1:] != y.shape[1:]:
        return torch.zeros(len(y), dtype=torch.bool)
    return duplicates(x, y)


def _held_out(study: Study) -> dict[str, Any]:
    """The share against samples that nobody trained on, and what those score by the training data's own distances."""
    fit, kept = study.halves
    train, new, fake = (study.features_of(side).rows for side in (fit, kept, study.fake))
    if fit is study.real:
        made = study.pairs.fr_distance[:, 0]
        usual = study.pairs.rr_distance[:, 0]
    else:
        made = nearest_rows(fake, train, 1)[0][:, 0]
        usual = nearest_rows(train, train, 2)[0][:, 1]  # itself, or a duplicate of it, comes first
    apart = nearest_rows(new, train, 1)[0][:, 0]
    return {
        "share_closer_than_held_out": share_closer(made, apart),
        "held_out_share": share_closer(apart, usual),
        "held_out": f"{len(apart)} samples" + ("" if study.held_out is not None else ", half of the real side"),
    }


def _verdict(value: float, interval: Interval, baseline: float, copies: int, n: int) -> str:
    if copies:
        return f"{copies} of {n} samples equal a training sample bit for bit"
    level = max(2.0 * QUANTILE, 2.0 * baseline)
    if interval[0] > 0.5:
        return f"copies: {value:.0%} of samples lie closer to the training data than new samples would"
    if interval[0] > level:
        return (
            f"suspicious: {value:.1%} of samples lie closer to the training data than new samples would"
            f" ({baseline:.1%}); look at the sheet: copies, or samples crowded where the data are densest"
        )
    if interval[1] < level or math.isclose(value, 0.0):
        return f"no sign of copying: {value:.1%} of samples lie very close to the training data"
    return f"too few samples to tell: {value:.1%} of {n} lie very close to the training data"


def _sheet(study: Study, index: Tensor, copied: Tensor) -> Tensor:
    real, fake = study.real.images, study.fake.images
    assert real is not None and fake is not None
    channels = max(real.shape[1], fake.shape[1])
    real, fake = real.expand(-1, channels, -1, -1), fake[index].expand(-1, channels, -1, -1)
    if real.shape[2:] != fake.shape[2:]:
        fake = torch.nn.functional.interpolate(fake, real.shape[2:])  # nearest: for the eye only
    count = min(BESIDE, len(real))
    by_pixel = nearest_rows(fake.flatten(1), real.flatten(1), count)[1]
    return neighbour_sheet(fake, real, by_pixel, study.pairs.fr_index[index, :count], copied[index])
