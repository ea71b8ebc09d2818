"""DCGAN's convolutional generator and critic, for square images with a power of two of at least 16 pixels a side.

The paper's five guidelines for stable deep convolutional GANs are marked (G1) to (G5) where they are obeyed:

(G1) strided convolutions in the critic and fractionally strided ones in the generator, instead of pooling;
(G2) batch norm in both players (here a choice: a gradient-penalised critic must not couple the samples of a batch);
(G3) no fully connected hidden layers;
(G4) ReLU in the generator for all layers except the output, which uses tanh;
(G5) LeakyReLU in the critic for all layers.

Kernels are 4x4 with stride 2, as in the widely used PyTorch port; the paper's own code has 5x5. Feature maps are
kept in the channels-last layout from end to end, which convolutions on a CPU prefer.
Source: Radford, Metz and Chintala 2016, arXiv:1511.06434.
"""

from itertools import pairwise

from torch import Tensor, nn

from saddle.config import choose
from saddle.networks.edges import ExitConv
from saddle.networks.layers import channels_last, halvings, normal_weights
from saddle.networks.normalise import NORMS

__all__ = ["DCGANCritic", "DCGANGenerator", "Project", "ToLogit"]


class Project(nn.Module):
    """z (N, z_dim) -> map (N, channels, side, side), born in the channels-last layout.

    A transposed convolution of z seen as a 1x1 map; written as one matrix product whose columns are ordered
    (row, column, channel), so that no copy changes the layout.
    """

    def __init__(self, z_dim: int, channels: int, side: int = 4, bias: bool = False) -> None:
        super().__init__()
        self.side, self.channels = side, channels
        self.linear = nn.Linear(z_dim, side * side * channels, bias=bias)

    def forward(self, z: Tensor) -> Tensor:
        h: Tensor = self.linear(z).view(z.shape[0], self.side, self.side, self.channels)
        return h.permute(0, 3, 1, 2)  # (N, channels, side, side)


class ToLogit(nn.Module):
    """map (N, channels, side, side) -> logits (N,): a convolution as large as the map, as one matrix product.

    With several ``outputs`` they are (N, outputs).
    """

    def __init__(self, channels: int, side: int = 4, bias: bool = False, outputs: int = 1) -> None:
        super().__init__()
        self.side = side
        self.linear = nn.Linear(side * side * channels, outputs, bias=bias)

    def forward(self, h: Tensor) -> Tensor:
        logits: Tensor = self.linear(h.permute(0, 2, 3, 1).flatten(1))  # no copy of a channels-last map
        return logits.squeeze(1)  # (N,) or (N, outputs)


class DCGANGenerator(nn.Module):
    """z (N, z_dim) -> x (N, channels, size, size) in (-1, 1).

    A 4x4 map is doubled until the side is ``size`` while its channels halve, down to ``width`` before the image.

    Args:
        z_dim: length of a latent row; 100 in the paper.
        size: side of the images in pixels, a power of two from 16 up.
        channels: of the images.
        width: channels of the last hidden map; 128 in the paper, 64 in the port.
        norm: a name from ``normalise.NORMS``.

    Initialised as in the paper: weights N(0, 0.02²), gains N(1, 0.02²), biases 0.
    Raises:
        ValueError: a size or a norm that is not offered.

    >>> sum(p.numel() for p in DCGANGenerator(z_dim=100, size=64, channels=3).parameters())
    3576704
    """

    def __init__(self, z_dim: int, size: int, channels: int, width: int = 64, norm: str = "batch") -> None:
        super().__init__()
        make_norm = choose(norm, NORMS, "norm")
        bias = norm == "none"  # a norm has a bias of its own
        widths = [width * 2**k for k in reversed(range(halvings(size)))]
        layers: list[nn.Module] = [Project(z_dim, widths[0], bias=bias)]  # (G3) only the input is a matrix product
        layers += [make_norm(widths[0]), nn.ReLU(inplace=True)]  # (G2) (G4)
        for inputs, outputs in pairwise(widths):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]  # (G1)
            layers += [make_norm(outputs), nn.ReLU(inplace=True)]  # (G2) (G4)
        self.body = nn.Sequential(*layers)  # (N, width, size / 2, size / 2)
        self.to_image = ExitConv(width, channels, bias=bias)  # (G1) (G2) not at the output
        normal_weights(self)
        channels_last(self)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.to_image(self.body(z))
        return x.tanh()  # (G4) (N, channels, size, size)


class DCGANCritic(nn.Module):
    """x (N, channels, size, size) -> logits (N,), or (N, outputs) when several are asked for.

    The side halves until it is 4 while channels double from ``width``; a last 4x4 convolution leaves one number.

    Args:
        size: side of the images in pixels, a power of two from 16 up.
        channels: of the images.
        width: channels of the first map; 128 in the paper, 64 in the port.
        norm: a name from ``normalise.NORMS``; "batch" as in the paper, another under a gradient penalty.
        outputs: numbers per sample; 1 drops the last axis.

    Initialised as in the paper: weights N(0, 0.02²), gains N(1, 0.02²), biases 0.
    Raises:
        ValueError: a size or a norm that is not offered.

    >>> sum(p.numel() for p in DCGANCritic(size=64, channels=3).parameters())
    2765568
    """

    def __init__(self, size: int, channels: int, width: int = 64, norm: str = "batch", outputs: int = 1) -> None:
        super().__init__()
        make_norm = choose(norm, NORMS, "norm")
        bias = norm == "none"  # a norm has a bias of its own
        widths = [width * 2**k for k in range(halvings(size))]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=bias)]  # (G1)
        layers += [nn.LeakyReLU(0.2, inplace=True)]  # (G5); (G2) not at the input
        for inputs, doubled in pairwise(widths):
            layers += [nn.Conv2d(inputs, doubled, 4, stride=2, padding=1, bias=bias)]  # (G1)
            layers += [make_norm(doubled), nn.LeakyReLU(0.2, inplace=True)]  # (G2) (G5)
        self.body = nn.Sequential(*layers)  # (N, widths[-1], 4, 4)
        self.to_logit = ToLogit(widths[-1], bias=bias, outputs=outputs)  # (G3) no hidden layer is fully connected
        normal_weights(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.to_logit(self.body(x))
        return logits  # (N,) or (N, outputs)
