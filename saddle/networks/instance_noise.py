"""Gaussian noise on what a critic sees, so that the real and the generated distribution overlap.

Source: Sønderby et al. 2016, section 3, arXiv:1610.04490; Arjovsky and Bottou 2017, section 3, arXiv:1701.04862.
"""

import torch
from torch import Tensor, nn

__all__ = ["InstanceNoise"]


class InstanceNoise(nn.Module):
    """forward(x, *rest) = module(x + sigma e, *rest) with e ~ N(0, I), in training mode only.

    Args:
        module: what sees the noisy x; its other methods are reached as ``noisy.module.encode``.
        sigma: standard deviation in the units of x, 0 or more; 0 passes x on untouched and draws nothing.

    ``sigma`` is a plain number, a function of the round and not state: whoever anneals it sets it before a round.
    Noise comes from PyTorch's global generator, as dropout's does.
    """

    def __init__(self, module: nn.Module, sigma: float = 0.0) -> None:
        super().__init__()
        self.module, self.sigma = module, sigma

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        if self.training and self.sigma > 0:
            x = x + self.sigma * torch.randn_like(x)
        out: Tensor = self.module(x, *rest)
        return out
