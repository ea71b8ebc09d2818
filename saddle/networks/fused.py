"""A 3x3 convolution and the doubling before it, or the halving after it, as one strided 4x4 convolution.

Nearest doubling is a transposed convolution with 2x2 ones, and a mean over 2x2 pixels is a convolution with them; two
linear maps in a row are one, whose kernel is the 3x3 one convolved with the ones. The layers here compute exactly what
the two steps do, with the same parameters and at 4/9 of the products.
"""

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

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        kernel = _with_ones(self.weight.flip(2, 3)).transpose(0, 1)  # (inputs, outputs, 4, 4)
        return F.conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class DownConv(nn.Conv2d):
    """x (N, inputs, H, W), even sides -> (N, outputs, H / 2, W / 2): a 3x3 convolution, then the mean over 2x2 pixels.

    >>> import torch
    >>> layer, x = DownConv(3, 5), torch.randn(2, 3, 4, 4)
    >>> mean = F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=1), 2)
    >>> torch.allclose(layer(x), mean, atol=1e-5)
    True
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, _with_ones(self.weight) / 4, self.bias, stride=2, padding=1)


def _with_ones(weight: Tensor) -> Tensor:
    """Kernels (A, B, 3, 3) convolved with 2x2 ones: (A, B, 4, 4)."""
    wide = F.pad(weight, (1, 1, 1, 1))  # (A, B, 5, 5)
    rows = wide[:, :, 1:] + wide[:, :, :-1]
    return rows[..., 1:] + rows[..., :-1]
