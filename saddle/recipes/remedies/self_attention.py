"""One layer of self-attention in each player, which lets distant parts of an image be made and judged together.

It stands behind the last layer whose map has a side of 16, or the nearest side that the network has, and begins as the
identity: what attention adds has the factor gamma = 0, which is learned. Beside it the paper has spectral norm in both
players (`spectral-norm` reaches the critic's attention, too) and labels; with images of 128 pixels its program and its
best row have a side of 32.
"""

import math

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.data.spec import Spec
from saddle.networks import DCGANCritic, DCGANGenerator, R3GANCritic, R3GANGenerator, SelfAttention
from saddle.recipes.settings import Adversarial

__all__ = ["KNOWN", "RANGE", "STRENGTH", "attend", "networks"]

SOURCE = "Zhang et al. 2019, arXiv:1805.08318"
KIND = "layer"
STRENGTH = 16
"""Side of the map."""
RANGE = "a whole number of pixels, the side of the map, in [4, 256]"
"""Memory grows as the fourth power of the side."""
KNOWN = (DCGANCritic, DCGANGenerator, R3GANCritic, R3GANGenerator)
"""Networks whose ``body`` is a row of layers from map to map."""
LEAST = 8
"""Channels that the layer needs."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: int) -> tuple[nn.Module, nn.Module]:
    """Both with a layer of attention inside, in place."""
    require(not spec.points, "remedies", "self-attention", "images, and these data are points")
    for net in (G, D):
        attend(net, spec.size, strength)
    return G, D


def attend(net: nn.Module, size: int, side: int) -> None:
    """Put a layer of attention into the body of a network, in place.

    Args:
        net: one of ``KNOWN``, or a wrapper of one.
        size: of images, what a critic's body takes.
        side: wanted of the map, in pixels.
    Raises:
        ValueError: the network is another, or its maps have fewer than 8 channels.
    """
    found = [module for module in net.modules() if isinstance(module, KNOWN)]
    known = ", ".join(kind.__name__ for kind in KNOWN)
    body = found[0].body if len(found) == 1 else nn.Sequential()
    maps = _maps(body, size)
    require(bool(maps), "remedies", "self-attention", f"players of one network of maps each: {known}")
    maps = {height: (i, channels) for height, (i, channels) in maps.items() if channels >= LEAST}
    require(bool(maps), "remedies", "self-attention", f"maps of {LEAST} channels or more: a larger --width")
    i, channels = maps[min(maps, key=lambda height: abs(math.log2(height / side)))]
    body.insert(i + 1, SelfAttention(channels))


@torch.no_grad()
def _maps(body: nn.Sequential, size: int) -> dict[int, tuple[int, int]]:
    """For each side of the maps in a body the last layer that makes one, and its channels."""
    found: dict[int, tuple[int, int]] = {}
    x, was = _entrance(body, size), body.training
    body.eval()  # batch norms take no note of x
    for i, layer in enumerate(body if x is not None else ()):
        x = layer(x)
        if x.dim() == 4:
            found[x.shape[2]] = (i, x.shape[1])
    body.train(was)
    return found


def _entrance(body: nn.Sequential, size: int) -> Tensor | None:
    """Something that a body takes: a latent row or an image; None for one that begins within a network."""
    for layer in body.modules():
        if isinstance(layer, nn.Linear):
            return torch.zeros(1, layer.in_features)
        if isinstance(layer, nn.Conv2d):
            return torch.zeros(1, layer.in_channels, size, size)
    return None
