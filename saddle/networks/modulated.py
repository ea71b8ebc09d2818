r"""Modulated convolution: weights scaled by a style, and scaled back so that the outputs keep unit variance.

    w'_oik = s_i w_oik,    w''_oik = w'_oik / sqrt(sum_ik w'_oik^2 + eps).

With a style s for each sample these are N convolutions with weights of their own. Two forms compute them:
`modulated_conv_grouped` makes the weights and one convolution in N groups, as the paper's appendix B; `modulated_conv`
uses that a convolution is linear and scales its inputs by s and its outputs by the root, with one set of weights for
all samples, which is several times faster on a CPU.
Source: Karras et al. 2020 (StyleGAN2), section 2.2, eqs. 1 to 3, arXiv:1912.04958.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Convolve", "demodulation", "modulated_conv", "modulated_conv_grouped", "same"]

Convolve = Callable[[Tensor, Tensor], Tensor]
"""Maps (N, I, H, W), weights (O, I, k, k) -> maps (N, O, ...): `same`, or a `FilteredUpConv`."""


def same(x: Tensor, weight: Tensor) -> Tensor:
    """The convolution that keeps the side, for odd k."""
    return F.conv2d(x, weight, padding=weight.shape[-1] // 2)


def demodulation(weight: Tensor, style: Tensor, eps: float = 1e-8) -> Tensor:
    """1 / sqrt(sum_ik (s_i w_oik)^2 + eps) of eq. 3, (N, O).

    Args:
        weight: (O, I, k, k).
        style: s, (N, I).
        eps: keeps the root away from 0.

    >>> demodulation(torch.full((1, 4, 1, 1), 0.5), torch.full((1, 4), 2.0))
    tensor([[0.5000]])
    """
    squares = weight.square().sum((2, 3))  # (O, I)
    return torch.rsqrt(style.square() @ squares.T + eps)


def modulated_conv(x: Tensor, weight: Tensor, style: Tensor, convolve: Convolve = same) -> Tensor:
    """The convolution of each sample with w'' of its own style, by scaling maps instead of weights.

    Args:
        x: maps, (N, I, H, W).
        weight: w, (O, I, k, k).
        style: s, (N, I).
        convolve: how; any map that is linear in x and keeps channels apart otherwise.
    Returns:
        Maps (N, O, ...), of variance 1 where x is white noise of variance 1.
    """
    scaled = convolve(x * style[:, :, None, None], weight)
    return scaled * demodulation(weight, style)[:, :, None, None]


def modulated_conv_grouped(x: Tensor, weight: Tensor, style: Tensor) -> Tensor:
    """The same, as one convolution in N groups with N sets of weights: the form of the paper.

    Args:
        x: maps, (N, I, H, W).
        weight: w, (O, I, k, k), k odd.
        style: s, (N, I).
    """
    modulated = weight * style[:, None, :, None, None]  # w', (N, O, I, k, k)
    norm = torch.rsqrt(modulated.square().sum((2, 3, 4), keepdim=True) + 1e-8)
    kernels = (modulated * norm).flatten(0, 1)  # w'', (N O, I, k, k)
    out = F.conv2d(x.flatten(0, 1)[None], kernels, padding=weight.shape[-1] // 2, groups=len(x))
    return out[0].unflatten(0, (len(x), -1))
