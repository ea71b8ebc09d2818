"""Doubling and halving of maps through a low-pass filter, [1, 3, 3, 1] by default, in plain PyTorch.

A filter is given by the taps of one direction; in two it is their outer product, of sum 1. Taps (1, 1) make doubling
nearest neighbour and halving the mean of 2x2 pixels; (1, 3, 3, 1) is the bilinear filter, nearest neighbour and mean
blurred by [1, 2, 1]. All is depth-wise convolutions: the same on every device, with derivatives of any order. Beyond
the border all is 0.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.config import require

__all__ = ["BILINEAR", "Blur", "Down2", "FilteredUpConv", "Up2", "bilinear_kernel", "kernel_of"]

BILINEAR = (1.0, 3.0, 3.0, 1.0)
"""The taps conv([1, 2, 1], [1, 1]) of bilinear interpolation by 2."""


def kernel_of(taps: Sequence[float]) -> Tensor:
    """The outer product of the taps with themselves, (1, 1, T, T), sum 1.

    Raises:
        ValueError: the taps sum to 0.

    >>> kernel_of([1, 2, 1])[0, 0, 0] * 16
    tensor([1., 2., 1.])
    """
    require(sum(taps) != 0, "taps", tuple(taps), "numbers whose sum is not 0")
    row = torch.tensor([float(tap) for tap in taps]) / sum(taps)
    return torch.outer(row, row)[None, None]


def bilinear_kernel() -> Tensor:
    """The kernel of `BILINEAR`, (1, 1, 4, 4), sum 1.

    >>> bilinear_kernel()[0, 0, 0] * 64
    tensor([1., 3., 3., 1.])
    """
    return kernel_of(BILINEAR)


def _even(taps: Sequence[float]) -> int:
    """The padding with which a filter doubles or halves a side exactly."""
    require(len(taps) >= 2 and len(taps) % 2 == 0, "taps", tuple(taps), "an even number of taps")
    return len(taps) // 2 - 1


class Up2(nn.Module):
    """x (N, C, H, W) -> (N, C, 2H, 2W): zeros between pixels, then the filter times 4.

    A constant map stays constant except in the outermost pixels. Up2 is 4 times the adjoint of Down2.

    Args:
        taps: of the filter, an even number of them.
    Source: the resamplers of R3GAN, arXiv:2501.05441, after StyleGAN2, arXiv:1912.04958.
    """

    kernel: Tensor

    def __init__(self, taps: Sequence[float] = BILINEAR) -> None:
        super().__init__()
        self.padding = _even(taps)
        self.register_buffer("kernel", 4 * kernel_of(taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, -1, -1, -1)
        return F.conv_transpose2d(x, kernel, stride=2, padding=self.padding, groups=channels)


class Down2(nn.Module):
    """x (N, C, H, W) with even sides -> (N, C, H / 2, W / 2): the filter, then every second pixel.

    A constant map stays constant except in the outermost pixels.

    Args:
        taps: of the filter, an even number of them.
    Source: the resamplers of R3GAN, arXiv:2501.05441, after StyleGAN2, arXiv:1912.04958.
    """

    kernel: Tensor

    def __init__(self, taps: Sequence[float] = BILINEAR) -> None:
        super().__init__()
        self.padding = _even(taps)
        self.register_buffer("kernel", kernel_of(taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, -1, -1, -1)
        return F.conv2d(x, kernel, stride=2, padding=self.padding, groups=channels)


class Blur(nn.Module):
    """x (N, C, H, W) -> (N, C, H', W'), H' = H + 2 padding + 1 - T: the filter of T taps at each place.

    Args:
        taps: of the filter.
        padding: rows and columns of zeros around the map.
        gain: factor on all.
    """

    kernel: Tensor

    def __init__(self, taps: Sequence[float] = BILINEAR, padding: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.padding = padding
        self.register_buffer("kernel", gain * kernel_of(taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, -1, -1, -1)
        return F.conv2d(x, kernel, padding=self.padding, groups=channels)


class FilteredUpConv(nn.Module):
    """x (N, I, H, W), weight (O, I, 3, 3) -> (N, O, 2H, 2W): doubling and convolution in one, at a quarter of the cost.

    Zeros between pixels, the convolution with the weights turned by half a turn, the filter: convolutions commute, so
    this is ``conv2d(Up2(taps)(x), weight, padding=1)`` with weights so turned. With taps (1, 1) the two agree
    everywhere, with more taps except near the border, where `Up2` cuts the map off in between.

    Args:
        taps: of the filter, an even number of them.
    Source: Karras et al. 2019, section 2, arXiv:1812.04948; Karras et al. 2020, arXiv:1912.04958.
    """

    def __init__(self, taps: Sequence[float] = BILINEAR) -> None:
        super().__init__()
        self.blur = Blur(taps, padding=_even(taps), gain=4.0)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        h: Tensor = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))  # of (N, O, 2H + 1, 2W + 1)
        return h
