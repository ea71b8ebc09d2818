"""The rules by which any picture becomes a training image: one size, one channel count, bytes.

1. **Turned** as its EXIF orientation says.
2. **Eight bits**: 16-bit grey is scaled by 255/65535 and rounded; one-bit pictures become black and white; 32-bit
   numbers are taken as 16-bit if they fit, and as fractions of white if they lie in [0, 1]; others cannot be used.
3. **On white**: transparency, of a palette too, is composited on white. Palette, CMYK, YCbCr and Lab become RGB.
   Of an animation the first frame is taken.
4. **Square**: the largest centred square is cut out.
5. **Resized** to ``size`` with Lanczos' antialiasing filter, up or down. (JPEGs more than 8 times too large are first
   shrunk while they are decoded, to no less than 4 times ``size``.) The default ``size`` is the largest power of two
   not above the median short side, at most 64 and at least 16.
6. **Grey or colour**: a picture whose three channels are equal everywhere is grey, however it is stored. All are made
   what most are: grey is repeated into three channels, colour becomes grey by 0.299 R + 0.587 G + 0.114 B (ITU-R 601).
   A tie is colour. ``channels`` overrules the majority.

Pictures of more than 100 million pixels are refused as unreadable, before they are decoded.
"""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saddle.config import require

__all__ = ["MOST_PIXELS", "default_size", "is_grey", "open_picture", "resize_all", "square", "to_grey"]

MOST_PIXELS = 100_000_000
"""Pixels a picture may have."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to undo each EXIF orientation other than 1."""


def default_size(short_sides: Sequence[int]) -> int:
    """The largest power of two not above the median short side, at most 64 and at least 16.

    >>> default_size([30, 33, 500]), default_size([9]), default_size([400])
    (32, 16, 64)
    """
    median = int(np.median(short_sides))
    return min(64, max(16, 1 << (median.bit_length() - 1)))


def open_picture(file: BinaryIO) -> Image.Image:
    """The picture in a file, its head read and its pixels not yet.

    Raises:
        ValueError: it says it has more than `MOST_PIXELS`.
    """
    picture = Image.open(file)
    width, height = picture.size
    require(width * height <= MOST_PIXELS, "pixels", f"{width}x{height}", "at most 100 million")
    return picture


def square(picture: Image.Image, size: int) -> NDArray[np.uint8]:
    """A picture brought to a square by rules 1 to 5.

    Args:
        picture: any mode and size.
        size: side wanted, in pixels.
    Returns:
        (size, size, 3); grey has three equal channels.
    Raises:
        ValueError: numbers that are neither bytes, 16 bits nor fractions of white.
        Exception: what Pillow makes of damaged bytes, which is nearly anything.

    >>> square(Image.new("L", (40, 20), 7), 2)[0, 0].tolist()
    [7, 7, 7]
    """
    picture.draft(None, (4 * size, 4 * size))  # of a JPEG: keep the mode, decode it smaller
    turn = _TURNS.get(_orientation(picture))
    picture = _eight_bit(picture if turn is None else picture.transpose(turn))
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    picture = picture.crop((left, top, left + side, top + side))
    return np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS).convert("RGB"))  # (S, S, 3)


def is_grey(pixels: NDArray[np.uint8]) -> bool:
    """Whether the three channels of an image (S, S, 3) are equal everywhere."""
    return bool((pixels[..., :1] == pixels[..., 1:]).all())


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """0.299 R + 0.587 G + 0.114 B, rounded: (..., 3) to (..., 1). Grey stays exactly as it is.

    >>> to_grey(np.array([[255, 0, 0], [9, 9, 9]], np.uint8)).tolist()
    [[76], [9]]
    """
    weights = np.array([19595, 38470, 7471], np.uint32)  # in 65536ths, and their sum is 65536
    return ((pixels @ weights + 32768) >> 16).astype(np.uint8)[..., None]


def resize_all(images: NDArray[np.uint8], size: int, channels: int) -> NDArray[np.uint8]:
    """Bytes (N, H, W, C), C 1 or 3, brought to (N, size, size, channels) by rules 4 to 6."""
    count, height, width, held = images.shape
    if (height, width) == (size, size):
        resized = images
    else:
        resized = np.empty((count, size, size, held), np.uint8)
        for source, target in zip(images, resized, strict=True):
            target[...] = square(Image.fromarray(source if held == 3 else source[..., 0]), size)[..., :held]
    if held < channels:
        return np.repeat(resized, channels, axis=3)
    return to_grey(resized) if held > channels else np.ascontiguousarray(resized)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged note about the picture is no reason to lose the picture, and Pillow raises anything
        return 1


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Rules 2 and 3: mode "L" or "RGB"."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _from_numbers(np.asarray(picture))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _from_numbers(values: NDArray[np.generic]) -> Image.Image:
    """16-bit or fractional grey (H, W) in eight bits."""
    numbers = values.astype(np.float64)
    low, high = float(numbers.min()), float(numbers.max())
    most = 65535 if values.dtype.kind in "iu" else 1
    require(low >= 0 and high <= most, "values", f"{low:g} to {high:g}", f"grey from 0 to {most}")
    return Image.fromarray(np.rint(numbers * (255 / most)).astype(np.uint8))
