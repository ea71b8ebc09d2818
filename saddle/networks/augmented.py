"""Augmentation of everything that a critic sees, real and generated alike, inside the gradient's way."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["Augmented"]


class Augmented(nn.Module):
    """forward(x, *rest) = module(T(x), *rest) with a random T, in training mode only.

    The generator learns through T, so T must be differentiable: ``saddle.data.diff_augment`` and ``ada_augment`` are.
    A gradient penalty on the wrapped critic is one in the samples before T.

    Args:
        module: what sees the augmented x; its other methods are reached as ``augmented.module.encode``.
        augment: x, random numbers -> T(x); called anew for each batch.

    Random numbers come from PyTorch's global generator, as dropout's do, and are saved with it.
    Source: Zhao et al. 2020, section 3, arXiv:2006.10738; Karras et al. 2020, section 2, arXiv:2006.06676.
    """

    def __init__(self, module: nn.Module, augment: Callable[[Tensor, torch.Generator], Tensor]) -> None:
        super().__init__()
        self.module, self.augment = module, augment

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        if self.training:
            x = self.augment(x, torch.default_generator)
        out: Tensor = self.module(x, *rest)
        return out
