"""Multilayer perceptrons: a generator and a critic for points in R^d or small images."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from saddle.networks.layers import Reshape, he_linear

__all__ = ["MLPCritic", "MLPGenerator"]


class MLPGenerator(nn.Module):
    """z (N, z_dim) -> x (N, *shape): linear layers with ReLU; tanh at the end if bounded, else linear.

    Args:
        z_dim: length of a latent row.
        shape: of one sample: (d,) for points, (C, S, S) for images.
        hidden: widths of the hidden layers; none makes an affine generator.
        bounded: whether samples lie in (-1, 1), as images do.

    Initialised with ``layers.he_linear``, gain sqrt(2) before a ReLU and 1 at the output.
    Source: the shape of Goodfellow et al. 2014, arXiv:1406.2661; the initialisation from He et al., arXiv:1502.01852.

    >>> MLPGenerator(z_dim=2, shape=(2,), bounded=False)(torch.zeros(5, 2)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self, z_dim: int, shape: Sequence[int], hidden: Sequence[int] = (128, 128), bounded: bool = True
    ) -> None:
        super().__init__()
        widths = [z_dim, *hidden]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [he_linear(inputs, outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)  # (N, hidden[-1])
        self.output = he_linear(widths[-1], math.prod(shape), gain=1.0)
        self.bound = nn.Tanh() if bounded else nn.Identity()
        self.reshape = Reshape(*shape)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.reshape(self.bound(self.output(self.body(z))))
        return x  # (N, *shape)


class MLPCritic(nn.Module):
    """x (N, *shape) -> logits (N,), or (N, outputs) when several are asked for: linear layers with LeakyReLU 0.2.

    Args:
        shape: of one sample: (d,) for points, (C, S, S) for images.
        hidden: widths of the hidden layers; none makes a linear critic.
        outputs: numbers per sample; 1 drops the last axis.

    Initialised with ``layers.he_linear``, gain sqrt(2 / (1 + 0.2²)) before a LeakyReLU and 1 at the output.
    Source: the shape of Goodfellow et al. 2014, arXiv:1406.2661; the initialisation from He et al., arXiv:1502.01852.

    >>> MLPCritic(shape=(1, 8, 8))(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5])
    """

    def __init__(self, shape: Sequence[int], hidden: Sequence[int] = (128, 128), outputs: int = 1) -> None:
        super().__init__()
        widths = [math.prod(shape), *hidden]
        gain = nn.init.calculate_gain("leaky_relu", 0.2)
        layers: list[nn.Module] = []
        for inputs, units in pairwise(widths):
            layers += [he_linear(inputs, units, gain), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*layers)  # (N, hidden[-1])
        self.output = he_linear(widths[-1], outputs, gain=1.0)
        self.reshape = Reshape(*(() if outputs == 1 else (outputs,)))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.reshape(self.output(self.body(x.flatten(1))))
        return logits  # (N,) or (N, outputs)
