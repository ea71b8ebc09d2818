"""PacGAN's networks for points: four wide layers with batch norm against three maxout layers.

Source: the 2-D experiments of Lin et al. 2018, arXiv:1712.04086, with the settings its authors published; they took
the networks from ALI's, Dumoulin et al. 2017, arXiv:1606.00704.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from saddle.networks.layers import Reshape, normal_weights
from saddle.networks.maxout import Maxout

__all__ = ["PacGANCritic", "PacGANGenerator"]

KEPT = 0.95
"""Share of the running statistics that survives a step of batch norm."""


class PacGANGenerator(nn.Module):
    """z (N, z_dim) -> x (N, *shape): linear layers without bias, batch norm and ReLU, then a linear one.

    Args:
        z_dim: length of a latent row; 2 in the paper.
        shape: of one point, (d,).
        hidden: widths of the hidden layers.

    Initialised as published: weights N(0, 0.02²), biases 0; gains are N(1, 0.02²) here.

    >>> sum(p.numel() for p in PacGANGenerator(2, (2,)).parameters())  # 2·400 + 3·400² + 4·800 + 802
    484802
    """

    def __init__(self, z_dim: int, shape: Sequence[int], hidden: Sequence[int] = (400,) * 4) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([z_dim, *hidden]):
            layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs, momentum=1 - KEPT), nn.ReLU()]
        self.body = nn.Sequential(*layers)  # (N, hidden[-1])
        self.output = nn.Linear(hidden[-1], math.prod(shape))
        self.reshape = Reshape(*shape)
        normal_weights(self)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.reshape(self.output(self.body(z)))
        return x  # (N, *shape)


class PacGANCritic(nn.Module):
    """x (N, *shape) -> logits (N,): maxout layers, then a linear one.

    Args:
        shape: of one point, (d,).
        hidden: units of the maxout layers.
        pieces: of each unit.

    Initialised as published: weights N(0, 0.02²), biases 0.

    >>> sum(p.numel() for p in PacGANCritic((2,)).parameters())  # 3·1000 + 2·201·1000 + 201
    405201
    """

    def __init__(self, shape: Sequence[int], hidden: Sequence[int] = (200,) * 3, pieces: int = 5) -> None:
        super().__init__()
        widths = [math.prod(shape), *hidden]
        self.body = nn.Sequential(*(Maxout(inputs, units, pieces) for inputs, units in pairwise(widths)))
        self.output = nn.Linear(hidden[-1], 1)
        normal_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.output(self.body(x.flatten(1)))  # (N, 1)
        return logits.squeeze(1)
