"""StyleGAN's generator: a learned constant, styles by adaptive instance norm, noise at every layer, grown as ProGAN.

Its critic is `ProGANCritic` with bilinear halving.
Source: Karras et al. 2019, "A Style-Based Generator Architecture for GANs", arXiv:1812.04948, section 2.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.networks.equalised import EqualConv2d, EqualLinear
from saddle.networks.growing import Growing, enlarged
from saddle.networks.layers import channels_last
from saddle.networks.progan import EqualUpConv
from saddle.networks.resample import BILINEAR
from saddle.networks.styles import Noise, Synthesis, each_layer

__all__ = ["StyleGANSynthesis", "adain"]


def adain(x: Tensor, scale: Tensor, bias: Tensor, eps: float = 1e-8) -> Tensor:
    """Adaptive instance norm: y_s (x - mu(x)) / sigma(x) + y_b, mean and deviation over each channel's places.

    Args:
        x: maps, (N, C, H, W).
        scale: y_s, (N, C).
        bias: y_b, (N, C).
        eps: added to the variance.
    Source: Karras et al. 2019, eq. 1, arXiv:1812.04948; Huang and Belongie 2017, arXiv:1703.06868.
    """
    variance, mean = torch.var_mean(x, (2, 3), correction=0)  # (N, C)
    scale = scale * torch.rsqrt(variance + eps)
    bias = bias - mean * scale
    return torch.addcmul(bias[:, :, None, None], x, scale[:, :, None, None])


class Layer(nn.Module):
    """map (N, I, ...), w (N, w_dim) -> map (N, C, side, side): convolve, add noise and bias, rectify, give it a style.

    Args:
        convolve: map -> map (N, C, side, side), without biases.
        channels: C.
        side: of the map that it makes.
        w_dim: length of a style row.
    """

    def __init__(self, convolve: nn.Module, channels: int, side: int, w_dim: int) -> None:
        super().__init__()
        self.convolve, self.noise = convolve, Noise(side)
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.affine = EqualLinear(w_dim, 2 * channels, gain=1.0)

    def forward(self, x: Tensor, w: Tensor, rng: torch.Generator | None) -> Tensor:
        h = self.convolve(x)
        h = F.leaky_relu(torch.addcmul(h + self.bias, self.strength, self.noise(x.shape[0], rng)), 0.2)
        scale, bias = self.affine(w).chunk(2, dim=1)  # (N, C) each
        return adain(h, scale + 1, bias)  # so that a style of zeros changes nothing


class Constant(nn.Module):
    """The learned map (1, channels, 4, 4), ones at first, as often as there are samples."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.ones(1, channels, 4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.constant.expand(x.shape[0], -1, -1, -1)


class StyleGANSynthesis(Growing, Synthesis):
    """Styles (N, L, w_dim) or (N, w_dim) -> images (N, channels, S, S), S = `side_at` its depth, unbounded.

    Args:
        w_dim: length of a style row.
        widths: channels of each stage, the 4x4 one first.
        channels: of the images.

    L is twice the number of stages: two layers each.
    Raises:
        ValueError: no widths.
    """

    def __init__(self, w_dim: int, widths: Sequence[int], channels: int) -> None:
        super().__init__(len(widths))
        self.layers = 2 * len(widths)
        self.blocks = nn.ModuleList()
        for k, width in enumerate(widths):
            first = EqualUpConv(widths[k - 1], width, BILINEAR, bias=False) if k else Constant(width)
            second = EqualConv2d(width, width, 3, bias=False)
            side = 4 * 2**k
            self.blocks.append(nn.ModuleList([Layer(first, width, side, w_dim), Layer(second, width, side, w_dim)]))
        self.to_image = nn.ModuleList(EqualConv2d(width, channels, 1, gain=1.0) for width in widths)
        channels_last(self)

    @property
    def playing(self) -> int:
        """Rows of w that matter at its depth."""
        return 2 * (self.top + 1)

    def forward(self, styles: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """Images; with ``rng`` the noise is new."""
        rows = each_layer(styles, self.layers)  # (N, L, w_dim)
        h, before = rows, rows
        for k in range(self.top + 1):
            before = h
            first, second = self.blocks[k].children()
            h = second(first(h, rows[:, 2 * k], rng), rows[:, 2 * k + 1], rng)
        fine: Tensor = self.to_image[self.top](h)
        if self.alpha == 1:
            return fine
        coarse = enlarged(self.to_image[self.top - 1](before), fine.shape[-1])
        return torch.lerp(coarse, fine, self.alpha)
