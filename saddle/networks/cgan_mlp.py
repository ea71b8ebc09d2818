"""The conditional GAN's two networks for MNIST, labels joined after a layer of their own.

Source: Mirza and Osindero 2014, section 4.1, arXiv:1411.1784.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saddle.networks.condition import one_hot
from saddle.networks.layers import Reshape
from saddle.networks.maxout import Maxout, uniform_weights

__all__ = ["CGANCritic", "CGANGenerator"]


class CGANGenerator(nn.Module):
    """z (N, z_dim), y (N,) -> x (N, *shape) in (-1, 1).

    z and y pass a ReLU layer each (200 and 1000 units), then a joint one (1200), then a sigmoid whose (0, 1) is
    stretched to (-1, 1). Dropout 0.5 after every hidden layer.

    Args:
        classes: number of labels.
        z_dim: length of a latent row, uniform in the paper.
        shape: of one image, (C, S, S).

    The paper gives no initialisation; this one is Goodfellow's: weights U(-0.05, 0.05), biases 0.
    Raises:
        ValueError: on the way forward, a label outside 0 .. classes - 1.
    """

    def __init__(self, classes: int = 10, z_dim: int = 100, shape: Sequence[int] = (1, 28, 28)) -> None:
        super().__init__()
        self.classes = classes
        self.from_z = nn.Sequential(nn.Linear(z_dim, 200), nn.ReLU(), nn.Dropout(0.5))
        self.from_y = nn.Sequential(nn.Linear(classes, 1000), nn.ReLU(), nn.Dropout(0.5))
        self.joint = nn.Sequential(nn.Linear(1200, 1200), nn.ReLU(), nn.Dropout(0.5))
        self.output = nn.Sequential(nn.Linear(1200, math.prod(shape)), nn.Sigmoid())
        self.reshape = Reshape(*shape)
        uniform_weights(self, 0.05)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        label = one_hot(y, self.classes).to(z)  # (N, classes)
        h = self.joint(torch.cat([self.from_z(z), self.from_y(label)], dim=1))  # (N, 1200)
        x: Tensor = self.reshape(2 * self.output(h) - 1)
        return x  # (N, *shape)


class CGANCritic(nn.Module):
    """x (N, *shape) in [-1, 1], y (N,) -> logits (N,).

    x passes 240 maxout units of 5 pieces and y 50 of 5; then a joint layer of 240 units with 4 pieces and a linear
    one. Pixels are brought back to the paper's [0, 1]. Dropout 0.5 after every hidden layer.

    Args:
        classes: number of labels.
        shape: of one image, (C, S, S).

    The paper gives no initialisation; this one is Goodfellow's: weights U(-0.005, 0.005), biases 0.
    Raises:
        ValueError: on the way forward, a label outside 0 .. classes - 1.
    """

    def __init__(self, classes: int = 10, shape: Sequence[int] = (1, 28, 28)) -> None:
        super().__init__()
        self.classes = classes
        self.from_x = nn.Sequential(Maxout(math.prod(shape), 240, 5), nn.Dropout(0.5))
        self.from_y = nn.Sequential(Maxout(classes, 50, 5), nn.Dropout(0.5))
        self.joint = nn.Sequential(Maxout(240 + 50, 240, 4), nn.Dropout(0.5))
        self.to_logit = nn.Linear(240, 1)
        uniform_weights(self, 0.005)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        label = one_hot(y, self.classes).to(x)  # (N, classes)
        pixels = (x.flatten(1) + 1) / 2  # (N, C * S * S) in [0, 1]
        h = self.joint(torch.cat([self.from_x(pixels), self.from_y(label)], dim=1))  # (N, 240)
        logits: Tensor = self.to_logit(h)
        return logits.flatten()  # (N,)
