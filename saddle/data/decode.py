"""Reading many image files at once: in threads, with the bad ones named and left out."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from saddle.data.files import Item
from saddle.data.pixels import default_size, is_grey, open_picture, square, to_grey

__all__ = ["Decoded", "Head", "decode"]

T = TypeVar("T")


@dataclass(frozen=True)
class Head:
    """What the head of an image file says."""

    mode: str
    """Pillow's name of the pixels' kind, such as "RGB"."""
    short_side: int
    """The shorter of width and height, in pixels."""


@dataclass(frozen=True)
class Decoded:
    """Images read from files by the rules of `saddle.data.pixels`."""

    pixels: NDArray[np.uint8]
    """(N, S, S, C) of the good ones."""
    good: tuple[int, ...]
    """Which items they are, in order: (N,)."""
    grey: tuple[bool, ...]
    """Which of them are grey: (N,)."""
    heads: dict[int, Head]
    """Of the items whose head could be read."""
    bad: dict[int, str]
    """Of the others, the reason."""
    modes: dict[str, int]
    """How many of the good ones were stored in each mode."""


def decode(
    items: Sequence[Item],
    size: int | None = None,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Decoded:
    """Read image files.

    Args:
        items: the files.
        size: side in pixels; by default by rule 5 of `saddle.data.pixels`.
        channels: 1 or 3; by default by rule 6.
        progress: called with (files read, files in all).
    Returns:
        The images; files that cannot be read are named in it, never raised.
    """
    bad: dict[int, str] = {}
    heads: dict[int, Head] = {}
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow's, on files that are then read or refused anyway
            for index, head in enumerate(pool.map(_guarded(_head), items)):
                if isinstance(head, Head):
                    heads[index] = head
                else:
                    bad[index] = head
            size = size or default_size([head.short_side for head in heads.values()] or [1])
            rgb, grey = _decode_all(pool, items, list(heads), size, bad, progress)
    finally:
        pool.shutdown(cancel_futures=True)
    good = [index for index in heads if index not in bad]
    if len(good) < len(heads):
        rgb = rgb[[place for place, index in enumerate(heads) if index not in bad]]
    channels = channels or (1 if 2 * sum(grey) > len(grey) else 3)
    modes = Counter(heads[index].mode for index in good)
    return Decoded(rgb if channels == 3 else _all_grey(rgb), tuple(good), tuple(grey), heads, bad, dict(modes))


def _decode_all(
    pool: ThreadPoolExecutor,
    items: Sequence[Item],
    which: list[int],
    size: int,
    bad: dict[int, str],
    progress: Callable[[int, int], None] | None,
) -> tuple[NDArray[np.uint8], list[bool]]:
    """Decode the items in ``which`` into rows (len(which), S, S, 3); of the good ones say whether they are grey."""
    rgb = np.zeros((len(which), size, size, 3), np.uint8)
    grey = []
    pixels = pool.map(_guarded(lambda item: _pixels(item, size)), (items[index] for index in which))
    for place, (index, image) in enumerate(zip(which, pixels, strict=True)):
        if isinstance(image, str):
            bad[index] = image
        else:
            rgb[place] = image
            grey.append(is_grey(image))
        if progress:
            progress(place + 1 + len(items) - len(which), len(items))
    return rgb, grey


def _head(item: Item) -> Head:
    with item.open() as file, open_picture(file) as picture:
        return Head(picture.mode, min(picture.size))


def _pixels(item: Item, size: int) -> NDArray[np.uint8]:
    with item.open() as file, open_picture(file) as picture:
        return square(picture, size)


def _guarded(read: Callable[[Item], T]) -> Callable[[Item], T | str]:
    """The same, with the reason of a failure as its result."""

    def reading(item: Item) -> T | str:
        try:
            return read(item)
        except (
            Exception
        ) as error:  # decoders raise nearly anything on damaged bytes, and one file must not stop the rest
            return _reason(error)

    return reading


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image that can be read"
    first = str(error).partition("\n")[0][:100]
    return f"truncated: {first}" if "truncated" in first else first or type(error).__name__


def _all_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`to_grey` in pieces, because it needs 12 times the memory of what it is given."""
    grey = np.empty((*rgb.shape[:3], 1), np.uint8)
    for start in range(0, len(rgb), 256):
        grey[start : start + 256] = to_grey(rgb[start : start + 256])
    return grey
