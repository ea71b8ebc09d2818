"""One more feature for the critic: how much the samples of a group of 4 differ from each other.

It stands before the critic's last layer. An output then depends on the company that its sample came in, and a penalty
on slopes is one on the batch's.
"""

from torch import nn

from saddle.data.spec import Spec
from saddle.networks import MinibatchStdDev
from saddle.recipes.critics import insert
from saddle.recipes.settings import Adversarial

__all__ = ["networks"]

SOURCE = "Karras et al. 2018, arXiv:1710.10196"
KIND = "layer"


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """D with the layer inside, in place."""
    insert(D, MinibatchStdDev(), 1, remedy="minibatch-stddev")
    return G, D
