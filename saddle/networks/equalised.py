"""Equalised learning rate: layers with weights N(0, 1) that are scaled when used, and the norm over channels.

Adam's steps do not depend on a gradient's size. Where weights are stored with unit variance and multiplied by He's
constant c = gain / sqrt(fan_in) at each use, a step is the same share of the weight in every layer.
Source: Karras et al. 2018 (ProGAN), sections 4.1 and 4.2, arXiv:1710.10196.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.config import require

__all__ = ["HE", "EqualConv2d", "EqualLinear", "LeakyReLU", "PixelNorm", "he_constant", "pixel_norm"]

HE = math.sqrt(2)
"""The gain that keeps the second moment through a rectifier; the papers take it for leaky ones as well."""


def he_constant(weight: Tensor, gain: float) -> float:
    """c = gain / sqrt(fan_in) of weights (O, I, ...), whose fan-in is I times the places.

    >>> he_constant(torch.empty(8, 4, 3, 3), gain=3.0)
    0.5
    """
    return gain / math.sqrt(weight[0].numel())


class EqualLinear(nn.Linear):
    """x (N, I) -> c m W x + m b, W ~ N(0, 1 / m^2), c = gain / sqrt(I): effective weights N(0, c^2).

    Args:
        inputs: I.
        outputs: length of an output row.
        gain: sqrt(2) before a rectifier, 1 for a linear output.
        speed: m, by which the learning rate is multiplied: 0.01 in StyleGAN's mapping network.
        bias: effective biases at the start, or None for no biases.
    Raises:
        ValueError: ``speed`` is not positive.

    >>> layer = EqualLinear(400, 300, gain=3.0, speed=0.01)
    >>> layer(torch.eye(400)).std().item(), layer.weight.std().item()
    (0.15..., 100...)
    """

    def __init__(
        self, inputs: int, outputs: int, gain: float = HE, speed: float = 1.0, bias: float | None = 0.0
    ) -> None:
        super().__init__(inputs, outputs, bias=bias is not None)
        require(speed > 0, "speed", speed, "a factor above 0")
        self.gain, self.speed = gain, speed
        nn.init.normal_(self.weight, 0.0, 1 / speed)
        if bias is not None:
            nn.init.constant_(self.bias, bias / speed)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * (self.speed * he_constant(self.weight, self.gain))
        return F.linear(x, weight, self.bias if self.bias is None or self.speed == 1 else self.bias * self.speed)


class EqualConv2d(nn.Conv2d):
    """x (N, I, H, W) -> conv(x, c W) + b, W ~ N(0, 1), c = gain / sqrt(I k^2), b = 0 at the start.

    Args:
        inputs: I.
        outputs: channels of the output.
        kernel: k, side of the kernel.
        gain: sqrt(2) before a rectifier, 1 for a linear output.
        stride: 1, or 2 behind a `Blur`.
        padding: rows and columns of zeros; by default those that keep the side.
        bias: whether there are biases.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        gain: float = HE,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = True,
    ) -> None:
        padding = kernel // 2 if padding is None else padding
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, bias=bias)
        self.gain = gain
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * he_constant(self.weight, self.gain), self.bias)


class LeakyReLU(nn.LeakyReLU):
    """The papers' rectifier: slope 0.2 below 0."""

    def __init__(self) -> None:
        super().__init__(0.2)


def pixel_norm(x: Tensor, eps: float = 1e-8) -> Tensor:
    """x (N, C, ...) -> x / sqrt(mean over channels of x^2 + eps): each place's vector gets length sqrt(C).

    Source: Karras et al. 2018, section 4.2, arXiv:1710.10196.

    >>> pixel_norm(torch.tensor([[3.0, 4.0]]))
    tensor([[0.8485, 1.1314]])
    """
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + eps)


class PixelNorm(nn.Module):
    """`pixel_norm` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return pixel_norm(x)
