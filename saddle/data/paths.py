"""Data sets from the user's own files: a folder or zip of images, an array, a folder of IDX files."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.arrays import load_array
from saddle.data.dataset import Images, Points, Skipped
from saddle.data.decode import Decoded, decode
from saddle.data.digits import find_idx, idx
from saddle.data.files import SUFFIXES, Found, find_images

__all__ = ["MOST_BAD", "class_labels", "kind_of", "load_path", "looked_for"]

MOST_BAD = 0.1
"""Share of the files that may be unreadable."""

_log = logging.getLogger(__name__)


def kind_of(path: Path) -> str:
    """What lies at a path: ``"idx"``, ``"images"`` or ``"array"``.

    Raises:
        ValueError: none of these.
    """
    if path.is_dir():
        return "idx" if find_idx(path) else "images"
    kind = {".zip": "images", ".npy": "array", ".npz": "array"}.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"data={path}: expected a folder, or a file ending in .zip, .npy or .npz")
    return kind


def load_path(
    path: Path,
    size: int | None = None,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Images | Points:
    """The data set at a path; each kind's rules stand in `saddle.data.pixels` and `saddle.data.arrays`.

    Args:
        path: of something that exists.
        size: side of the images in pixels.
        channels: 1 or 3.
        progress: called with (images read, images in all).
    Raises:
        ValueError: nothing there that can be used, or more than a tenth of the files unreadable.
    """
    kind = kind_of(path)
    if kind == "array":
        return load_array(path, size, channels, progress)
    if kind == "idx":
        held = find_idx(path)
        assert held is not None
        return idx(held, size, channels)
    with find_images(path) as found:
        require(bool(found.items), "data", path, looked_for(found))
        packed = found.manifest
        size = size or (packed.size if packed else None)
        channels = channels or (packed.channels if packed else None)
        decoded = decode(found.items, size, channels, progress)
    skipped = tuple(Skipped(found.items[index].name, reason) for index, reason in sorted(decoded.bad.items()))
    _refuse_many(path, skipped, len(found.items))
    labels, classes = class_labels(found, decoded)
    images = torch.from_numpy(decoded.pixels).permute(0, 3, 1, 2)
    return Images(path.name or str(path), images, labels, classes, skipped=skipped)


def class_labels(found: Found, decoded: Decoded) -> tuple[Tensor | None, tuple[str, ...]]:
    """Labels (N,) of the images that could be read, and the names of those classes that still have any."""
    held = [found.items[index].label for index in decoded.good]
    classes = found.classes if found.manifest else tuple(name for name in found.classes if name in set(held))
    place = {name: label for label, name in enumerate(classes)}
    return (torch.tensor([place[str(label)] for label in held]), classes) if classes else (None, ())


def looked_for(found: Found) -> str:
    """What was expected of a folder or zip without images."""
    others = f" ({found.ignored} other files are there)" if found.ignored else ""
    return f"images, in it or its sub-folders, whose names end in {', '.join(SUFFIXES)}{others}"


def _refuse_many(path: Path, skipped: tuple[Skipped, ...], count: int) -> None:
    """Say which files were left out; stop if they are too many."""
    if not skipped:
        return
    first = ", ".join(f"{one.name} ({one.reason})" for one in skipped[:3]) + (", ..." if len(skipped) > 3 else "")
    told = f"{len(skipped)} of {count} images cannot be read"
    if len(skipped) > MOST_BAD * count:
        raise ValueError(f"data={path}: {told}: {first}\nAt most 10 % may be bad; see: saddle data check {path}")
    _log.warning("%s: %s and are skipped: %s", path, told, first)
