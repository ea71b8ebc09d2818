"""Pixels as features: the images themselves, laid out as rows."""

from torch import Tensor

from saddle.config import require
from saddle.evaluation.features.base import Extractor

__all__ = ["Pixels"]


class Pixels(Extractor):
    """Images (N, C, H, W) as rows (N, C * H * W) in [0, 1]; grey stays grey and colour stays colour.

    Args:
        size: side that images are first brought to, by ``bilinear-aa``; 0: the size they have.

    >>> Pixels()(torch.tensor([[[[0, 255], [51, 102]]]], dtype=torch.uint8))[0]
    tensor([[0.0000, 1.0000, 0.2000, 0.4000]])
    """

    name = "pixels"

    def __init__(self, size: int = 0) -> None:
        require(0 <= size <= 1024, "size", size, "a side of 1 to 1024 pixels, or 0 to leave images as they are")
        self.size = size
        self.resize = "bilinear-aa" if size else "none"

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        return self.fit(images).flatten(1).div(255.0), None
