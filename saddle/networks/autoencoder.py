"""Autoencoders: an encoder to a short code and a decoder back, as autoencoder and as critic of EBGAN and BEGAN."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from saddle.config import choose
from saddle.networks.dcgan import Project
from saddle.networks.layers import channels_last, halvings, normal_weights
from saddle.networks.mlp import MLPCritic, MLPGenerator
from saddle.networks.normalise import NORMS

__all__ = [
    "Autoencoder",
    "BEGANAutoencoder",
    "BEGANDecoder",
    "BEGANEncoder",
    "ConvAutoencoder",
    "ConvDecoder",
    "ConvEncoder",
    "MLPAutoencoder",
]


class Autoencoder(nn.Module):
    """x -> decode(encode(x)), same shape; the classes below only choose the two halves.

    Args:
        encoder: x (N, ...) -> code (N, code).
        decoder: code (N, code) -> x (N, ...).
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Tensor:
        """Samples (N, ...) -> codes (N, code)."""
        code: Tensor = self.encoder(x)
        return code.reshape(len(x), -1)

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, code) -> samples (N, ...)."""
        x: Tensor = self.decoder(code)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


def strided_widths(size: int, width: int) -> list[int]:
    """Channels of EBGAN's maps: doubling from ``width`` while the side halves to 8 (to 4 where the image has 8)."""
    return [width * 2**k for k in range(max(1, halvings(size, least=8) - 1))]


class ConvEncoder(nn.Module):
    """x (N, channels, size, size) -> code (N, code): 4x4 convolutions of stride 2, then one linear layer.

    At 64 pixels and width 64 the maps are EBGAN's 64-128-256. LeakyReLU 0.2; no norm on the first layer.

    Args:
        size: side of the images in pixels, a power of two from 8 up.
        channels: of the images.
        width: channels of the first map.
        code: length of a code.
        norm: a name from ``normalise.NORMS``.

    Weights N(0, 0.02²). EBGAN's critic starts at 0.002: call ``normal_weights(net, 0.002)``.
    Raises:
        ValueError: a size or a norm that is not offered.
    Source: Zhao et al. 2017, arXiv:1609.03126, appendix; the linear layer to a short code is ours.
    """

    def __init__(self, size: int, channels: int, width: int = 64, code: int = 64, norm: str = "batch") -> None:
        super().__init__()
        make_norm = choose(norm, NORMS, "norm")
        bias = norm == "none"  # a norm has a bias of its own
        widths = strided_widths(size, width)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]
            layers += [make_norm(outputs), nn.LeakyReLU(0.2, inplace=True)]
        self.body = nn.Sequential(*layers)  # (N, widths[-1], side, side)
        side = size // 2 ** len(widths)
        self.to_code = nn.Linear(side * side * widths[-1], code)
        normal_weights(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x).permute(0, 2, 3, 1).flatten(1)  # (row, column, channel): no copy in the channels-last layout
        code: Tensor = self.to_code(h)
        return code  # (N, code)


class ConvDecoder(nn.Module):
    """code (N, code) -> x (N, channels, size, size): the encoder's mirror image with transposed convolutions.

    Args:
        code: length of a code.
        size: side of the images in pixels, a power of two from 8 up.
        channels: of the images.
        width: channels of the last hidden map.
        norm: a name from ``normalise.NORMS``.
        bounded: tanh at the end, for images in (-1, 1); else linear, for logits.

    Weights N(0, 0.02²).
    Raises:
        ValueError: a size or a norm that is not offered.
    Source: Zhao et al. 2017, arXiv:1609.03126, appendix.
    """

    def __init__(
        self, code: int, size: int, channels: int, width: int = 64, norm: str = "batch", bounded: bool = True
    ) -> None:
        super().__init__()
        make_norm = choose(norm, NORMS, "norm")
        bias = norm == "none"  # a norm has a bias of its own
        widths = strided_widths(size, width)[::-1]
        side = size // 2 ** len(widths)
        layers: list[nn.Module] = [Project(code, widths[0], side, bias), make_norm(widths[0]), nn.LeakyReLU(0.2)]
        for inputs, outputs in pairwise(widths):
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)]
            layers += [make_norm(outputs), nn.LeakyReLU(0.2, inplace=True)]
        self.body = nn.Sequential(*layers)  # (N, width, size / 2, size / 2)
        self.to_image = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1)
        self.bound = nn.Tanh() if bounded else nn.Identity()
        normal_weights(self)
        channels_last(self)

    def forward(self, code: Tensor) -> Tensor:
        x: Tensor = self.bound(self.to_image(self.body(code)))
        return x  # (N, channels, size, size)


class ConvAutoencoder(Autoencoder):
    """Images (N, channels, size, size) in [-1, 1] -> their reconstructions: ConvEncoder, then ConvDecoder.

    The arguments and errors are theirs.
    """

    def __init__(self, size: int, channels: int, width: int = 64, code: int = 64, norm: str = "batch") -> None:
        super().__init__(ConvEncoder(size, channels, width, code, norm), ConvDecoder(code, size, channels, width, norm))


class MLPAutoencoder(Autoencoder):
    """Points or small images (N, *shape) -> their reconstructions: MLPCritic to the code, MLPGenerator back.

    Args:
        shape: of one sample: (d,) for points, (C, S, S) for images.
        hidden: widths of the encoder's hidden layers; the decoder has them in reverse order.
        code: length of a code.
        bounded: whether samples lie in (-1, 1), as images do.
    """

    def __init__(
        self, shape: Sequence[int], hidden: Sequence[int] = (128, 128), code: int = 64, bounded: bool = True
    ) -> None:
        super().__init__(
            MLPCritic(shape, hidden, outputs=code), MLPGenerator(code, shape, list(reversed(hidden)), bounded)
        )


def xavier_weights(net: nn.Module) -> None:
    """Weights uniform with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010) and zero biases, in place."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def two_convolutions(inputs: int, outputs: int) -> list[nn.Module]:
    """BEGAN's unit: twice a 3x3 convolution and an ELU."""
    first, second = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
    return [first, nn.ELU(inplace=True), second, nn.ELU(inplace=True)]


class BEGANDecoder(nn.Module):
    """code (N, code) -> x (N, channels, size, size), unbounded: BEGAN's generator and the critic's second half.

    A linear layer to an 8x8 map; per scale two 3x3 convolutions with ELU; nearest doubling between scales.

    Args:
        code: length of a latent row or code; 64 in the paper.
        size: side of the images in pixels, a power of two from 8 up.
        channels: of the images.
        width: channels of every map, the paper's n; 128 at 64 pixels.

    Initialised by Xavier's rule, biases 0 (the paper gives none). No normalisation.
    Raises:
        ValueError: a size that is not offered.
    Source: Berthelot et al. 2017, section 3.5, arXiv:1703.10717.
    """

    def __init__(self, code: int, size: int, channels: int, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [Project(code, width, side=8, bias=True), *two_convolutions(width, width)]
        for _ in range(halvings(size, least=8) - 1):
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), *two_convolutions(width, width)]
        self.body = nn.Sequential(*layers)  # (N, width, size, size)
        self.to_image = nn.Conv2d(width, channels, 3, padding=1)
        xavier_weights(self)
        channels_last(self)

    def forward(self, code: Tensor) -> Tensor:
        x: Tensor = self.to_image(self.body(code))
        return x  # (N, channels, size, size)


class BEGANEncoder(nn.Module):
    """x (N, channels, size, size) -> code (N, code).

    A 3x3 convolution; at scale i = 1, 2, ... two of them with i * width channels and ELU; a strided one between
    scales down to 8x8; a linear layer.

    Args:
        size: side of the images in pixels, a power of two from 8 up.
        channels: of the images.
        width: channels at the finest scale, the paper's n.
        code: length of a code.

    Initialised by Xavier's rule, biases 0 (the paper gives none). No normalisation.
    Raises:
        ValueError: a size that is not offered.
    Source: Berthelot et al. 2017, section 3.5, arXiv:1703.10717.
    """

    def __init__(self, size: int, channels: int, width: int = 64, code: int = 64) -> None:
        super().__init__()
        widths = [width * i for i in range(1, halvings(size, least=8) + 1)]
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ELU(inplace=True)]
        layers += two_convolutions(width, width)
        for inputs, outputs in pairwise(widths):
            layers += [nn.Conv2d(inputs, inputs, 3, stride=2, padding=1), nn.ELU(inplace=True)]
            layers += two_convolutions(inputs, outputs)
        self.body = nn.Sequential(*layers)  # (N, widths[-1], 8, 8)
        self.to_code = nn.Linear(8 * 8 * widths[-1], code)
        xavier_weights(self)
        channels_last(self)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x).permute(0, 2, 3, 1).flatten(1)  # (row, column, channel): no copy in the channels-last layout
        code: Tensor = self.to_code(h)
        return code  # (N, code)


class BEGANAutoencoder(Autoencoder):
    """Images (N, channels, size, size) -> their reconstructions: BEGANEncoder, then BEGANDecoder.

    The arguments and errors are theirs.
    """

    def __init__(self, size: int, channels: int, width: int = 64, code: int = 64) -> None:
        super().__init__(BEGANEncoder(size, channels, width, code), BEGANDecoder(code, size, channels, width))
