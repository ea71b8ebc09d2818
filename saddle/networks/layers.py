"""Small pieces that several networks share: weight initialisation, a check of image sides, a reshaping layer."""

import math

import torch
from torch import Tensor, nn

from saddle.config import require

__all__ = ["Reshape", "channels_last", "filters", "halvings", "he_linear", "normal_weights", "orthogonal_weights"]

Weighted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
Norms = (nn.BatchNorm2d, nn.GroupNorm)


class Reshape(nn.Module):
    """x (N, ...) -> (N, *shape), same elements in the same order."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.shape)  # not len(x), which a traced program would take for a constant


def channels_last(net: nn.Module) -> None:
    """Lay the weights of convolutions out channels last, in place.

    A convolution's output takes its weights' layout, so maps then have that layout from the first layer on, even where
    a one-channel image does not tell the two layouts apart.
    """
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def halvings(size: int, least: int = 16) -> int:
    """How often an image's side can be halved before it is 4 pixels.

    Args:
        size: side of a square image in pixels.
        least: the smallest side that the asking network is made for.
    Raises:
        ValueError: the side is smaller than that or no power of two.

    >>> halvings(64)
    4
    """
    power = size >= 1 and size & (size - 1) == 0
    require(
        power and size >= least, "size", size, f"a power of two from {least} pixels up; pass --size 32, for example"
    )
    return size.bit_length() - 3


def normal_weights(net: nn.Module, std: float = 0.02) -> None:
    """DCGAN's initialisation, in place: weights N(0, std²), gains of norms N(1, std²), every bias 0.

    Args:
        net: all its linear, convolution and norm layers are set.
        std: standard deviation, 0.02 in the paper.
    Source: Radford et al. 2016, section 4, arXiv:1511.06434; the gains from its published code.
    """
    for module in net.modules():
        if isinstance(module, Weighted + Norms):
            nn.init.normal_(module.weight, float(isinstance(module, Norms)), std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def filters(net: nn.Module) -> list[Tensor]:
    """The trained weights of a network's layers, all but embeddings; the raw ones beneath spectral norm.

    >>> [tuple(w.shape) for w in filters(nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 3), nn.BatchNorm1d(3)))]
    [(3, 4)]
    """
    layers = [layer for layer in net.modules() if not isinstance(layer, nn.Embedding)]
    return [p for layer in layers for p in layer.parameters(recurse=False) if p.dim() >= 2]


def orthogonal_weights(net: nn.Module) -> None:
    """Orthogonal initialisation, in place: each weight as a matrix (outputs, rest) has orthonormal rows or columns.

    Args:
        net: all its linear, convolution and embedding layers are set; every bias of theirs is 0.
    Source: Saxe et al. 2014, arXiv:1312.6120; in GANs Brock et al. 2019, arXiv:1809.11096.
    """
    for module in net.modules():
        if isinstance(module, (*Weighted, nn.Embedding)):
            weight = torch.empty_like(module.weight, memory_format=torch.contiguous_format)  # as orthogonal_ wants it
            module.weight.data.copy_(nn.init.orthogonal_(weight))
            if not isinstance(module, nn.Embedding) and module.bias is not None:
                nn.init.zeros_(module.bias)


def he_linear(inputs: int, outputs: int, gain: float = math.sqrt(2)) -> nn.Linear:
    """Linear layer with weights N(0, gain² / inputs) and biases U(-1, 1) / sqrt(inputs).

    The biases are not zero because with few inputs (points in the plane) the kinks of all rectifiers would then meet
    in the origin.

    Args:
        inputs: length of an input row.
        outputs: length of an output row.
        gain: sqrt(2) before a ReLU keeps the second moment; 1 for a linear output.
    Source: He et al. 2015, eq. 10, arXiv:1502.01852.
    """
    layer = nn.Linear(inputs, outputs)  # PyTorch's own bias is the uniform one stated above
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(inputs))
    return layer
