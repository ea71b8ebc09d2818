"""What an extractor is, and what it gives: features, and class probabilities where it has a classifier."""

from abc import ABC, abstractmethod
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from saddle.config import require
from saddle.evaluation.features.resize import RESIZERS, fit

__all__ = ["Extractor", "Features"]


@dataclass(frozen=True)
class Features:
    """What an extractor makes of N samples."""

    rows: Tensor
    """(N, d), float32, or the precision in which features were given."""
    log_probs: Tensor | None = None
    """log p(y|x), float64 (N, K), where the extractor has a classifier."""


class Extractor(ABC):
    """Turns images into features, always the same way.

    A subclass states the attributes that differ from those here, and says what becomes of a batch.
    """

    name: str
    """Its name in the table and in results."""
    weights: str = "none"
    """sha256 of its weights, in hex. What an extractor without weights makes is not cached: it is cheap, or unknown."""
    size: int = 0
    """Side in pixels that images are brought to; 0: they are taken at the size they have."""
    resize: str = "none"
    """How they are brought there: a name of `saddle.evaluation.features.resize.RESIZERS`."""
    channels: int = 0
    """What they are brought to: 3, grey repeated; 1, colour as luma; 0: as they are."""
    settings: str = ""
    """What else its numbers depend on, such as ``normalise=(x-128)/128``."""
    dimensions: int = 0
    """d; 0 where it depends on what is given."""
    classes: int = 0
    """K of its classifier; 0: it has none."""
    network: nn.Module | None = None
    """What does the work, at rest, where it is a network."""
    device: torch.device = torch.device("cpu")
    """Where it works; `saddle.evaluation.features.extraction` brings batches there and features back."""

    @property
    def key(self) -> str:
        """Everything that its numbers depend on: two results with different keys must not be compared."""
        resize = f"{self.resize}-{self.size}" if self.size else self.resize
        return f"{self.name} weights={self.weights[:16]} resize={resize} {self.settings}".rstrip()

    @abstractmethod
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features and logits of a batch.

        Args:
            images: uint8 (B, C, H, W), C = 1 or 3.
        Returns:
            float32 (B, d), and logits (B, K) or None.
        """

    def fit(self, images: Tensor) -> Tensor:
        """A batch as its network wants it, before it is normalised.

        Args:
            images: uint8 (B, C, H, W).
        Returns:
            float32 (B, channels, size, size) in [0, 255].
        """
        return fit(images, self.channels, self.size, self.resize)

    def check(self, real: Tensor, fake: Tensor) -> None:
        """Refuse images of two sides that it would make rows of different length of.

        Args:
            real: uint8 (N, C, H, W).
            fake: uint8 (M, C, H, W).
        Raises:
            ValueError: another number of channels, or another size, where it brings them to none of its own.
        """
        channels = bool(self.channels) or real.shape[1] == fake.shape[1]
        size = bool(self.size) or real.shape[2:] == fake.shape[2:]
        require(
            channels and size,
            "features",
            f"{self.name}, of real {_shape(real)} and generated {_shape(fake)}",
            f"images of one {'size' if channels else 'number of channels'} on both sides; load them alike, or take "
            "features that bring them to one, such as efficientnet-lite0",
        )

    def with_resize(self, name: str) -> Self:
        """The same extractor with another way to resize.

        Raises:
            ValueError: no such resizer, or this extractor resizes nothing.
        """
        require(self.size > 0, "resize", name, f"none, because {self.name} takes images at the size they have")
        require(name in RESIZERS, "resize", name, f"one of {', '.join(RESIZERS)}")
        other = copy(self)
        other.resize = name
        return other

    def to(self, device: torch.device | str) -> Self:
        """The same extractor on that device."""
        if torch.device(device) == self.device:
            return self
        other = copy(self)
        other.device = torch.device(device)
        if self.network is not None:
            other.network = deepcopy(self.network).to(device)
        return other


def _shape(images: Tensor) -> str:
    channels, height, width = images.shape[1:]
    return f"{height}x{width} in {'grey' if channels == 1 else 'colour'}"
