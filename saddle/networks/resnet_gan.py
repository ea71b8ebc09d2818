"""The residual generator and critic of SNGAN, which SAGAN and BigGAN kept, and the projection of labels.

Wherever a 1x1 convolution meets a doubling or a mean over pixels, the one that is cheaper comes first: the two commute.
Spectral norm belongs to the recipes: put ``spectral_norm`` on the finished networks.
Source: Miyato et al. 2018, appendix B.4, arXiv:1802.05957; Miyato and Koyama 2018, arXiv:1802.05637; and the authors'
published program.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import checked
from saddle.networks.attention import SelfAttention
from saddle.networks.dcgan import Project
from saddle.networks.fused import DownConv, UpConv
from saddle.networks.layers import Reshape, channels_last
from saddle.networks.normalise import batch_norm, class_batch_norm

__all__ = ["CriticBlock", "GeneratorBlock", "ProjectionCritic", "ResNetCritic", "ResNetGenerator", "Told"]

Norm = Callable[[int], nn.Module]
"""Channels -> a layer (N, C, H, W) -> the same, that is told what the block is told."""


class Told(nn.Sequential):
    """Layers in a row, of which the blocks are told a condition and the others are not."""

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, *condition) if isinstance(layer, GeneratorBlock) else layer(x)
        return x


class GeneratorBlock(nn.Module):
    """x (N, inputs, H, W) -> (N, outputs, 2H, 2W): norm, ReLU, doubling, 3x3, norm, ReLU, 3x3, beside a 1x1 shortcut.

    Args:
        inputs: channels.
        outputs: channels, also of the inside.
        norm: makes the two norms, which are told whatever the block is told beside x.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
        self.conv1, self.conv2 = UpConv(inputs, outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        h = self.conv1(self.norm1(x, *condition).relu_())  # (N, outputs, 2H, 2W)
        h = self.conv2(self.norm2(h, *condition).relu_())
        return h + F.interpolate(self.shortcut(x), scale_factor=2)


class CriticBlock(nn.Module):
    """x (N, inputs, H, W) -> (N, outputs, H / 2, W / 2), or H, W: ReLU, 3x3, ReLU, 3x3, mean over 2x2, and a shortcut.

    Args:
        inputs: channels.
        outputs: channels.
        hidden: channels of the inside: ``inputs`` in SNGAN, ``outputs`` in SAGAN and BigGAN.
        down: whether the side is halved.
        first: without the first ReLU, for images: the paper's optimised block.

    The shortcut is a 1x1 convolution where side or channels change, else the identity.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int, down: bool, first: bool = False) -> None:
        super().__init__()
        self.before = nn.Identity() if first else nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, hidden, 3, padding=1)
        self.conv2 = DownConv(hidden, outputs) if down else nn.Conv2d(hidden, outputs, 3, padding=1)
        self.pool = nn.AvgPool2d(2) if down else nn.Identity()
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if down or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.conv2(self.conv1(self.before(x)).relu_())
        return h + self.shortcut(self.pool(x))


class ResNetGenerator(nn.Module):
    """z (N, z_dim), and labels y (N,) if there are classes -> x (N, channels, S, S) in (-1, 1), S = 4 * 2 ** doublings.

    Args:
        z_dim: length of a latent row; 128 in the papers.
        widths: channels of each map, the 4x4 one first; 256 four times for CIFAR-10.
        channels: of the images.
        classes: labels, each with a gain and a bias for every norm but the last; 0: plain batch norm.
        attention: side of the map behind which a layer of self-attention stands (SAGAN); 0: there is none.

    Raises:
        ValueError: fewer than two widths, or attention at a side that no map has.

    >>> sum(p.numel() for p in ResNetGenerator(128, (256, 256, 256, 256), 3).parameters())
    4276739
    """

    def __init__(self, z_dim: int, widths: Sequence[int], channels: int, classes: int = 0, attention: int = 0) -> None:
        super().__init__()
        self.classes = classes
        norm = class_batch_norm(classes) if classes else batch_norm
        layers: list[nn.Module] = [Project(z_dim, widths[0], bias=True)]
        for side, (inputs, outputs) in zip(doubled(widths, attention), pairwise(widths), strict=True):
            layers += [GeneratorBlock(inputs, outputs, norm)]
            layers += [SelfAttention(outputs)] if side == attention else []
        self.body = Told(*layers, batch_norm(widths[-1]), nn.ReLU(inplace=True))  # (N, widths[-1], S, S)
        self.to_image = nn.Conv2d(widths[-1], channels, 3, padding=1)
        glorot_weights(self)
        channels_last(self)

    def forward(self, z: Tensor, *y: Tensor) -> Tensor:
        """Samples of the given labels. Raises ValueError for a label outside 0 .. classes - 1."""
        x: Tensor = self.to_image(self.body(z, *(checked(label, self.classes) for label in y)))
        return x.tanh()  # (N, channels, S, S)


class ResNetCritic(nn.Module):
    """x (N, channels, size, size) -> logits (N,): residual blocks, ReLU, the sum over all places, a linear layer.

    Args:
        size: side of the images.
        widths: channels that each block puts out; 128 four times for CIFAR-10.
        channels: of the images.
        plain: how many of the last blocks keep the side that the others halve; 2 for CIFAR-10, else 1.
        wide: whether the inside of a block is as wide as its output (SAGAN, BigGAN), or as its input (SNGAN).
        bias: of the linear layer; the authors' program has none for CIFAR-10.
        attention: side of the map behind which a layer of self-attention stands (SAGAN); 0: there is none.

    Raises:
        ValueError: fewer than two blocks, or attention at a side that no map has.

    >>> critic = ResNetCritic(32, (128, 128, 128, 128), channels=3, plain=2, bias=False)
    >>> sum(p.numel() for p in critic.parameters())
    1053824
    """

    def __init__(
        self,
        size: int,
        widths: Sequence[int],
        channels: int,
        plain: int = 1,
        wide: bool = False,
        bias: bool = True,
        attention: int = 0,
    ) -> None:
        super().__init__()
        downs = len(widths) - plain
        sides = [size >> min(k, downs) for k in range(1, len(widths) + 1)]
        refuse_unfit(widths, attention, sides[:downs])
        layers: list[nn.Module] = []
        for k, (inputs, outputs) in enumerate(pairwise([channels, *widths])):
            hidden = outputs if wide or k == 0 else inputs
            layers += [CriticBlock(inputs, outputs, hidden, down=k < downs, first=k == 0)]
            layers += [SelfAttention(outputs)] if k < downs and sides[k] == attention else []
        self.body = nn.Sequential(*layers, nn.ReLU(), _SumPool())  # (N, widths[-1])
        self.linear = nn.Linear(widths[-1], 1, bias=bias)
        self.reshape = Reshape()
        glorot_weights(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.reshape(self.linear(self.body(x)))
        return logits  # (N,)


class ProjectionCritic(nn.Module):
    """x, y (N,) -> logits (N,): <V_y, h(x)> + psi(h(x)), with the net's features h and its linear layer psi.

    Args:
        net: whose ``body`` makes h (N, features) and whose ``linear`` is psi.
        classes: number of labels, each with a row of V.

    If h makes the ratio of p(x|y) to p_g(x|y) log-linear, this is the form of the best critic.
    Source: Miyato and Koyama 2018, eq. 4 with the feature of the last layer, arXiv:1802.05637.
    """

    def __init__(self, net: ResNetCritic, classes: int) -> None:
        super().__init__()
        self.net, self.classes = net, classes
        self.embed = nn.Embedding(classes, net.linear.in_features)
        nn.init.xavier_uniform_(self.embed.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits of pairs (x, y). Raises ValueError for a label outside 0 .. classes - 1."""
        h: Tensor = self.net.body(x)  # (N, features)
        psi: Tensor = self.net.reshape(self.net.linear(h))
        return (self.embed(checked(y, self.classes)) * h).sum(1) + psi


class _SumPool(nn.Module):
    """h (N, C, H, W) -> the sum over all places (N, C)."""

    def forward(self, h: Tensor) -> Tensor:
        return h.sum((2, 3))


def glorot_weights(net: nn.Module) -> None:
    """Glorot's uniform initialisation, in place: gain sqrt(2) in the residual convolutions, else 1; every bias 0.

    Source: Glorot and Bengio 2010; the gains are those of SNGAN's published program.
    """
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            residual = name.endswith(("conv1", "conv2"))
            nn.init.xavier_uniform_(layer.weight, math.sqrt(2) if residual else 1.0)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def doubled(widths: Sequence[int], attention: int) -> list[int]:
    """Sides of the maps that a generator's blocks put out, once widths and attention are known to fit them."""
    sides = [4 * 2**k for k in range(1, len(widths))]
    refuse_unfit(widths, attention, sides)
    return sides


def refuse_unfit(widths: Sequence[int], attention: int, sides: Sequence[int]) -> None:
    """Raise ValueError for fewer than two maps, and for attention at a side that none of them has."""
    require(len(widths) >= 2, "widths", tuple(widths), "at least two maps")
    require(not attention or attention in sides, "attention", attention, f"a side among {list(sides)}, or 0 for none")
