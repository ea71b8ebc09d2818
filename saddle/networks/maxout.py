"""Goodfellow's networks of 2014 for MNIST: a ReLU generator and a maxout critic with dropout.

Source: Goodfellow et al. 2014, arXiv:1406.2661, with the settings its authors published;
maxout from Goodfellow et al. 2013, arXiv:1302.4389.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.networks.layers import Reshape

__all__ = ["GoodfellowGenerator", "Maxout", "MaxoutCritic", "uniform_weights"]


def uniform_weights(net: nn.Module, bound: float) -> None:
    """Weights U(-bound, bound) and zero biases for every linear layer inside, in place."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)


class Maxout(nn.Module):
    """x (N, inputs) -> (N, units): the largest of several affine functions, h_i = max_j (x·W_ij + b_ij).

    Args:
        inputs: length of an input row.
        units: length of an output row.
        pieces: affine functions a unit chooses from.
    Source: Goodfellow et al. 2013, section 3, arXiv:1302.4389.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.split = Reshape(units, pieces)

    def forward(self, x: Tensor) -> Tensor:
        return torch.amax(self.split(self.linear(x)), dim=2)  # (N, units, pieces) -> (N, units)


class GoodfellowGenerator(nn.Module):
    """z (N, z_dim) -> x (N, *shape) in (-1, 1): two ReLU layers and a sigmoid.

    The paper's sigmoid gives pixels in (0, 1); they are stretched to (-1, 1) here, the range of all our images.

    Args:
        z_dim: length of a latent row; the paper draws it from U(-sqrt 3, sqrt 3).
        shape: of one image, (C, S, S).
        hidden: width of both hidden layers.

    Initialised as published: weights U(-0.05, 0.05), biases 0; see ``match_marginals`` for the output's biases.
    Source: the MNIST settings of Goodfellow et al. 2014, arXiv:1406.2661.

    >>> sum(p.numel() for p in GoodfellowGenerator().parameters())
    2503984
    """

    def __init__(self, z_dim: int = 100, shape: Sequence[int] = (1, 28, 28), hidden: int = 1200) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(z_dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.output = nn.Linear(hidden, math.prod(shape))
        self.reshape = Reshape(*shape)
        uniform_weights(self, 0.05)

    def match_marginals(self, x: Tensor) -> None:
        """Set the output's biases so that a generator with zero weights would draw the mean image of ``x``.

        The published run starts so: each bias is the logit of its pixel's mean.

        Args:
            x: real images (N, *shape) in [-1, 1]; means are kept 1e-3 away from black and white.
        Raises:
            ValueError: images of another shape.
        """
        require(x.shape[1:] == self.reshape.shape, "x", tuple(x.shape), f"images of shape {self.reshape.shape}")
        mean = (x.flatten(1).mean(0) + 1) / 2
        with torch.no_grad():
            self.output.bias.copy_(torch.logit(mean, eps=1e-3))

    def forward(self, z: Tensor) -> Tensor:
        pixels: Tensor = self.output(self.body(z)).sigmoid()  # (N, C * S * S) in (0, 1)
        x: Tensor = self.reshape(2 * pixels - 1)
        return x  # (N, *shape)


class MaxoutCritic(nn.Module):
    """x (N, *shape) in [-1, 1] -> logits (N,): two maxout layers, dropout before each layer.

    Pixels are brought back to the paper's [0, 1], so that a dropped pixel is a black one. What dropout keeps is
    divided by the probability to keep it (times 1.25 and times 2 at the published settings). The generator's
    gradient passes through the dropped-out critic too, as long as the critic is in training mode.

    Args:
        shape: of one image, (C, S, S).
        units: of each maxout layer.
        pieces: of each unit.
        input_keep: probability to keep a pixel, in (0, 1].
        hidden_keep: probability to keep a hidden unit, in (0, 1].

    Initialised as published: weights U(-0.005, 0.005), biases 0.
    Raises:
        ValueError: a probability outside (0, 1].
    Source: the MNIST settings of Goodfellow et al. 2014, arXiv:1406.2661.

    >>> sum(p.numel() for p in MaxoutCritic().parameters())
    1231441
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        units: int = 240,
        pieces: int = 5,
        input_keep: float = 0.8,
        hidden_keep: float = 0.5,
    ) -> None:
        super().__init__()
        require(0 < input_keep <= 1, "input_keep", input_keep, "a probability in (0, 1]")
        require(0 < hidden_keep <= 1, "hidden_keep", hidden_keep, "a probability in (0, 1]")
        self.body = nn.Sequential(
            nn.Dropout(1 - input_keep),
            Maxout(math.prod(shape), units, pieces),
            nn.Dropout(1 - hidden_keep),
            Maxout(units, units, pieces),
            nn.Dropout(1 - hidden_keep),
            nn.Linear(units, 1),
        )
        uniform_weights(self, 0.005)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body((x.flatten(1) + 1) / 2)  # (N, 1)
        return logits.flatten()  # (N,)
