"""The networks of the unrolled GAN: perceptrons for the ring, and small convolutions for stacked digits.

For the digits the critic is K times narrower than the generator's mirror image would be, so that it is too weak for
the data: the test of mode collapse that ProGAN and PacGAN took over.
Source: Metz et al. 2017, arXiv:1611.02163, appendices A and F, and for the digits the program of Lin et al. 2018,
arXiv:1712.04086, which states what the appendix leaves open.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from saddle.config import choose, require
from saddle.networks.dcgan import Project, ToLogit
from saddle.networks.layers import Reshape, channels_last, normal_weights
from saddle.networks.normalise import NORMS

__all__ = ["DigitsCritic", "DigitsGenerator", "RingCritic", "RingGenerator"]

GAIN = 0.8
"""Of the orthogonal initialisation for the ring."""
SLOPE = 0.3
"""Of LeakyReLU below 0, in the critic of digits."""
SIDES = (4, 7, 14, 28)
"""Of the maps, as 3x3 kernels with stride 2 make them."""


class RingGenerator(nn.Module):
    """z (N, z_dim) -> x (N, *shape): two layers of 128 ReLU, then a linear one.

    Args:
        z_dim: length of a latent row; 256 in the paper.
        shape: of one point, (d,).
        hidden: widths of the hidden layers.

    Initialised as in the paper: orthogonal weights of gain 0.8, biases 0.
    """

    def __init__(self, z_dim: int, shape: Sequence[int], hidden: Sequence[int] = (128, 128)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([z_dim, *hidden]):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.output = nn.Linear(hidden[-1], math.prod(shape))
        self.reshape = Reshape(*shape)
        _orthogonal(self)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.reshape(self.output(self.body(z)))
        return x  # (N, *shape)


class RingCritic(nn.Module):
    """x (N, *shape) -> logits (N,): one layer of 128 ReLU on x / 4, then a linear one.

    Args:
        shape: of one point, (d,).
        hidden: units of the hidden layer.

    Initialised as in the paper: orthogonal weights of gain 0.8, biases 0.
    """

    def __init__(self, shape: Sequence[int], hidden: int = 128) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(math.prod(shape), hidden), nn.ReLU())
        self.output = nn.Linear(hidden, 1)
        _orthogonal(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.output(self.body(x.flatten(1) / 4))  # (N, 1)
        return logits.squeeze(1)


class DigitsGenerator(nn.Module):
    """z (N, z_dim) -> x (N, 3, 28, 28) in (-1, 1): maps of 64, 32, 16 and 8 channels, batch norm and ReLU.

    Args:
        z_dim: length of a latent row; 256 in the paper.
        channels: of the images.
        widths: channels of the maps of 4, 7, 14 and 28 pixels.
        norm: a name from ``normalise.NORMS``; "batch" as published.

    Initialised like DCGAN; without a norm, which would bring them to scale, with the gain that keeps the second moment.
    Raises:
        ValueError: an unknown norm.

    >>> sum(p.numel() for p in DigitsGenerator(256).parameters())  # 256·1024 + 9·(2048 + 512 + 128 + 24) + 3 + 2·120
    286795
    """

    def __init__(
        self, z_dim: int, channels: int = 3, widths: Sequence[int] = (64, 32, 16, 8), norm: str = "batch"
    ) -> None:
        super().__init__()
        make_norm = choose(norm, NORMS, "norm")
        project = Project(z_dim, widths[0])
        layers: list[nn.Module] = [project, make_norm(widths[0]), nn.ReLU()]
        for (side, inputs), (larger, outputs) in pairwise(zip(SIDES, widths, strict=True)):
            extra = larger - (2 * side - 1)  # 4 -> 7 is exact; 7 -> 14 and 14 -> 28 need a row more
            up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=extra, bias=norm == "none")
            layers += [up, make_norm(outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)  # (N, 8, 28, 28)
        self.to_image = nn.Conv2d(widths[-1], channels, 3, padding=1)
        normal_weights(self)
        if norm == "none":
            nn.init.kaiming_normal_(project.linear.weight)
            for layer in self.body:
                if isinstance(layer, nn.ConvTranspose2d):  # at stride 2 a quarter of the 9 weights meets a place
                    nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / (layer.in_channels * 9 / 4)))
            nn.init.xavier_normal_(self.to_image.weight)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.to_image(self.body(z))
        return x.tanh()  # (N, channels, 28, 28)


class DigitsCritic(nn.Module):
    """x (N, 3, 28, 28) -> logits (N,): three 3x3 convolutions of stride 2, norm and LeakyReLU 0.3, a linear layer.

    Args:
        shrink: K, by which the critic is narrower: channels are 8, 16 and 32 over K; 2 and 4 in the paper's table.
        channels: of the images.
        norm: a name from ``normalise.NORMS``; "batch" as published, another under a gradient penalty.

    Initialised like DCGAN; without a norm, which would bring them to scale, with the gain that keeps the second moment.
    Raises:
        ValueError: a K that does not divide 8, or an unknown norm.

    >>> sum(p.numel() for p in DigitsCritic(2).parameters())  # 9·(12 + 32 + 128) + 2·28 + 256 + 1
    1861
    """

    def __init__(self, shrink: int, channels: int = 3, norm: str = "batch") -> None:
        super().__init__()
        require(shrink in (1, 2, 4, 8), "shrink", shrink, "1, 2, 4 or 8")
        make_norm = choose(norm, NORMS, "norm")
        widths = [channels, *(width // shrink for width in (8, 16, 32))]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=norm == "none")
            layers += [conv, make_norm(outputs), nn.LeakyReLU(SLOPE)]
        self.body = nn.Sequential(*layers)  # (N, 32 / K, 4, 4)
        self.to_logit = ToLogit(widths[-1], bias=True)
        normal_weights(self)
        if norm == "none":
            for layer in self.body:
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, SLOPE)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.to_logit(self.body(x))
        return logits  # (N,)


def _orthogonal(net: nn.Module) -> None:
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, GAIN)
            nn.init.zeros_(layer.bias)
