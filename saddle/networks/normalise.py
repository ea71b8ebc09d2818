"""Normalisation layers by name, each a constructor that takes the number of channels of an (N, C, H, W) map."""

import math
from collections.abc import Callable

from torch import nn

__all__ = ["NORMS", "batch_norm", "group_norm", "layer_norm", "no_norm"]


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
