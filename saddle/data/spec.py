"""What a recipe must know of the data, and what a player is given to look at."""

from dataclasses import dataclass

import torch
from torch import Tensor

from saddle.config import require

__all__ = ["Batch", "Spec", "checked"]


@dataclass(frozen=True)
class Spec:
    """Shape and labels of one sample: all that ``build(config, spec)`` may know of a data set.

    >>> Spec(channels=1, size=32, classes=10).shape
    (1, 32, 32)
    >>> Spec(channels=2).shape
    (2,)
    """

    channels: int
    """Image channels; for points, their dimensions."""
    size: int = 0
    """Side of a square image in pixels; 0 says that samples are points."""
    classes: int = 0
    """Number of labels; 0 says that there are none."""
    class_names: tuple[str, ...] = ()
    """Names of the labels in order; empty where the data set has none to give."""

    @property
    def points(self) -> bool:
        """Whether a sample is a point (d,) and not an image (C, S, S)."""
        return self.size == 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, S, S) for images, (d,) for points."""
        return (self.channels,) if self.points else (self.channels, self.size, self.size)


@dataclass(frozen=True)
class Batch:
    """What one draw hands to the players."""

    x: Tensor
    """Real samples: images (N, C, S, S) in [-1, 1] or points (N, d)."""
    y: Tensor | None = None
    """Labels (N,) int64 in [0, classes), where the data have them."""
    fake: Tensor | None = None
    """Generated samples shared by the moves of a round, for recipes that use one fake batch twice."""


def checked(y: Tensor, classes: int) -> Tensor:
    """Labels, once they are known to be in range.

    Of many seeds played at once (`saddle.game.play_seeds`) all are looked at; which are wrong is then not told.

    Args:
        y: labels, (N,) int64.
        classes: K.
    Returns:
        y itself.
    Raises:
        ValueError: one outside [0, K).

    >>> checked(torch.tensor([0, 7, 9]), classes=3)
    Traceback (most recent call last):
    ValueError: labels=[7, 9]: expected 0 to 2 only
    """
    if not y.is_meta and not torch.compiler.is_compiling():  # labels without values cannot be wrong
        outside = (y < 0) | (y >= classes)
        if bool(outside.any()):  # asked first, because of many seeds no others than yes or no can be read
            require(False, "labels", y[outside].unique().tolist(), f"0 to {classes - 1} only")
    return y
