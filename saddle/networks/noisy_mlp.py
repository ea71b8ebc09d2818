"""The perceptrons of semi-supervised training on MNIST: a softplus generator, a critic with noise in every layer.

Source: Salimans et al. 2016, arXiv:1606.03498, with the settings its authors published; weight normalisation from
Salimans and Kingma 2016, arXiv:1602.07868.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saddle.networks.instance_noise import InstanceNoise
from saddle.networks.layers import Reshape

__all__ = ["NoisyMLPCritic", "SoftplusGenerator", "WeightNormLinear"]


class WeightNormLinear(nn.Module):
    """x (N, I) -> (N, O): a linear layer whose rows have a learned length and direction, w_o = g_o v_o / |v_o|.

    Args:
        inputs: I.
        outputs: O.
        gain: weights are N(0, gain^2 / I) at the start, and g_o their rows' lengths; biases are 0.
    Source: Salimans and Kingma 2016, eq. 2, arXiv:1602.07868; without its start from a first batch.

    >>> layer = WeightNormLinear(3, 5)
    >>> bool(torch.allclose(layer.weight, layer.direction))
    True
    """

    def __init__(self, inputs: int, outputs: int, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(outputs, inputs) * (gain / math.sqrt(inputs)))  # v
        self.length = nn.Parameter(self.direction.detach().norm(dim=1))  # g
        self.bias = nn.Parameter(torch.zeros(outputs))

    @property
    def weight(self) -> Tensor:
        """w, (O, I)."""
        return F.normalize(self.direction, dim=1) * self.length[:, None]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class SoftplusGenerator(nn.Module):
    """z (N, z_dim) -> x (N, *shape) in (-1, 1): two softplus layers with batch norm, and a weight-normalised one.

    The paper's sigmoid gives pixels in (0, 1); they are stretched to (-1, 1) here, the range of all our images.

    Args:
        z_dim: length of a latent row; 100 in the paper.
        shape: of one image, (C, S, S).
        hidden: units of both hidden layers; 500 in the paper.
    """

    def __init__(self, z_dim: int, shape: Sequence[int], hidden: int = 500) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (z_dim, hidden):
            layers += [nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.Softplus()]
        self.body = nn.Sequential(*layers)
        self.output = WeightNormLinear(hidden, math.prod(shape), gain=1.0)
        self.reshape = Reshape(*shape)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.reshape(2 * self.output(self.body(z)).sigmoid() - 1)
        return x


class NoisyMLPCritic(nn.Module):
    """x (N, *shape) in [-1, 1] -> (N, outputs): weight-normalised ReLU layers, Gaussian noise before each.

    Pixels are brought back to the paper's [0, 1], in whose units the noise is.

    Args:
        shape: of one image, (C, S, S).
        outputs: numbers per sample.
        hidden: units of the hidden layers.
        pixel_noise: standard deviation of the noise on pixels.
        noise: of that on the outputs of hidden layers.
    """

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        hidden: Sequence[int] = (1000, 500, 250, 250, 250),
        pixel_noise: float = 0.3,
        noise: float = 0.5,
    ) -> None:
        super().__init__()
        widths = [math.prod(shape), *hidden]
        layers: list[nn.Module] = []
        for k, (inputs, units) in enumerate(pairwise(widths)):
            layers += [InstanceNoise(WeightNormLinear(inputs, units), noise if k else pixel_noise), nn.ReLU()]
        self.body = nn.Sequential(*layers)  # (N, hidden[-1]), before noise: what features are matched on
        self.output = InstanceNoise(WeightNormLinear(widths[-1], outputs, gain=1.0), noise)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.output(self.body((x.flatten(1) + 1) / 2))
        return logits
