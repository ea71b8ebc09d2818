"""One layer of self-attention in each player, which lets distant parts of an image be made and judged together.

It stands behind the last layer whose map has a side of 16, or the nearest side that the network has, and begins as the
identity: what attention adds has the factor gamma = 0, which is learned. Beside it the paper has spectral norm in both
players (`spectral-norm` reaches the critic's attention, too, and sngan's own) and labels; with images of 128 pixels its
program and its best row have a side of 32. In networks that grow it plays from its stage on.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Spec
from saddle.networks import (
    BigGANGenerator,
    DCGANCritic,
    DCGANGenerator,
    DigitsCritic,
    DigitsGenerator,
    MixtureGenerator,
    ProGANCritic,
    ProGANGenerator,
    R3GANCritic,
    R3GANGenerator,
    ResNetCritic,
    ResNetGenerator,
    SelfAttention,
    StyleGAN2Critic,
    StyleGAN2Synthesis,
    StyleGANSynthesis,
)
from saddle.recipes.settings import Adversarial

__all__ = ["KNOWN", "RANGE", "STRENGTH", "Attended", "attend", "networks"]

SOURCE = "Zhang et al. 2019, arXiv:1805.08318"
KIND = "layer"
STRENGTH = 16
"""Side of the map."""
RANGE = "a whole number of pixels, the side of the map, in [4, 256]"
"""Memory grows as the fourth power of the side."""
LEAST = 8
"""Channels that the layer needs."""
Row = nn.Sequential | nn.ModuleList
"""Layers of which a network makes its maps."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: int) -> tuple[nn.Module, nn.Module]:
    """Both with a layer of attention inside, in place."""
    require(not spec.points, "remedies", "self-attention", "images, and these data are points")
    for net in (G, D):
        attend(net, spec.size, strength)
    return G, D


class Attended(nn.Module):
    """A layer that is told more than a map, such as a style, with attention behind it.

    Args:
        layer: map and more -> map (N, C, H, W).
        attention: map -> map of the same shape.
    """

    def __init__(self, layer: nn.Module, attention: SelfAttention) -> None:
        super().__init__()
        self.layer, self.attention = layer, attention

    def forward(self, *given: Any) -> Tensor:
        x: Tensor = self.attention(self.layer(*given))
        return x


def attend(net: nn.Module, size: int, side: int) -> None:
    """Put a layer of attention between the layers of a network, in place.

    Args:
        net: one of ``KNOWN``, or a wrapper of one.
        size: of images, what a critic takes.
        side: wanted of the map, in pixels.
    Raises:
        ValueError: the network is another, has attention already, or its maps have fewer than 8 channels.
    """
    found = [module for module in net.modules() if isinstance(module, tuple(KNOWN))]
    known = ", ".join(kind.__name__ for kind in KNOWN)
    alone = len(found) == 1 and not any(isinstance(module, MixtureGenerator) for module in net.modules())
    expected = "one network of maps in each player, such as --network dcgan has; neither perceptrons nor several"
    require(alone, "remedies", "self-attention", f"{expected}: {known}")
    twice = any(isinstance(module, SelfAttention) for module in net.modules())
    require(
        not twice, "remedies", "self-attention", "networks without it; these have it, and --attention sets its side"
    )
    maps = {height: place for height, place in _maps(found[0], size).items() if place[2] >= LEAST}
    require(bool(maps), "remedies", "self-attention", f"maps of {LEAST} channels or more: a larger --width")
    row, i, channels = maps[min(maps, key=lambda height: abs(math.log2(height / side)))]
    if isinstance(row, nn.Sequential):
        row.insert(i + 1, SelfAttention(channels))
    else:
        row[i] = Attended(row[i], SelfAttention(channels))


@torch.no_grad()
def _maps(net: nn.Module, size: int) -> dict[int, tuple[Row, int, int]]:
    """For each side of a network's maps the last layer that makes one, as a row and a place in it, and its channels."""
    given, rows = next(told for kind, told in KNOWN.items() if isinstance(net, kind))
    found: dict[int, tuple[Row, int, int]] = {}

    def note(row: Row, i: int) -> Callable[[nn.Module, Any, Tensor], None]:
        def see(_: nn.Module, args: Any, out: Tensor) -> None:
            if out.dim() == 4:
                found[out.shape[2]] = (row, i, out.shape[1])

        return see

    was = net.training
    net.eval()  # batch norms take no note of what is shown
    with ExitStack() as hooks:
        for row in rows(net):
            for i, layer in enumerate(row):
                hooks.enter_context(layer.register_forward_hook(note(row, i)))
        net(*given(net, size))
    net.train(was)
    return found


def _latent(net: Any, size: int) -> tuple[Tensor, ...]:
    """A row as the first matrix takes it, and a label if the network takes one."""
    first = next(p for p in net.parameters() if p.dim() == 2)
    label = (torch.zeros(1, dtype=torch.int64),) if getattr(net, "classes", 0) else ()
    return (torch.zeros(1, first.shape[1]), *label)


def _cut(net: BigGANGenerator, size: int) -> tuple[Tensor, ...]:
    return torch.zeros(1, sum(net.lengths)), torch.zeros(1, dtype=torch.int64)


def _image(net: Any, size: int) -> tuple[Tensor, ...]:
    """An image with as many channels as the first convolution takes."""
    first = next(p for p in net.parameters() if p.dim() == 4)
    return (torch.zeros(1, first.shape[1], size, size),)


def _body(net: Any) -> Sequence[Row]:
    return (net.body,)


def _blocks(net: Any) -> Sequence[Row]:
    return (*net.blocks,)


KNOWN: dict[type[nn.Module], tuple[Callable[[Any, int], tuple[Tensor, ...]], Callable[[Any], Sequence[Row]]]] = {
    BigGANGenerator: (_cut, lambda net: (*net.stages,)),
    DCGANCritic: (_image, _body),
    DCGANGenerator: (_latent, _body),
    DigitsCritic: (_image, _body),
    DigitsGenerator: (_latent, _body),
    ProGANCritic: (_image, _blocks),
    ProGANGenerator: (_latent, _blocks),
    R3GANCritic: (_image, _body),
    R3GANGenerator: (_latent, _body),
    ResNetCritic: (_image, _body),
    ResNetGenerator: (_latent, _body),
    StyleGAN2Critic: (_image, _body),
    StyleGAN2Synthesis: (_latent, lambda net: (net.convolutions,)),
    StyleGANSynthesis: (_latent, _blocks),
}
"""Networks of maps: what they are given to be looked at, for images of a size, and the rows of layers within."""
