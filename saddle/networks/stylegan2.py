"""StyleGAN2's generator and critic: modulated convolutions with image skips, and a residual critic.

Source: Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", arXiv:1912.04958, sections 2 and 4.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.config import require
from saddle.networks.equalised import HE, EqualConv2d, EqualLinear, LeakyReLU, he_constant
from saddle.networks.layers import channels_last
from saddle.networks.modulated import Convolve, demodulation, same
from saddle.networks.progan import Summary
from saddle.networks.resample import BILINEAR, Blur, Down2, FilteredUpConv, Up2
from saddle.networks.styles import Noise, Synthesis, each_layer

__all__ = ["StyleGAN2Critic", "StyleGAN2Synthesis"]


class Layer(nn.Module):
    """map (N, I, ...), w (N, w_dim) -> map (N, O, side, side): modulated 3x3, noise, bias, leaky ReLU times sqrt(2).

    Args:
        inputs: I.
        outputs: O.
        side: of the map that it makes.
        w_dim: length of a style row.
        convolve: `same`, or a `FilteredUpConv`, which doubles the side.
    """

    def __init__(self, inputs: int, outputs: int, side: int, w_dim: int, convolve: Convolve = same) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, inputs, gain=1.0, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.convolve, self.noise = convolve, Noise(side)
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, x: Tensor, w: Tensor, rng: torch.Generator | None) -> Tensor:
        style, weight = self.affine(w), self.weight * he_constant(self.weight, 1.0)
        h = self.convolve(x * style[:, :, None, None], weight)  # eq. 1, see `modulated_conv`
        h = torch.addcmul(HE * self.bias, h, HE * demodulation(weight, style)[:, :, None, None])  # eq. 3
        h = h + (HE * self.strength) * self.noise(x.shape[0], rng)
        return F.leaky_relu(h, 0.2)  # of sqrt(2) a it is sqrt(2) times that of a


class ToImage(nn.Module):
    """map (N, I, H, W), w (N, w_dim) -> (N, channels, H, W): modulated 1x1 convolution, not demodulated, and bias."""

    def __init__(self, inputs: int, channels: int, w_dim: int) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, inputs, gain=1.0, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)[:, :, None, None] * he_constant(self.weight, 1.0)
        return F.conv2d(x * style, self.weight) + self.bias


class StyleGAN2Synthesis(Synthesis):
    """Styles (N, L, w_dim) or (N, w_dim) -> images (N, channels, S, S), S = 4 * 2 ** (len(widths) - 1), unbounded.

    Each stage adds its image to the one before, doubled through the filter (output skips). L is twice the number of
    stages: a stage's image takes the row of the layer that follows.

    Args:
        w_dim: length of a style row.
        widths: channels of each stage, the 4x4 one first.
        channels: of the images.
        taps: of the doubling's filter.
    Raises:
        ValueError: no widths, or taps that do not double.
    """

    def __init__(self, w_dim: int, widths: Sequence[int], channels: int, taps: Sequence[float] = BILINEAR) -> None:
        super().__init__()
        require(len(widths) >= 1, "widths", tuple(widths), "at least the width of the 4x4 stage")
        self.layers = 2 * len(widths)
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.convolutions = nn.ModuleList([Layer(widths[0], widths[0], 4, w_dim)])
        for k, (before, width) in enumerate(pairwise(widths), start=1):
            self.convolutions.append(Layer(before, width, 4 * 2**k, w_dim, FilteredUpConv(taps)))
            self.convolutions.append(Layer(width, width, 4 * 2**k, w_dim))
        self.to_image = nn.ModuleList(ToImage(width, channels, w_dim) for width in widths)
        self.up = Up2(taps)
        channels_last(self)

    def forward(self, styles: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Images; with ``rng`` the noise is new."""
        rows = each_layer(styles, self.layers)  # (N, L, w_dim)
        h = self.convolutions[0](self.constant.expand(rows.shape[0], -1, -1, -1), rows[:, 0], rng)
        x: Tensor = self.to_image[0](h, rows[:, 1])
        for k in range(1, len(self.to_image)):
            for i in (2 * k - 1, 2 * k):
                h = self.convolutions[i](h, rows[:, i], rng)
            x = self.up(x) + self.to_image[k](h, rows[:, 2 * k + 1])
        return x


class ResidualDown(nn.Module):
    """map (N, I, H, W) -> (N, O, H / 2, W / 2): (f(x) + skip(x)) / sqrt(2), f two 3x3 convolutions, skip a 1x1.

    Args:
        inputs: I.
        outputs: O.
        taps: of the halving's filter.
    """

    def __init__(self, inputs: int, outputs: int, taps: Sequence[float]) -> None:
        super().__init__()
        self.residue = nn.Sequential(
            EqualConv2d(inputs, inputs, 3),
            LeakyReLU(),
            Blur(taps, padding=len(taps) // 2),  # and every second place of the convolution: halving and 3x3 in one
            EqualConv2d(inputs, outputs, 3, stride=2, padding=0),
            LeakyReLU(),
        )
        self.skip = nn.Sequential(Down2(taps), EqualConv2d(inputs, outputs, 1, gain=1.0, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.residue(x) + self.skip(x)
        return h / math.sqrt(2)


class StyleGAN2Critic(nn.Module):
    """x (N, channels, S, S) -> (N,) or (N, outputs), S = 4 * 2 ** (len(widths) - 1): residual blocks, then `Summary`.

    Args:
        widths: channels of each stage, the 4x4 one first, as for the generator.
        channels: of the images.
        taps: of the halving's filter, an even number of them.
        group: samples that are compared; 4 in the published code.
        outputs: numbers per sample; 1 drops the last axis. With labels `EqualLabelDotCritic` takes as many as it has.
    Raises:
        ValueError: no widths, or taps that do not halve.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        taps: Sequence[float] = BILINEAR,
        group: int = 4,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        require(len(widths) >= 1, "widths", tuple(widths), "at least the width of the 4x4 stage")
        fine_first = list(reversed(widths))
        layers: list[nn.Module] = [EqualConv2d(channels, fine_first[0], 1), LeakyReLU()]
        layers += [ResidualDown(width, after, taps) for width, after in pairwise(fine_first)]
        self.body = nn.Sequential(*layers, Summary(widths[0], group))  # (N, widths[0])
        self.to_logit = EqualLinear(widths[0], outputs, gain=1.0)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.to_logit(self.body(x))
        return logits.squeeze(1) if logits.shape[1] == 1 else logits
