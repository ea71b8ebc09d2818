"""Networks that papers published for both players, by name: any adversarial recipe can be played with them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from saddle.networks.metz import DigitsCritic, DigitsGenerator, RingCritic, RingGenerator
from saddle.networks.pacgan import PacGANCritic, PacGANGenerator
from saddle.networks.residual import R3GANCritic, R3GANGenerator

__all__ = ["PAIRS", "Pair"]


@dataclass(frozen=True)
class Pair:
    """A generator and a critic that belong together."""

    generator: Callable[[int, tuple[int, ...]], nn.Module]
    """z_dim, shape of a sample -> network."""
    critic: Callable[[tuple[int, ...], str], nn.Module]
    """Shape of a sample, norm (a name of `NORMS`, which networks without norms ignore) -> network."""
    fits: Callable[[int], bool]
    """Whether it takes images of a side in pixels; 0 stands for points."""
    words: str
    """What it takes, for an error."""


def _points(generator: Callable[[int, tuple[int, ...]], nn.Module], critic: Callable[..., nn.Module]) -> Pair:
    return Pair(
        generator, lambda shape, norm: critic(shape), lambda size: size == 0, "points, and these data are images"
    )


def _digits(shrink: int, only: str | None = None) -> Pair:
    return Pair(
        lambda z_dim, shape: DigitsGenerator(z_dim, shape[0], norm=only or "batch"),
        lambda shape, norm: DigitsCritic(shrink, shape[0], only or norm),
        lambda size: size == 28,
        "images of 28 pixels; pass --size 28",
    )


def _widths(side: int) -> list[int]:
    return [min(32, 8 * 2**k) for k in reversed(range(side.bit_length() - 2))]  # 4x4 first, 8 at the highest resolution


PAIRS: Mapping[str, Pair] = {
    "pacgan": _points(PacGANGenerator, PacGANCritic),
    "metz-ring": _points(RingGenerator, RingCritic),
    "metz-half": _digits(2),
    "metz-quarter": _digits(4),
    "metz-plain": _digits(1, only="none"),
    "small-resnet": Pair(
        lambda z_dim, shape: R3GANGenerator(z_dim, _widths(shape[1]), 1, shape[0]),
        lambda shape, norm: R3GANCritic(_widths(shape[1]), 1, shape[0]),
        lambda size: size >= 8 and size & (size - 1) == 0,
        "images whose side is a power of two from 8 pixels up",
    ),
}
"""To add one, write its file and its line here. ``small-resnet`` is R3GAN's, without normalisation: 8 channels at the
highest resolution, doubling to 32 towards 4x4, a block a stage. ``metz-plain`` is the stacked digits' generator and its
whole mirror image, neither with a norm, for the ablation of R3GAN's table 1."""
