"""A mixture of generators that share all but their first layers."""

import math

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["MixtureGenerator"]


class MixtureGenerator(nn.Module):
    """z (N, z_dim + 1) -> x: the last number of a row chooses one of K generators, the others are its latent.

    Generator k makes the samples with K Phi(z_last) in [k, k + 1), where Phi is the normal distribution function: each
    is chosen equally often under z ~ N(0, I), and a row alone decides what is made of it.

    Args:
        nets: K generators built alike, z (N, z_dim) -> x, whose ``body`` begins with the first layer, up to its
            (first) ReLU. Those stay their own; what follows is the first net's, for all.
    Raises:
        ValueError: fewer than two nets.
    Source: Hoang et al. 2018 (MGAN), arXiv:1708.02556, where the generator is chosen apart from z.
    """

    def __init__(self, *nets: nn.Module) -> None:
        super().__init__()
        require(len(nets) >= 2, "generators", len(nets), "2 or more in a mixture")
        bodies = [[*net.get_submodule("body").children()] for net in nets]
        end = 1 + next(i for i, layer in enumerate(bodies[0]) if isinstance(layer, nn.ReLU))
        self.firsts = nn.ModuleList(nn.Sequential(*body[:end]) for body in bodies)
        self.rest = nets[0]
        self.rest.body = nn.Sequential(*bodies[0][end:])

    def which(self, z: Tensor) -> Tensor:
        """The generator (N,) int64 that makes the sample of each row."""
        share = 0.5 * (1 + torch.erf(z[:, -1] / math.sqrt(2)))  # Phi, in [0, 1]
        return (share * len(self.firsts)).long().clamp(max=len(self.firsts) - 1)

    def forward(self, z: Tensor) -> Tensor:
        every = torch.stack([first(z[:, :-1]) for first in self.firsts], dim=1)  # (N, K, ...)
        index = self.which(z).reshape(-1, *(1 for _ in every.shape[1:]))
        h = every.gather(1, index.expand(-1, 1, *every.shape[2:])).squeeze(1)  # (N, ...)
        x: Tensor = self.rest(h)
        return x
