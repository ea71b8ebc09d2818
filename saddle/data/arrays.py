"""Data sets from NumPy's files: images or points in a .npy, with labels in a .npz.

- ``.npz`` holds ``x`` and, where there are labels, ``y``; ``.npy`` holds x alone. Nothing pickled is read.
- x is images (N, C, H, W), (N, H, W, C) or (N, H, W), or points (N, d). C is 1, 3 or 4, and the second axis is taken
  for it before the last. A fourth channel is opacity, composited on white.
- Integers are 0..255 (of 16 bits: 0..65535). Fractions lie in [0, 1], in [-1, 1] if any is negative, or in [0, 255]
  if any is above 1; all are kept as bytes.
- Images are then cropped and resized as files are (`saddle.data.pixels`), without a majority: grey stays grey.
- y is whole numbers (N,) from 0; the largest says how many classes there are.
"""

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddle.config import require
from saddle.data.dataset import Images, Points
from saddle.data.pixels import default_size, resize_all

__all__ = ["load_array"]

Array = NDArray[np.generic]

_DAMAGES = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    BadZipFile,
    zlib.error,
    OverflowError,
    SyntaxError,
    TokenError,
    NotImplementedError,
)
"""What NumPy raises on files that are not what they say."""
_CHUNK = 256
"""Images converted at once."""
_MOST_CLASSES = 10_000
"""Labels must be below this: a larger one is a mistake, and would make a layer as wide."""


def load_array(
    path: Path,
    size: int | None = None,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Images | Points:
    """Images or points from a .npy or .npz file, by the rules at the head of this module.

    Args:
        path: the file.
        size: side of the images; by default the largest power of two not above H and W, at most 64, at least 16.
        channels: 1 or 3; by default as in the file.
        progress: called with (images converted, images in all).
    Raises:
        ValueError: what is wrong, and at which index.
    """
    x, y = _read(path)
    require(
        x.ndim in (2, 3, 4) and x.size > 0, f"{path}: x", x.shape, "images (N, C, H, W) or (N, H, W), or points (N, d)"
    )
    require(x.dtype.kind in "biuf", f"{path}: x", x.dtype, "whole numbers or fractions")
    labels, classes = (None, 0) if y is None else _labels(y, len(x), path)
    if x.ndim == 2:
        require(size is None, "size", size, f"none, because {path.name} holds points (N, d), not images")
        require(channels is None, "channels", channels, f"none, because {path.name} holds points (N, d), not images")
        _check_finite(x, path)
        return Points(path.name, torch.from_numpy(x.astype(np.float32)), labels, classes)
    images = _channels_last(x, path)  # (N, H, W, C)
    channels = channels or (1 if images.shape[3] == 1 else 3)
    size = size or default_size([min(images.shape[1:3])])
    to_bytes = _scale(images, path)
    pixels = np.empty((len(images), size, size, channels), np.uint8)
    for start in range(0, len(images), _CHUNK):
        part = _on_white(to_bytes(images[start : start + _CHUNK]))
        pixels[start : start + _CHUNK] = resize_all(part, size, channels)
        if progress:
            progress(min(start + _CHUNK, len(images)), len(images))
    return Images(path.name, torch.from_numpy(pixels).permute(0, 3, 1, 2), labels, classes=classes)


def _read(path: Path) -> tuple[Array, Array | None]:
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return np.load(path, mmap_mode="r", allow_pickle=False), None
            file.seek(0)
            with np.load(file, allow_pickle=False) as held:
                found = sorted(held.files)
                require("x" in found, str(path), f"arrays {found}", "an array x, and y if there are labels")
                return held["x"], held["y"] if "y" in found else None
    except MemoryError:
        raise ValueError(f"{path}: its arrays do not fit into memory") from None
    except _DAMAGES as error:
        if str(error).startswith(str(path)) or getattr(error, "filename", None):
            raise
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        if re.search("pickle|objects", reason):
            reason = "it holds pickled objects or no array"
        raise ValueError(f"{path}: cannot be read as {path.suffix} ({reason})") from None


def _labels(y: Array, count: int, path: Path) -> tuple[Tensor, int]:
    """Labels (N,) and the number of classes."""
    require(y.shape in ((count,), (count, 1)), f"{path}: y", y.shape, f"{count} labels, one for each of x")
    require(y.dtype.kind in "biuf", f"{path}: y", y.dtype, "whole numbers")
    flat = y.reshape(count).astype(np.float64)
    wrong = ~((flat >= 0) & (flat < _MOST_CLASSES) & (flat == np.floor(flat)))
    first = int(wrong.argmax())
    require(
        not wrong.any(), f"{path}: y[{first}]", y.reshape(count)[first], f"a whole number from 0 to {_MOST_CLASSES - 1}"
    )
    return torch.from_numpy(flat.astype(np.int64)), int(flat.max()) + 1


def _channels_last(x: Array, path: Path) -> Array:
    """Images as (N, H, W, C), with C 1, 3 or 4; nothing is copied."""
    if x.ndim == 3:
        return x[..., None]
    if x.shape[1] in (1, 3, 4):
        return x.transpose(0, 2, 3, 1)
    require(x.shape[3] in (1, 3, 4), f"{path}: x", x.shape, "(N, C, H, W) or (N, H, W, C) with C 1, 3 or 4")
    return x


def _check_finite(x: Array, path: Path) -> tuple[float, float]:
    """The least and the greatest value, unless one is not a number."""
    low, high = np.inf, -np.inf
    for start in range(0, len(x), _CHUNK):
        part = np.asarray(x[start : start + _CHUNK]).reshape(len(x[start : start + _CHUNK]), -1)
        good = np.isfinite(part).all(1)
        if not good.all():
            row = int(good.argmin())
            value = part[row][~np.isfinite(part[row])][0]
            require(False, f"{path}: x[{start + row}]", value, "finite numbers only")
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    return low, high


def _scale(images: Array, path: Path) -> Callable[[Array], NDArray[np.uint8]]:
    """How to make bytes of the values that these images have."""
    low, high = _check_finite(images, path)
    if images.dtype.kind == "b":
        return lambda part: part.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind in "iu":
        most = 65535 if images.dtype == np.uint16 else 255
        require(low >= 0 and high <= most, f"{path}: x", f"{low:g} to {high:g}", f"whole numbers from 0 to {most}")
        return _affine(0.0, 255 / most)
    slack = 1e-3  # what rounding may add
    if low < -slack:
        holds = low >= -1 - slack and high <= 1 + slack
        require(holds, f"{path}: x", f"{low:g} to {high:g}", "values in [-1, 1], [0, 1] or [0, 255]")
        return _affine(1.0, 127.5)
    require(high <= 255 + slack, f"{path}: x", f"{low:g} to {high:g}", "values in [-1, 1], [0, 1] or [0, 255]")
    return _affine(0.0, 1.0 if high > 1 + slack else 255.0)


def _affine(shift: float, factor: float) -> Callable[[Array], NDArray[np.uint8]]:
    return lambda part: np.rint(np.clip((part.astype(np.float64) + shift) * factor, 0, 255)).astype(np.uint8)


def _on_white(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Opacity, where there is a fourth channel, composited on white: (N, H, W, 1 or 3)."""
    if images.shape[3] != 4:
        return images
    opacity = images[..., 3:].astype(np.float64) / 255
    return np.rint(images[..., :3] * opacity + 255 * (1 - opacity)).astype(np.uint8)
