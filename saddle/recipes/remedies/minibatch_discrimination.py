"""More features for the critic: how close a sample is to the others of its batch, in learned directions.

100 kernels of 5 numbers by default, as in the published code, before the critic's last layer; beside maps they are
maps of one value each. An output then depends on the company that its sample came in, and a penalty on slopes is one on
the batch's.
"""

import torch
from torch import Tensor, nn

from saddle.data.spec import Spec
from saddle.networks import MinibatchDiscrimination
from saddle.recipes.critics import final, insert
from saddle.recipes.settings import Adversarial

__all__ = ["RANGE", "STRENGTH", "Company", "networks"]

SOURCE = "Salimans et al. 2016, arXiv:1606.03498"
KIND = "layer"
STRENGTH = 100
"""B, the kernels: similarities that are appended."""
RANGE = "a whole number of kernels B in [1, 1000]"
"""Memory grows as batch^2 times B."""


class Company(nn.Module):
    """Rows or maps (N, A, ...) -> (N, A + kernels, ...): beside the features how close they are to the other samples'.

    Args:
        numbers: features of a sample, over all places.
        kernels: similarities.
    """

    def __init__(self, numbers: int, kernels: int) -> None:
        super().__init__()
        self.kernels = kernels
        self.compare = MinibatchDiscrimination(numbers, kernels)

    def forward(self, f: Tensor) -> Tensor:
        near = self.compare(f.flatten(1))[:, -self.kernels :]  # (N, B)
        return torch.cat([f, near.reshape(*near.shape, *(1 for _ in f.shape[2:])).expand(-1, -1, *f.shape[2:])], dim=1)


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: int) -> tuple[nn.Module, nn.Module]:
    """D with the layer inside, in place."""
    numbers = final(D, "minibatch-discrimination").in_features
    insert(D, Company(numbers, strength), strength, remedy="minibatch-discrimination")
    return G, D
