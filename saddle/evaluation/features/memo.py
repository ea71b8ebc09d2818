"""What this process has seen: features by the content of each image, so that no image is looked at twice.

Halves of a side, resamples and sides that share images are then free, whatever their order.
"""

from hashlib import blake2b

import torch
from torch import Tensor

__all__ = ["Memo", "fingerprints"]

MOST_BYTES = 2**30
"""What one extractor's features may take in memory, in bytes; beyond, they are forgotten when the next side comes."""


def fingerprints(images: Tensor) -> list[bytes]:
    """16 bytes for each of uint8 (N, C, H, W), equal where the images are."""
    shape = repr(tuple(images.shape[1:])).encode()
    rows = images.contiguous().flatten(1).numpy()  # (N, C * H * W)
    return [blake2b(row.data, digest_size=16, person=shape[:16]).digest() for row in rows]


class Memo:
    """Rows of several tensors by fingerprint."""

    def __init__(self) -> None:
        self._place: dict[bytes, int] = {}
        self._held: dict[str, Tensor] = {}

    def trim(self) -> None:
        """Forget everything if it takes too much."""
        if sum(value.numel() * value.element_size() for value in self._held.values()) > MOST_BYTES:
            self._place, self._held = {}, {}

    def missing(self, prints: list[bytes]) -> list[int]:
        """Places of the images that are not held; of equal ones the first."""
        wanted: dict[bytes, int] = {}
        for index, name in enumerate(prints):
            if name not in self._place:
                wanted.setdefault(name, index)
        return list(wanted.values())

    def add(self, prints: list[bytes], tensors: dict[str, Tensor]) -> None:
        """Take in rows (N, ...) of images that were missing."""
        start = len(self._place)
        self._place |= {name: start + index for index, name in enumerate(prints)}
        held = self._held
        self._held = {key: torch.cat([held[key], new]) if held else new for key, new in tensors.items()}

    def get(self, prints: list[bytes]) -> dict[str, Tensor]:
        """The rows of these images, all of which are held."""
        index = torch.tensor([self._place[name] for name in prints])
        return {key: value.index_select(0, index) for key, value in self._held.items()}
