"""The convolution that ends in an image: transposed, 4x4 with stride 2, to one to three channels, made fast on a CPU.

A transposed convolution to very few channels leaves a processor's vector lanes empty. The layer here computes exactly
what its PyTorch parent does, with the same parameters, as a 2x2 convolution with stride 1 to four times the channels:
four channels of one place become a 2x2 block of pixels (Shi et al. 2016, arXiv:1609.05158). The convolution that an
image enters by gains nothing from the same trick over a whole round, and is PyTorch's own.
"""

from torch import Tensor, nn
from torch.nn.functional import conv_transpose2d, pixel_shuffle

__all__ = ["ExitConv"]


class ExitConv(nn.ConvTranspose2d):
    """x (N, inputs, H, W) -> (N, outputs, 2H, 2W): ``nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)``.

    >>> layer, x = ExitConv(8, 1), torch.randn(2, 8, 3, 3)
    >>> torch.allclose(layer(x), conv_transpose2d(x, layer.weight, layer.bias, stride=2, padding=1), atol=1e-6)
    True
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        blocks = conv_transpose2d(x, _to_blocks(self.weight))  # (N, 4 outputs, H + 1, W + 1)
        image = pixel_shuffle(blocks, 2)[:, :, 1:-1, 1:-1]  # the padding that stride 2 would have cut
        return image if self.bias is None else image + self.bias.view(-1, 1, 1)


def _to_blocks(weight: Tensor) -> Tensor:
    """Kernels (A, B, 4, 4) -> (A, 4 B, 2, 2): row 2s + a, column 2t + b goes to channel (., a, b), place (s, t)."""
    a, b = weight.shape[:2]
    return weight.reshape(a, b, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(a, 4 * b, 2, 2)
