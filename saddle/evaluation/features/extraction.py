"""Extraction of a side's features: each image looked at once, in this process and, where it is costly, in all."""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.features.base import Extractor, Features
from saddle.evaluation.features.memo import Memo, fingerprints
from saddle.evaluation.features.store import Store

if TYPE_CHECKING:
    from saddle.evaluation.side import Side

__all__ = ["Progress", "batch_size", "extract", "forget", "run"]

Progress = Callable[[int, int], None]
"""Called with the images done and the images to do."""


def extract(side: "Side", extractor: Extractor, progress: Progress | None = None) -> Features:
    """Features of a side; rows that were given are taken as they are.

    An image's features depend on the image alone, not on those beside it: batches have one size whatever N is, the last
    filled up, so that every image takes the same path through the same kernels. What an extractor with weights makes is
    therefore kept by image in this process, and by side in the cache folder for the next (`Store`).

    Args:
        side: images, or rows.
        extractor: what looks at them.
        progress: called with (images done, images to do) after each batch; not at all where everything is known.
    Returns:
        Rows (N, d), and log p(y|x) (N, K) in float64 where there is a classifier.
    Raises:
        ValueError: features that are not finite.
    """
    if side.rows is not None:
        return Features(side.rows)
    assert side.images is not None
    if extractor.weights == "none":
        return _features(run(side.images, extractor, progress))
    prints = _prints_of(side.images)
    memo = _memos.setdefault(extractor.key, Memo())
    memo.trim()
    if missing := memo.missing(prints):
        _learn(side, extractor, memo, prints, missing, progress)
    return _features(memo.get(prints))


def forget() -> None:
    """Free the memory that the features of this process take; what lies in the cache folder stays."""
    _memos.clear()


def run(images: Tensor, extractor: Extractor, progress: Progress | None = None) -> dict[str, Tensor]:
    """``rows`` (N, d) and, of a classifier, ``logits`` (N, K) of images (N, C, H, W), computed here and now."""
    size = batch_size(images, extractor)
    parts: list[tuple[Tensor, Tensor | None]] = []
    # TF32 keeps 10 bits: features would differ in the third decimal between devices
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            count = len(batch)
            if count < size:
                batch = torch.cat([batch, batch[-1:].expand(size - count, -1, -1, -1)])
            rows, logits = extractor(batch.contiguous().to(extractor.device))
            parts.append((rows[:count].cpu(), None if logits is None else logits[:count].cpu()))
            if progress is not None:
                progress(start + count, len(images))
    found = {"rows": torch.cat([rows for rows, _ in parts])}
    found |= {"logits": torch.cat([x for _, x in parts if x is not None])} if parts[0][1] is not None else {}
    for name, value in found.items():
        require(bool(value.isfinite().all()), extractor.name, f"{name} that are NaN or infinite", "finite numbers")
    return {name: value.clone() for name, value in found.items()}  # a clone is no inference tensor


def batch_size(images: Tensor, extractor: Extractor) -> int:
    """Images in a batch: fewer the more pixels they have, so that memory is bounded; 1 to 256, a power of two.

    >>> from saddle.evaluation.features.pixels import Pixels
    >>> [batch_size(torch.zeros(1, 3, side, side), Pixels()) for side in (8, 64, 256, 1024)]
    [256, 128, 8, 1]
    """
    pixels = max(extractor.size**2, images.shape[-2] * images.shape[-1])
    return 1 << min(8, max(0, (2**19 // pixels).bit_length() - 1))


def _learn(
    side: "Side", extractor: Extractor, memo: Memo, prints: list[bytes], missing: list[int], progress: Progress | None
) -> None:
    assert side.images is not None
    store, key = Store(), f"{side.fingerprint} {extractor.key}"
    index = torch.tensor(missing)
    kept = store.get(key)
    if kept is not None and {len(value) for value in kept.values()} == {len(side)}:
        memo.add([prints[place] for place in missing], {name: value[index] for name, value in kept.items()})
        return
    all_new = len(missing) == len(side)
    found = run(side.images if all_new else side.images[index], extractor, progress)
    memo.add([prints[place] for place in missing], found)
    store.put(key, memo.get(prints))


def _features(found: dict[str, Tensor]) -> Features:
    logits = found.get("logits")
    return Features(found["rows"], None if logits is None else logits.double().log_softmax(1))


def _prints_of(images: Tensor) -> list[bytes]:
    """The fingerprints, kept as long as this tensor lives and is not written to."""
    version = -1 if images.is_inference() else images._version
    known = _seen.get(id(images))
    if known is not None and known[0]() is images and known[1] == version:
        return known[2]
    name, prints = id(images), fingerprints(images)
    _seen[name] = (weakref.ref(images, lambda _: _seen.pop(name, None)), version, prints)
    return prints


_memos: dict[str, Memo] = {}
_seen: dict[int, tuple[weakref.ref[Tensor], int, list[bytes]]] = {}
