"""A 3x3 convolution and the doubling before it, or the halving after it, as one strided 4x4 convolution.

Nearest doubling is a transposed convolution with 2x2 ones, and a mean over 2x2 pixels is a convolution with them; two
linear maps in a row are one, whose kernel is the 3x3 one convolved with the ones. The layers here compute exactly what
the two steps do, with the same parameters and at 4/9 of the products. That convolution of kernels is itself linear: 16
numbers from 9 by one matrix, a product for all pairs of channels at once.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DownConv", "UpConv"]


class UpConv(nn.Conv2d):
    """x (N, inputs, H, W) -> (N, outputs, 2H, 2W): each pixel becomes 2x2, then a 3x3 convolution with padding 1.

    >>> import torch
    >>> layer, x = UpConv(3, 5), torch.randn(2, 3, 4, 4)
    >>> doubled = F.interpolate(x, scale_factor=2)
    >>> torch.allclose(layer(x), F.conv2d(doubled, layer.weight, layer.bias, padding=1), atol=1e-5)
    True
    """

    widen: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.register_buffer("widen", with_ones().flip(0), persistent=False)  # of kernels turned by half a turn

    def forward(self, x: Tensor) -> Tensor:
        kernel = _widened(self.weight.transpose(0, 1), self.widen)  # (inputs, outputs, 4, 4)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class DownConv(nn.Conv2d):
    """x (N, inputs, H, W), even sides -> (N, outputs, H / 2, W / 2): a 3x3 convolution, then the mean over 2x2 pixels.

    >>> import torch
    >>> layer, x = DownConv(3, 5), torch.randn(2, 3, 4, 4)
    >>> mean = F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=1), 2)
    >>> torch.allclose(layer(x), mean, atol=1e-5)
    True
    """

    widen: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.register_buffer("widen", with_ones() / 4, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, _widened(self.weight, self.widen), self.bias, stride=2, padding=1)


def with_ones() -> Tensor:
    """The matrix (9, 16) that convolves a 3x3 kernel, as a row of 9, with 2x2 ones.

    >>> torch.ones(1, 9) @ with_ones()
    tensor([[1., 2., 2., 1., 2., 4., 4., 2., 2., 4., 4., 2., 1., 2., 2., 1.]])
    """
    places = torch.eye(9).unflatten(1, (1, 3, 3))  # a kernel for each place, 1 there
    return F.conv_transpose2d(places, torch.ones(1, 1, 2, 2)).flatten(1)


def _widened(weight: Tensor, widen: Tensor) -> Tensor:
    """Kernels (A, B, 3, 3) -> (A, B, 4, 4)."""
    return (weight.flatten(2) @ widen.to(weight)).unflatten(2, (4, 4))
