"""The extractor that does nothing: features or points, taken as they are."""

from torch import Tensor

from saddle.evaluation.features.base import Extractor

__all__ = ["Identity"]


class Identity(Extractor):
    """For sides that are given as features (N, d)."""

    name = "identity"

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        raise ValueError("features=identity: expected features (N, d), not images; --features pixels takes those")

    def check(self, real: Tensor, fake: Tensor) -> None:
        """Refuse any images."""
        self(real)
