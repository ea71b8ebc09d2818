"""Doubling and halving of maps by the bilinear filter [1, 3, 3, 1], in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Down2", "Up2", "bilinear_kernel"]


def bilinear_kernel() -> Tensor:
    """The outer product of conv([1, 2, 1], [1, 1]) = [1, 3, 3, 1] with itself, (1, 1, 4, 4), sum 1.

    >>> bilinear_kernel()[0, 0, 0] * 64
    tensor([1., 3., 3., 1.])
    """
    row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(row, row)[None, None]


class Up2(nn.Module):
    """x (N, C, H, W) -> (N, C, 2H, 2W): zeros between pixels, then the filter times 4.

    Beyond the border all is 0, so a constant map stays constant except in the outermost pixels. Up2 is 4 times the
    adjoint of Down2. Source: the resamplers of R3GAN, arXiv:2501.05441, after StyleGAN2, arXiv:1912.04958.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", 4 * bilinear_kernel(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


class Down2(nn.Module):
    """x (N, C, H, W) with even sides -> (N, C, H / 2, W / 2): the filter, then every second pixel.

    Beyond the border all is 0, so a constant map stays constant except in the outermost pixels.
    Source: the resamplers of R3GAN, arXiv:2501.05441, after StyleGAN2, arXiv:1912.04958.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", bilinear_kernel(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return F.conv2d(x, kernel, stride=2, padding=1, groups=channels)
