"""Defects planted in real samples, to see what measures notice: modes dropped, noise, blur, copies, labels swapped."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from saddle.config import require
from saddle.evaluation.side import Side

__all__ = [
    "DEFECTS",
    "blurred",
    "copies",
    "modes_dropped",
    "noisy",
    "one_per_class",
    "plant",
    "swapped_labels",
    "unspoilt",
]

Defect = Callable[[Side, Side, int, torch.Generator], Side]
"""(training set, other real samples, n, random numbers) -> n samples with the defect."""


def unspoilt(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """Real samples that are not in the training set: what a perfect generator would give."""
    return other.take(_some(len(other), n, rng))


def modes_dropped(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """Only the first half of the classes."""
    labels = _labels(other)
    kept = (labels < other.classes // 2).nonzero()[:, 0]
    return other.take(kept[_some(len(kept), n, rng)])


def noisy(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """Gaussian noise of a tenth of the range added to every pixel."""
    side = unspoilt(train, other, n, rng)
    x = _images(side).float()
    return replace(side, images=_bytes(x + 25.5 * torch.randn(x.shape, generator=rng)))


def blurred(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """A Gaussian blur with a standard deviation of one pixel."""
    side = unspoilt(train, other, n, rng)
    x = _images(side).float()
    weight = torch.exp(-torch.arange(-3.0, 4.0).square() / 2)
    weight = (weight / weight.sum()).expand(x.shape[1], 1, 1, 7)
    x = F.pad(x, (3, 3, 3, 3), mode="replicate")
    x = F.conv2d(F.conv2d(x, weight, groups=x.shape[1]), weight.transpose(2, 3), groups=x.shape[1])
    return replace(side, images=_bytes(x))


def copies(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """The training set itself."""
    return train.take(_some(len(train), n, rng))


def one_per_class(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """The first image of each class, again and again; one that a classifier misreads costs the Inception Score."""
    labels = _labels(other)
    first = torch.stack([(labels == k).nonzero()[0, 0] for k in labels.unique()])
    return other.take(first[torch.arange(n) % len(first)])


def swapped_labels(train: Side, other: Side, n: int, rng: torch.Generator) -> Side:
    """Perfect images of which three in ten carry the next class's label: a conditional generator that confuses them."""
    side = unspoilt(train, other, n, rng)
    labels = _labels(side)
    wrong = torch.rand(n, generator=rng) < 0.3
    return replace(side, labels=torch.where(wrong, (labels + 1) % side.classes, labels))


DEFECTS: dict[str, Defect] = {
    "none": unspoilt,
    "modes-dropped": modes_dropped,
    "noise": noisy,
    "blur": blurred,
    "copies": copies,
    "one-per-class": one_per_class,
    "label-swaps": swapped_labels,
}
"""The defects by name; ``none`` is the baseline to read the others against."""


def plant(name: str, train: Side, other: Side, n: int, seed: int = 0) -> Side:
    """n samples with a defect.

    Args:
        name: a key of `DEFECTS`.
        train: what a generator would have been trained on: images with labels.
        other: further real samples of the same kind.
        n: how many samples.
        seed: of the choice of samples and of the noise.
    Returns:
        A side called after the defect.
    Raises:
        ValueError: too few samples, or none with labels where labels are needed.
    """
    rng = torch.Generator().manual_seed(seed)
    return replace(DEFECTS[name](train, other, n, rng), name=name, data=None)


def _some(count: int, n: int, rng: torch.Generator) -> Tensor:
    require(n <= count, "n", n, f"at most {count}, the samples there are")
    return torch.randperm(count, generator=rng)[:n]


def _labels(side: Side) -> Tensor:
    if side.labels is None:
        raise ValueError(f"{side.name}: expected samples with labels")
    return side.labels


def _images(side: Side) -> Tensor:
    if side.images is None:
        raise ValueError(f"{side.name}: expected images")
    return side.images


def _bytes(x: Tensor) -> Tensor:
    return x.round_().clamp_(0, 255).to(torch.uint8)
