"""Normalisation layers by name, each a constructor that takes the number of channels of an (N, C, H, W) map."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = [
    "NORMS",
    "ConditionalBatchNorm",
    "batch_norm",
    "class_batch_norm",
    "group_norm",
    "layer_norm",
    "linear_batch_norm",
    "no_norm",
]


class ConditionalBatchNorm(nn.Module):
    """x (N, C, H, W), condition -> (1 + gain(condition)) BN(x) + bias(condition), one of each a sample and channel.

    Args:
        channels: C.
        gain: condition -> (N, C).
        bias: condition -> (N, C).

    Where both are 0 it is batch norm. Source: Dumoulin et al. 2017, arXiv:1610.07629, for instance norm; in GANs Miyato
    and Koyama 2018, arXiv:1802.05637.
    """

    def __init__(self, channels: int, gain: nn.Module, bias: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = gain, bias

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(condition), self.bias(condition)  # (N, C)
        return torch.addcmul(bias[:, :, None, None], self.norm(x), gain[:, :, None, None])


def class_batch_norm(classes: int) -> Callable[[int], nn.Module]:
    """Constructor of batch norms with a gain and a bias for each label: gains 1 and biases 0 at first.

    Source: Miyato and Koyama 2018, arXiv:1802.05637.
    """

    def make(channels: int) -> nn.Module:
        gain, bias = nn.Embedding(classes, channels), nn.Embedding(classes, channels)
        for rows in (gain, bias):
            nn.init.zeros_(rows.weight)
        return ConditionalBatchNorm(channels, gain, bias)

    return make


def linear_batch_norm(length: int) -> Callable[[int], nn.Module]:
    """Constructor of batch norms whose gains less 1 and biases are linear in a row (N, length).

    Source: Brock et al. 2019 (BigGAN), arXiv:1809.11096, appendix B.
    """

    def make(channels: int) -> nn.Module:
        gain, bias = nn.Linear(length, channels, bias=False), nn.Linear(length, channels, bias=False)
        return ConditionalBatchNorm(channels, gain, bias)

    return make


def batch_norm(channels: int) -> nn.Module:
    """Mean and variance of a channel over the batch. Couples samples, so it does not go with a gradient penalty.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167; Gulrajani et al. 2017, section 4, arXiv:1704.00028.
    """
    return nn.BatchNorm2d(channels)


def group_norm(channels: int) -> nn.Module:
    """Mean and variance of a sample over gcd(32, channels) groups of channels. Source: Wu and He, arXiv:1803.08494."""
    return nn.GroupNorm(math.gcd(32, channels), channels)


def layer_norm(channels: int) -> nn.Module:
    """Mean and variance of a sample over all channels and places, a gain and a bias per channel.

    Source: Ba et al. 2016, arXiv:1607.06450, as used in the critics of Gulrajani et al. 2017, arXiv:1704.00028.
    """
    return nn.GroupNorm(1, channels)


def no_norm(channels: int) -> nn.Module:
    """The identity."""
    return nn.Identity()


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": batch_norm,
    "group": group_norm,
    "layer": layer_norm,
    "none": no_norm,
}
"""The names that a network's ``norm`` may take."""
