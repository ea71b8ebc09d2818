"""What the growing recipes share: settings, the depth as a function of the images seen, and what is shown at a depth.

The depth is a pure function of the images seen, which a schedule sets in every network before each round. Layers that
do not play yet get no gradient, so the optimiser leaves them and its memory of them alone until they do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from saddle.config import choose, require
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Nets
from saddle.networks.growing import Growing, enlarged, shown, side_at
from saddle.recipes import common, remedies

__all__ = ["Growth", "Stages", "depth_at", "grow", "refuse", "samples", "share", "widths_of"]


@dataclass(frozen=True)
class Stages(common.Adversarial):
    """Settings of networks of stages, from 4x4 to the data's size."""

    width: int = 8
    """Channels at the highest resolution; they double with each halving."""
    widest: int = 64
    """Channels are at most this many."""
    group: int = 4
    """Samples that the critic compares: those of a group of minibatch standard deviation."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.width <= self.widest <= common.MOST, "widest", self.widest, f"{self.width} to {common.MOST}")
        require(self.group >= 1, "group", self.group, "1 or more samples")


@dataclass(frozen=True)
class Growth(Stages):
    """Settings of networks that grow."""

    first: int = 4
    """Side of the images at the start, a power of two from 4; the data's own size: nothing grows."""
    stable_images: int = 2000
    """Images that each size is shown before the next one fades in."""
    fade_images: int = 2000
    """Images over which a size fades in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        power = self.first >= 4 and self.first & (self.first - 1) == 0
        require(power, "first", self.first, "a power of two from 4 up")
        for name in ("stable_images", "fade_images"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more images")


def depth_at(config: Growth, images: int, last: float) -> float:
    """The depth after so many images: whole while a size is stable, between two while the next one fades in.

    Args:
        config: ``first``, ``stable_images`` and ``fade_images``.
        images: seen so far.
        last: depth of the whole network.

    >>> config = Growth(first=4, stable_images=100, fade_images=200)
    >>> [depth_at(config, images, last=2) for images in (0, 99, 150, 300, 399, 500, 9999)]
    [0.0, 0.0, 0.25, 1.0, 1.0, 1.5, 2.0]
    """
    first = config.first.bit_length() - 3
    faded = max(0, images - config.stable_images)
    stages, rest = divmod(faded, config.fade_images + config.stable_images)
    return min(float(last), first + stages + min(1.0, rest / config.fade_images))


def widths_of(config: Stages, spec: Spec, name: str) -> list[int]:
    """Channels of each stage for these data, the 4x4 one first.

    Args:
        config: ``network``, ``width``, ``widest`` and, of networks that grow, ``first``.
        spec: the data.
        name: what ``network`` may be called besides ``auto``.
    Raises:
        ValueError: another network, points, or a side that is no power of two from 8 up or below ``first``.
    """
    choose(config.network, {known: known for known in ("auto", name)}, "network")
    require(not spec.points, "network", name, f"images, and these data are points of {spec.channels} numbers")
    power = spec.size >= 8 and spec.size & (spec.size - 1) == 0
    require(power, "size", spec.size, "a power of two from 8 pixels up; pass --size 32, for example")
    if isinstance(config, Growth):
        require(config.first <= spec.size, "first", config.first, f"at most the images' side, which is {spec.size}")
    stages = spec.size.bit_length() - 2  # 4x4 and each doubling
    return [min(config.widest, config.width * 2**k) for k in reversed(range(stages))]


def refuse(config: Stages, unfit: dict[str, str]) -> None:
    """Refuse remedies that these networks cannot take: names, and what would be needed.

    Raises:
        ValueError: one of them is among the settings' remedies.
    """
    for name in remedies.read(config.remedies):
        require(name not in unfit, "remedies", name, unfit.get(name, ""))


EQUALISED = {"spectral-norm": "a critic whose weights are used as they are, and not scaled by a constant"}
"""What no critic with an equalised learning rate takes."""
ENTRIES = {"packing": "a critic with one first layer, and a growing one has one for each size"}
"""What no growing critic takes."""


def share(D: Growing) -> Callable[[Batch, torch.Generator], Batch]:
    """Real images as the critic is shown them at its depth, once for all moves; see ``Game.share``."""

    def pooled(batch: Batch, rng: torch.Generator) -> Batch:
        return replace(batch, x=shown(batch.x, D.depth))

    return pooled


def samples(spec: Spec) -> Callable[[Nets, Tensor, Tensor | None], Tensor]:
    """How samples are made: enlarged to the data's size while the network is smaller, and cut to [-1, 1]."""
    return lambda nets, z, y: enlarged(nets["G"](z), spec.size).clamp(-1, 1)


class Size(nn.Module):
    """The size that is played and how far it has faded in, for people to read in the log."""

    side: Tensor
    alpha: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("side", torch.zeros(()))
        self.register_buffer("alpha", torch.ones(()))


def grow(game: Game, config: Growth) -> Game:
    """The game whose networks, averages included, follow the settings' depth; it starts at the first."""
    kept = [player.average.module for player in game.players if player.average is not None]
    whole = [*(player.module for player in game.players), *kept]
    growing = [net for module in whole for net in module.modules() if isinstance(net, Growing)]
    size, last = Size(), growing[0].stages - 1

    def schedule(images: int) -> None:
        depth = depth_at(config, images, last)
        for net in growing:
            net.grow(depth)
        size.side.fill_(side_at(depth))
        size.alpha.fill_(growing[0].alpha)

    schedule(0)
    game.schedules = [*game.schedules, schedule]
    game.controls = {**game.controls, "size": size}
    return game
