"""LPIPS's own networks, AlexNet and VGG-16 with the published heads, from weights files.

Zhang et al. 2018, arXiv:1801.03924. No package carries the trunks (Krizhevsky 2014, arXiv:1404.5997; Simonyan and
Zisserman 2015, arXiv:1409.1556); the heads, version 0.1, lie in the packages lpips and torchmetrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.evaluation.features.base import Extractor
from saddle.evaluation.features.resize import to_colour
from saddle.evaluation.features.weights import loaded, read, resolve

__all__ = ["TRUNKS", "Perceptual", "Trunk", "layers"]


@dataclass(frozen=True)
class Trunk:
    """One of LPIPS's networks."""

    file: str
    """Its weights file, as torchvision calls it."""
    sha256: str
    """That file's hash."""
    heads: str
    """The file of its heads."""
    heads_sha256: str
    """That file's hash."""
    widths: tuple[int, ...]
    """Channels of the stages."""
    least: int
    """Least side in pixels that every stage survives."""


TRUNKS: Mapping[str, Trunk] = {
    "alex": Trunk(
        "alexnet-owt-7be5be79.pth",
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        "alex.pth",
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        (64, 192, 384, 256, 256),
        31,
    ),
    "vgg": Trunk(
        "vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        "vgg.pth",
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        (64, 128, 256, 512, 512),
        16,
    ),
}
"""The networks by LPIPS's names."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # ImageNet's mean and spread for x in [-1, 1]


def layers(net: str) -> list[nn.Sequential]:
    """The network in five pieces, each ending in the rectifier whose output is a stage; numbered as in its file.

    Raises:
        ValueError: no such network.
    """
    widths = choose(net, TRUNKS, "network").widths
    inputs = (3, *widths[:-1])
    stages: list[list[nn.Module]]
    pooled: tuple[int, ...]
    if net == "alex":
        pool, pooled = nn.MaxPool2d(3, 2), (1, 2)
        kernels, strides, pads = (11, 5, 3, 3, 3), (4, 1, 1, 1, 1), (2, 2, 1, 1, 1)
        rows = zip(inputs, widths, kernels, strides, pads, strict=True)
        stages = [[nn.Conv2d(i, o, kernel, stride, pad), nn.ReLU()] for i, o, kernel, stride, pad in rows]
    else:
        pool, pooled = nn.MaxPool2d(2, 2), (1, 2, 3, 4)
        stages = []
        for i, o, repeats in zip(inputs, widths, (2, 2, 3, 3, 3), strict=True):
            convolutions = [nn.Conv2d(i if first else o, o, 3, padding=1) for first in (True, *[False] * (repeats - 1))]
            stages.append([module for conv in convolutions for module in (conv, nn.ReLU())])
    found, place = [], 0
    for index, stage in enumerate(stages):
        piece = nn.Sequential()
        for module in [pool, *stage] if index in pooled else stage:
            piece.add_module(str(place), module)
            place += 1
        found.append(piece)
    return found


class _Stages(nn.Module):
    """x (N, 3, H, W), normalised -> the five stages."""

    def __init__(self, net: str) -> None:
        super().__init__()
        self.pieces = nn.ModuleList(layers(net))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for piece in self.pieces:
            x = piece(x)
            found.append(x)
        return found


class Perceptual(Extractor):
    """The true LPIPS for `saddle.evaluation.measures.lpips` and `ppl`; as features, means of its stages over space.

    Args:
        net: a key of `TRUNKS`.
        trunk: its weights file, or a folder that holds it; looked for in the usual places where None.
        heads: the file of its heads, likewise.
    Raises:
        ValueError: no such network, no such files, damaged or other ones.
    """

    channels = 3
    network: _Stages

    def __init__(self, net: str = "alex", trunk: str | Path | None = None, heads: str | Path | None = None) -> None:
        known = choose(net, TRUNKS, "network")
        self.name, self.least, self.dimensions = f"lpips[{net}]", known.least, sum(known.widths)
        path, self.weights = resolve([known.file], [known.sha256], trunk)
        held = read(path)
        with torch.device("meta"):
            named = _renamed(_Stages(net), held)
        self.network = loaded(lambda: _Stages(net), named, path)
        path, found = resolve([known.heads], [known.heads_sha256], heads)
        self.heads = _heads(read(path), known.widths, path)
        self.settings = f"heads={found[:16]}"

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        found = self.stages(self.fit(images) / 127.5 - 1)
        return torch.cat([h.mean((2, 3)) for h in found], 1), None

    def stages(self, x: Tensor) -> list[Tensor]:
        """Stages of float images (B, 1 or 3, H, W) in [-1, 1], with their derivatives.

        Raises:
            ValueError: images too small for the last stage.
        """
        require(min(x.shape[-2:]) >= self.least, self.name, tuple(x.shape), f"images of {self.least} pixels or more")
        shift, scale = (x.new_tensor(three).view(3, 1, 1) for three in (_SHIFT, _SCALE))
        return self.network((to_colour(x) - shift) / scale)


def _renamed(net: _Stages, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``features.3.weight`` of the file as ``pieces.1.3.weight``; its classifier goes."""
    piece = {place: index for index, part in enumerate(net.pieces) for place, _ in part.named_children()}
    found = {}
    for name, value in tensors.items():
        if name.startswith("features."):
            place, rest = name.removeprefix("features.").split(".", 1)
            found[f"pieces.{piece.get(place, 'none')}.{place}.{rest}"] = value
    return found


def _heads(tensors: Mapping[str, Tensor], widths: tuple[int, ...], path: Path) -> list[Tensor]:
    names = [f"lin{i}.model.1.weight" for i in range(len(widths))]
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    expected = {name: (1, width, 1, 1) for name, width in zip(names, widths, strict=True)}
    require(shapes == expected, "heads", path, f"{len(names)} weights for {widths} channels, such as {names[0]}")
    return [tensors[name].flatten().float() for name in names]
