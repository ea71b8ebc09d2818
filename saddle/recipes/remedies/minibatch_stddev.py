"""One more feature for the critic: how much the samples of a group differ from each other.

It stands before the critic's last layer. Groups are of 4, as in the published code (ADA's CIFAR run takes 32); of fewer
or more where the batch leaves a rest. An output then depends on the company that its sample came in, and a penalty
on slopes is one on the batch's.
"""

from torch import nn

from saddle.data.spec import Spec
from saddle.networks import MinibatchStdDev
from saddle.recipes.critics import insert
from saddle.recipes.settings import Adversarial

__all__ = ["RANGE", "STRENGTH", "networks"]

SOURCE = "Karras et al. 2018, arXiv:1710.10196"
KIND = "layer"
STRENGTH = 4
"""Samples in a group."""
RANGE = "a whole number of samples in a group in [2, 65536]"
"""One sample differs from nothing; a group may be the whole batch."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: int) -> tuple[nn.Module, nn.Module]:
    """D with the layer inside, in place."""
    insert(D, MinibatchStdDev(strength), 1, remedy="minibatch-stddev")
    return G, D
