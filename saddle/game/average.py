"""Exponential moving average of a network's weights, with its half-life in images."""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["Average"]


class Average(nn.Module):
    """A copy of a network that follows its weights: after ``half_life`` images half of the old value is left.

    Floating-point buffers (running statistics) are averaged with the weights, since a statistic belongs to the
    weights that made it; counters are copied.

    Args:
        module: the network to follow; it is copied.
        half_life: images after which an old weight counts for half, > 0.
        ramp: the half-life is at most this share of the images seen, so that the start is forgotten; 0 turns it off.
    Source: Karras et al. 2018 (ProGAN), arXiv:1710.10196, section 2.1; half-life in images after StyleGAN2.
    """

    def __init__(self, module: nn.Module, half_life: float, ramp: float = 0.05) -> None:
        super().__init__()
        require(half_life > 0, "half_life", half_life, "a positive number of images")
        require(ramp >= 0, "ramp", ramp, "0 or a share of the images seen")
        self.module = deepcopy(module).eval().requires_grad_(False)
        self.half_life, self.ramp = half_life, ramp
        self._pairs: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]] | None = None

    @torch.no_grad()
    def update(self, live: nn.Module, batch: int, seen: int) -> None:
        """Follow the live network one step.

        Args:
            live: the network this average was made from.
            batch: images since the last update.
            seen: images in the whole game so far.
        """
        half_life = min(self.half_life, self.ramp * seen) if self.ramp else self.half_life
        keep = 0.5 ** (batch / max(half_life, 1e-8))
        if self._pairs is None:  # same tensors every round: the lists are made once
            self._pairs = (*_split(_tensors(self.module)), *_split(_tensors(live)))
        slow, slow_counts, fast, fast_counts = self._pairs
        torch._foreach_lerp_(slow, fast, 1 - keep)
        for ours, theirs in zip(slow_counts, fast_counts, strict=True):
            ours.copy_(theirs)


def _tensors(module: nn.Module) -> Iterable[Tensor]:
    return [*(p.data for p in module.parameters()), *module.buffers()]


def _split(tensors: Iterable[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    tensors = list(tensors)
    return [t for t in tensors if t.is_floating_point()], [t for t in tensors if not t.is_floating_point()]
