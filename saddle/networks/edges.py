"""The convolutions at the edges of an image network: 4x4 with stride 2 on one to three channels, made fast on a CPU.

A convolution from or to very few channels leaves a processor's vector lanes empty. Both layers here compute exactly
what their PyTorch parents do, with the same parameters, as a 2x2 convolution with stride 1 on four times the channels:
a 2x2 block of pixels becomes four channels of one place (space to depth, Shi et al. 2016, arXiv:1609.05158).
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad, pixel_shuffle, pixel_unshuffle

__all__ = ["EntryConv", "ExitConv"]


class EntryConv(nn.Conv2d):
    """x (N, inputs, H, W) -> (N, outputs, H / 2, W / 2): ``nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)``.

    >>> layer, x = EntryConv(1, 8), torch.randn(2, 1, 6, 6)
    >>> torch.allclose(layer(x), conv2d(x, layer.weight, layer.bias, stride=2, padding=1), atol=1e-6)
    True
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 4, stride=2, padding=1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        blocks = pixel_unshuffle(pad(x, (1, 1, 1, 1)), 2)  # (N, 4 inputs, H / 2 + 1, W / 2 + 1)
        blocks = blocks.contiguous(memory_format=torch.channels_last)
        return conv2d(blocks, _to_blocks(self.weight), self.bias)


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
