"""Data sets: what every one can do, and the finite ones, images and points."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.draw import Draw, EpochDraw
from saddle.data.spec import Batch, Spec

__all__ = ["Dataset", "Images", "Points", "Skipped", "to_floats"]


@dataclass(frozen=True)
class Skipped:
    """A file that was left out."""

    name: str
    """Its path within the folder or zip."""
    reason: str
    """Why, in a few words."""


class Dataset(ABC):
    """Something to draw real samples from."""

    name: str
    """What the user called it: a name, or the last part of the path."""
    spec: Spec
    """Shape and labels of one sample."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """32 hex digits that change with the content (of a density: with its parameters), to know the data again."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples; 0 where there is no end of them."""

    @abstractmethod
    def draw(
        self,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        rank: int = 0,
        world: int = 1,
        mirror: bool = False,
    ) -> Draw:
        """An endless, seeded sequence of batches.

        Args:
            batch: samples in a batch, on this rank.
            seed: equal seeds give equal sequences.
            device: where the batches are wanted. Images are kept there as bytes, and scaled there.
            rank: this process among the ``world`` of them; no two are given the same part of an epoch.
            world: number of processes.
            mirror: flip each image left to right with probability one half.
        Raises:
            ValueError: a setting out of range, or ``mirror`` for points.
        """

    @abstractmethod
    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n real samples at random, on the CPU: all different where the set has that many."""


def to_floats(images: Tensor) -> Tensor:
    """Bytes 0..255 to float32 in [-1, 1], in the same memory format.

    >>> to_floats(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([-1.,  1.])
    """
    return images.to(torch.float32).div_(127.5).sub_(1.0)


class Images(Dataset):
    """A finite set of square images, kept as bytes.

    Args:
        name: what to call it.
        images: uint8 (N, C, S, S), N >= 1.
        labels: int64 (N,) in [0, classes), or None.
        class_names: names of the labels, in order.
        classes: number of labels, where they have no names.
        skipped: files that were left out when it was read.
        texts: what each image shows, in words, where that is known.
        groups: int64 (N,) from 0: images with the same number are variants of one, and belong in one part wherever the
            set is divided. None: each stands for itself.
    """

    def __init__(
        self,
        name: str,
        images: Tensor,
        labels: Tensor | None = None,
        class_names: tuple[str, ...] = (),
        classes: int = 0,
        skipped: tuple[Skipped, ...] = (),
        texts: tuple[str, ...] = (),
        groups: Tensor | None = None,
    ) -> None:
        assert images.dtype == torch.uint8
        assert images.ndim == 4
        assert images.shape[2] == images.shape[3]
        assert len(texts) in (0, len(images))
        assert groups is None or groups.shape == (len(images),)
        self.name = name
        self.images = images.contiguous(memory_format=torch.channels_last)  # (N, C, S, S)
        self.labels = labels  # (N,)
        self.skipped = skipped
        self.texts = texts
        self.groups = groups  # (N,)
        self.spec = Spec(images.shape[1], images.shape[2], classes or len(class_names), class_names)

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def fingerprint(self) -> str:
        """Of the pixels, the labels and their names."""
        return _hash(self.spec, self.images.permute(0, 2, 3, 1), self.labels)

    def draw(
        self,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        rank: int = 0,
        world: int = 1,
        mirror: bool = False,
    ) -> Draw:
        """An endless, seeded sequence of batches: see `Dataset.draw`."""
        rows = self.images.permute(0, 2, 3, 1).to(device)  # (N, S, S, C), contiguous: a row is gathered in one piece
        labels = None if self.labels is None else self.labels.to(device)

        def look(index: Tensor, flip: Tensor | None) -> Batch:
            x = rows.index_select(0, index)  # (B, S, S, C)
            if flip is not None:
                x = torch.where(flip[:, None, None, None], x.flip(2), x)
            return Batch(to_floats(x.permute(0, 3, 1, 2)), None if labels is None else labels.index_select(0, index))

        return EpochDraw(len(self), look, batch, seed, device, rank, world, mirror)

    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n images at random: see `Dataset.sample`."""
        index = _choose(len(self), n, rng)
        x = self.images.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)  # (n, C, S, S)
        return Batch(to_floats(x), None if self.labels is None else self.labels[index])


class Points(Dataset):
    """A finite set of points.

    Args:
        name: what to call it.
        x: float32 (N, d), N >= 1.
        labels: int64 (N,) in [0, classes), or None.
        classes: number of labels.
    """

    def __init__(self, name: str, x: Tensor, labels: Tensor | None = None, classes: int = 0) -> None:
        assert x.dtype == torch.float32
        assert x.ndim == 2
        self.name = name
        self.x = x  # (N, d)
        self.labels = labels  # (N,)
        self.spec = Spec(x.shape[1], 0, classes)

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def fingerprint(self) -> str:
        """Of the points and their labels."""
        return _hash(self.spec, self.x, self.labels)

    def draw(
        self,
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        *,
        rank: int = 0,
        world: int = 1,
        mirror: bool = False,
    ) -> Draw:
        """An endless, seeded sequence of batches: see `Dataset.draw`."""
        require(not mirror, "mirror", mirror, "no mirroring, because these are points")
        x = self.x.to(device)
        labels = None if self.labels is None else self.labels.to(device)

        def look(index: Tensor, flip: Tensor | None) -> Batch:
            return Batch(x.index_select(0, index), None if labels is None else labels.index_select(0, index))

        return EpochDraw(len(self), look, batch, seed, device, rank, world)

    def sample(self, n: int, rng: torch.Generator) -> Batch:
        """n points at random: see `Dataset.sample`."""
        index = _choose(len(self), n, rng)
        return Batch(self.x[index], None if self.labels is None else self.labels[index])


def _choose(count: int, n: int, rng: torch.Generator) -> Tensor:
    require(n >= 1, "n", n, "1 or more samples")
    if n <= count:
        return torch.randperm(count, generator=rng, device=rng.device)[:n].cpu()
    return torch.randint(count, (n,), generator=rng, device=rng.device).cpu()


def _hash(spec: Spec, x: Tensor, labels: Tensor | None) -> str:
    digest = blake2b(repr((spec, len(x))).encode(), digest_size=16)
    for held in (x, labels):
        if held is not None:
            digest.update(held.contiguous().numpy().data)
    return digest.hexdigest()
