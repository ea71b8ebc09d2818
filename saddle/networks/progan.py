"""ProGAN's growing generator and critic: equalised 3x3 convolutions, two a stage, and images taken at each stage.

Source: Karras et al. 2018, "Progressive Growing of GANs", arXiv:1710.10196, table 2 and appendix A.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.networks.equalised import HE, EqualConv2d, EqualLinear, LeakyReLU, PixelNorm, he_constant, pixel_norm
from saddle.networks.growing import Growing, enlarged, pooled
from saddle.networks.layers import channels_last
from saddle.networks.minibatch import MinibatchStdDev
from saddle.networks.resample import Down2, FilteredUpConv

__all__ = ["NEAREST", "EqualUpConv", "ProGANCritic", "ProGANGenerator"]

NEAREST = (1.0, 1.0)
"""Taps of doubling by nearest neighbour, and of halving by the mean."""


class EqualUpConv(nn.Module):
    """x (N, I, H, W) -> (N, O, 2H, 2W): doubling and an equalised 3x3 convolution in one, see `FilteredUpConv`.

    Args:
        inputs: I.
        outputs: O.
        taps: of the doubling's filter.
        bias: whether there are biases.
    """

    def __init__(self, inputs: int, outputs: int, taps: Sequence[float], bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.convolve = FilteredUpConv(taps)

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.convolve(x, self.weight * he_constant(self.weight, HE))
        return h if self.bias is None else h + self.bias[:, None, None]


class Seed(nn.Module):
    """z (N, z_dim) -> map (N, channels, 4, 4): a linear layer with one bias a channel and gain sqrt(2) / 4."""

    def __init__(self, z_dim: int, channels: int) -> None:
        super().__init__()
        self.linear = EqualLinear(z_dim, 16 * channels, gain=HE / 4, bias=None)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, z: Tensor) -> Tensor:
        h: Tensor = self.linear(z).unflatten(1, (4, 4, -1)) + self.bias
        return h.permute(0, 3, 1, 2)  # (N, channels, 4, 4), born channels last


class ProGANGenerator(Growing):
    """z (N, z_dim) -> x (N, channels, S, S), S = `side_at` its depth, unbounded: there is no tanh.

    Args:
        z_dim: length of a latent row, which is normalised to length sqrt(z_dim); 512 in the paper.
        widths: channels of each stage, the 4x4 one first; 512 up to 32 pixels and 16 at 1024 in the paper.
        channels: of the images.
    Raises:
        ValueError: no widths.
    """

    def __init__(self, z_dim: int, widths: Sequence[int], channels: int) -> None:
        super().__init__(len(widths))
        first = nn.Sequential(Seed(z_dim, widths[0]), *_normed(), EqualConv2d(widths[0], widths[0], 3), *_normed())
        self.blocks = nn.ModuleList([first])
        for before, width in pairwise(widths):
            doubling = EqualUpConv(before, width, NEAREST)
            self.blocks.append(nn.Sequential(doubling, *_normed(), EqualConv2d(width, width, 3), *_normed()))
        self.to_image = nn.ModuleList(EqualConv2d(width, channels, 1, gain=1.0) for width in widths)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        h = pixel_norm(z)
        for block in self.blocks[: self.top]:
            h = block(h)
        fine: Tensor = self.to_image[self.top](self.blocks[self.top](h))
        if self.alpha == 1:
            return fine
        coarse = enlarged(self.to_image[self.top - 1](h), fine.shape[-1])
        return torch.lerp(coarse, fine, self.alpha)  # (N, channels, S, S)


class ProGANCritic(Growing):
    """x (N, channels, S, S) -> outputs (N,); images larger than its depth's are pooled to its side.

    A stage is two 3x3 convolutions, of which the second goes to the next stage's width, and a halving; at 4x4 the
    samples are compared by `MinibatchStdDev`. StyleGAN has the same critic with bilinear halving.

    Args:
        widths: channels of each stage, the 4x4 one first, as for the generator.
        channels: of the images.
        taps: of the halving's filter; the mean of 2x2 pixels by default.
        group: samples that are compared; 4 in the published code.
    Raises:
        ValueError: no widths, or taps that do not halve.
    """

    def __init__(self, widths: Sequence[int], channels: int, taps: Sequence[float] = NEAREST, group: int = 4) -> None:
        super().__init__(len(widths))
        require(group >= 1, "group", group, "1 or more samples")
        self.from_image = nn.ModuleList(nn.Sequential(EqualConv2d(channels, w, 1), LeakyReLU()) for w in widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                EqualConv2d(width, width, 3), LeakyReLU(), EqualConv2d(width, after, 3), LeakyReLU(), Down2(taps)
            )
            for after, width in pairwise(widths)
        )
        self.body = Summary(widths[0], group)
        self.to_logit = EqualLinear(widths[0], 1, gain=1.0)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        x = pooled(x, 4 * 2**self.top)
        h: Tensor = self.from_image[self.top](x)
        for k in range(self.top, 0, -1):
            h = self.blocks[k - 1](h)  # (N, widths[k - 1], S / 2, S / 2)
            if k == self.top and self.alpha < 1:
                h = torch.lerp(self.from_image[k - 1](pooled(x, x.shape[-1] // 2)), h, self.alpha)
        outputs: Tensor = self.to_logit(self.body(h))
        return outputs.squeeze(1)


class Summary(nn.Sequential):
    """map (N, width, 4, 4) -> features (N, width): the batch's spread as a map more, a 3x3 convolution, a linear layer.

    Args:
        width: channels.
        group: samples that are compared.
    """

    def __init__(self, width: int, group: int) -> None:
        convolution = EqualConv2d(width + 1, width, 3)
        super().__init__(
            MinibatchStdDev(group), convolution, LeakyReLU(), _Rows(), EqualLinear(16 * width, width), LeakyReLU()
        )


class _Rows(nn.Module):
    def forward(self, h: Tensor) -> Tensor:
        return h.permute(0, 2, 3, 1).flatten(1)  # no copy of a channels-last map


def _normed() -> tuple[nn.Module, nn.Module]:
    return LeakyReLU(), PixelNorm()
