"""R3GAN's residual generator and critic: grouped bottlenecks, bilinear resampling, no normalisation.

Source: Huang et al. 2024, "The GAN is dead; long live the GAN!", arXiv:2501.05441, and its published code.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.networks.layers import Reshape, channels_last
from saddle.networks.resample import Down2, Up2

__all__ = ["R3GANCritic", "R3GANGenerator", "ResidualBlock"]

GAIN = nn.init.calculate_gain("leaky_relu", 0.2)  # sqrt(2 / 1.04)

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def scaled(layer: Layer, gain: float = 1.0) -> Layer:
    """The layer with weights N(0, gain² / fan_in) and, where it has biases, zeros."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def pointwise(inputs: int, outputs: int) -> nn.Conv2d:
    """1x1 convolution without bias, gain 1."""
    return scaled(nn.Conv2d(inputs, outputs, 1, bias=False))


class ResidualBlock(nn.Module):
    """x + f(x) on maps (N, channels, H, W), f: 1x1 to wider, LeakyReLU, grouped 3x3, LeakyReLU, 1x1 back.

    Args:
        channels: of the map.
        depth: residual blocks in the whole network, L; the first two convolutions have gain sqrt(2 / 1.04) L^(-1/4).
        group_size: channels in a group of the 3x3 convolution.
        expansion: how many times wider the inside is.

    The last convolution starts at zero, so a block starts as the identity (fixup initialisation, arXiv:1901.09321).
    Raises:
        ValueError: the inner width is no multiple of the group size.
    """

    def __init__(self, channels: int, depth: int, group_size: int = 16, expansion: int = 2) -> None:
        super().__init__()
        inner = channels * expansion
        expected = f"a divisor of the blocks' inner width, which is {inner}"
        require(group_size >= 1 and inner % group_size == 0, "group_size", group_size, expected)
        gain = GAIN * depth**-0.25
        self.residue = nn.Sequential(  # the paper gives the biases to the activations, which is the same sum
            scaled(nn.Conv2d(channels, inner, 1), gain),
            nn.LeakyReLU(0.2, inplace=True),
            scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=inner // group_size), gain),
            nn.LeakyReLU(0.2, inplace=True),
            scaled(nn.Conv2d(inner, channels, 1, bias=False), gain=0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.residue(x)
        return x + h


class Basis(nn.Module):
    """z (N, z_dim) -> (N, channels, 4, 4): a learned 4x4 pattern per channel, times a linear coefficient of z."""

    def __init__(self, z_dim: int, channels: int) -> None:
        super().__init__()
        self.pattern = nn.Parameter(torch.randn(1, channels, 4, 4))
        self.linear = scaled(nn.Linear(z_dim, channels, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        coefficients: Tensor = self.linear(z)
        return self.pattern * coefficients[:, :, None, None]


class R3GANGenerator(nn.Module):
    """z (N, z_dim) -> x (N, channels, S, S), S = 4 * 2 ** (len(widths) - 1), unbounded: there is no tanh.

    Per stage: 1x1 convolution where the width changes, bilinear doubling, residual blocks.

    Args:
        z_dim: length of a latent row; 64 in the paper, and 64 more for an embedded label (``LabelledGenerator``).
        widths: channels of each stage, the 4x4 one first.
        blocks: residual blocks a stage; 2 in the paper.
        channels: of the images.
        group_size: channels in a group of the 3x3 convolutions; 16, and 32 for ImageNet.
        expansion: inner over outer width of a block; 2 in the paper.

    Raises:
        ValueError: no widths, or widths that the groups do not divide.
    """

    def __init__(
        self, z_dim: int, widths: Sequence[int], blocks: int, channels: int, group_size: int = 16, expansion: int = 2
    ) -> None:
        super().__init__()
        require(len(widths) >= 1, "widths", tuple(widths), "at least the width of the 4x4 stage")
        depth = blocks * len(widths)
        layers: list[nn.Module] = [Basis(z_dim, widths[0])]
        layers += [ResidualBlock(widths[0], depth, group_size, expansion) for _ in range(blocks)]
        for before, width in pairwise(widths):
            layers += [pointwise(before, width)] if before != width else []
            layers += [Up2(), *(ResidualBlock(width, depth, group_size, expansion) for _ in range(blocks))]
        self.body = nn.Sequential(*layers)  # (N, widths[-1], S, S)
        self.to_image = pointwise(widths[-1], channels)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.to_image(self.body(z))
        return x  # (N, channels, S, S)


class Patterned(nn.Conv2d):
    """x (N, channels, side, side) -> (N, channels): the depth-wise convolution as wide as the map, which is a sum.

    A product and a sum make it many times faster on a CPU than as one convolution for each channel.

    Args:
        channels: of the map.
        side: of the map and of the kernel.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__(channels, channels, side, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight[:, 0]).sum((2, 3))


class R3GANCritic(nn.Module):
    """x (N, channels, S, S), S = 4 * 2 ** (len(widths) - 1) -> logits (N,), or (N, outputs) when several are asked for.

    The generator's mirror image: residual blocks, bilinear halving, 1x1 convolution where the width changes; at 4x4
    a depth-wise 4x4 convolution and a linear layer without bias.

    Args:
        widths: channels of each stage, the 4x4 one first, as for the generator.
        blocks: residual blocks a stage; 2 in the paper.
        channels: of the images.
        group_size: channels in a group of the 3x3 convolutions; 16, and 32 for ImageNet.
        expansion: inner over outer width of a block; 2 in the paper.
        outputs: numbers per sample; 1 drops the last axis. With labels ``LabelDotCritic`` takes widths[0] of them.

    Raises:
        ValueError: no widths, or widths that the groups do not divide.
    """

    def __init__(
        self,
        widths: Sequence[int],
        blocks: int,
        channels: int,
        group_size: int = 16,
        expansion: int = 2,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        require(len(widths) >= 1, "widths", tuple(widths), "at least the width of the 4x4 stage")
        depth = blocks * len(widths)
        fine_first = list(reversed(widths))
        layers: list[nn.Module] = [pointwise(channels, fine_first[0])]
        for width, after in pairwise(fine_first):
            layers += [*(ResidualBlock(width, depth, group_size, expansion) for _ in range(blocks)), Down2()]
            layers += [pointwise(width, after)] if width != after else []
        layers += [ResidualBlock(widths[0], depth, group_size, expansion) for _ in range(blocks)]
        self.body = nn.Sequential(*layers)  # (N, widths[0], 4, 4)
        self.summary = scaled(Patterned(widths[0], 4))  # (N, widths[0])
        self.linear = scaled(nn.Linear(widths[0], outputs, bias=False))
        self.reshape = Reshape(*(() if outputs == 1 else (outputs,)))
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.reshape(self.linear(self.summary(self.body(x))))
        return logits  # (N,) or (N, outputs)
