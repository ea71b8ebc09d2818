"""Draws: endless, seeded sequences of batches that can be put down and taken up again bit for bit."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from hashlib import blake2b

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.spec import Batch

__all__ = ["Draw", "EpochDraw", "FreshDraw", "generator", "require_part"]


def generator(*key: int | str) -> torch.Generator:
    """Random numbers of their own for each key; keys that differ in any part give unrelated streams.

    >>> torch.equal(torch.rand(3, generator=generator(1, 2)), torch.rand(3, generator=generator(2, 1)))
    False
    """
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest) >> 1)


class Draw(ABC):
    """Call it for the next batch. It never ends, and uses no random numbers but its own."""

    @abstractmethod
    def __call__(self) -> Batch:
        """The next batch: images (N, C, S, S) float32 in [-1, 1], channels last in memory, or points (N, d)."""

    @abstractmethod
    def state_dict(self) -> dict[str, Tensor]:
        """Where the sequence stands, as tensors to keep."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a kept state: what follows is bit for bit what would have followed then.

        Raises:
            ValueError: the state is not one of this kind of draw.
        """


class EpochDraw(Draw):
    """Draws from a finite set of n: every sample once an epoch, in a new order each time.

    The epochs are laid end to end as one stream, so no batch is short. Of ``world`` ranks, rank r takes places r,
    r + world, r + 2 world ... of it: together they see what one process with a batch ``world`` times as large would.

    Args:
        count: samples in the set, n.
        look: makes a batch of places in the set (batch,) int64, and of which to mirror (batch,) bool or None.
        batch: samples in a batch, on this rank.
        seed: the stream's seed, the same on every rank.
        device: where the places are put.
        rank: this process among the ``world`` of them.
        world: number of processes.
        mirror: flip each sample with probability one half.
    """

    def __init__(
        self,
        count: int,
        look: Callable[[Tensor, Tensor | None], Batch],
        batch: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
        mirror: bool = False,
    ) -> None:
        require(count >= 1, "count", count, "1 or more samples in the data set")
        require_part(batch, rank, world)
        self._count, self._look, self._batch = count, look, batch
        self._seed, self._device, self._mirror = seed, device, mirror
        self._rank, self._world = rank, world
        self._drawn = 0  # by this rank; with the seed it is the whole state
        self._epoch = -1
        self._order, self._flips = torch.empty(0), torch.empty(0)

    def __call__(self) -> Batch:
        """The next batch."""
        orders: list[Tensor] = []
        flips: list[Tensor] = []
        missing = self._batch
        while missing:
            epoch, place = divmod(self._rank + self._world * self._drawn, self._count)
            self._shuffle(epoch)
            part = slice(place, place + missing * self._world, self._world)
            orders.append(self._order[part])  # (taken,)
            flips.append(self._flips[part])  # (taken,)
            missing -= len(orders[-1])
            self._drawn += len(orders[-1])
        order, flip = (parts[0] if len(parts) == 1 else torch.cat(parts) for parts in (orders, flips))
        return self._look(order, flip if self._mirror else None)

    def state_dict(self) -> dict[str, Tensor]:
        """The number of samples drawn; with the seed it says everything."""
        return {"drawn": torch.tensor(self._drawn)}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a kept number of samples."""
        require(set(state) == {"drawn"}, "draw", sorted(state), "the kept place in a finite data set, 'drawn'")
        self._drawn = int(state["drawn"])

    def _shuffle(self, epoch: int) -> None:
        if epoch == self._epoch:
            return
        rng = generator(self._seed, "epoch", epoch)
        self._order = torch.randperm(self._count, generator=rng).to(self._device)  # (n,)
        self._flips = torch.rand(self._count, generator=rng).lt(0.5).to(self._device)  # (n,)
        self._epoch = epoch


def require_part(batch: int, rank: int, world: int) -> None:
    """Refuse a batch without samples, and a process that is none of the ``world``.

    Raises:
        ValueError: one of these.
    """
    require(batch >= 1, "batch", batch, "1 or more samples in a batch")
    require(0 <= rank < world, "rank", rank, f"0 to {world - 1}, because there are {world} processes")


class FreshDraw(Draw):
    """Draws that make new samples each time, from a density.

    Args:
        make: new samples from random numbers on the CPU, so that every device is given the same.
        seed: the sequence's seed; each rank has its own sequence.
        device: where the batch is put.
        rank: this process among all.
    """

    def __init__(
        self, make: Callable[[torch.Generator], Batch], seed: int, device: torch.device | str = "cpu", rank: int = 0
    ) -> None:
        self._make, self._device = make, device
        self._rng = generator(seed, "rank", rank)

    def __call__(self) -> Batch:
        """The next batch."""
        batch = self._make(self._rng)
        return Batch(batch.x.to(self._device), None if batch.y is None else batch.y.to(self._device))

    def state_dict(self) -> dict[str, Tensor]:
        """The state of the random numbers."""
        return {"rng": self._rng.get_state()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from kept random numbers."""
        require(set(state) == {"rng"}, "draw", sorted(state), "the kept random numbers of an endless data set, 'rng'")
        self._rng.set_state(state["rng"])
