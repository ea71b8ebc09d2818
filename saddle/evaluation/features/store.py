"""Features kept in the user's cache folder from one run to the next.

A file is named by what was looked at (the content of the images) and by what looked (the extractor's key), is written
whole or not at all, and carries a checksum. So several processes may use one folder, a damaged file is as good as none,
and a folder that cannot be written, or is full, costs time and nothing else.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from saddle.data.cache import cache_folder
from saddle.game.checkpoint import Damaged, read, write

__all__ = ["Store", "cache_folder", "load_kept", "try_keep"]

MOST_BYTES = 2 * 2**30
"""What the features of all runs may take, in bytes; the longest unused go first."""

DAY = 24 * 60 * 60.0


class Store:
    """Tensors by a text that says what they are.

    Args:
        folder: is made when something is first kept; by default ``features`` in the `cache_folder`.
        most_bytes: what all files together may take.
    """

    def __init__(self, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder if folder is not None else cache_folder() / "features"
        self.most_bytes = most_bytes

    def path(self, key: str) -> Path:
        """The file that holds what ``key`` says, or would."""
        key = f"{key} torch={torch.__version__}"  # another version may round otherwise
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.safetensors"

    def get(self, key: str) -> dict[str, Tensor] | None:
        """What was kept under the key; None if nothing was, or it is damaged."""
        path = self.path(key)
        found = load_kept(path)
        if found is not None:
            _touch(path)
        return found

    def put(self, key: str, tensors: Mapping[str, Tensor]) -> None:
        """Keep tensors, and drop the longest unused files where all would take too much; never fails."""
        size = sum(value.numel() * value.element_size() for value in tensors.values())
        if size <= self.most_bytes and try_keep(self.path(key), tensors):
            self._tidy()

    def _tidy(self) -> None:
        room = self.most_bytes
        for _, size, path in sorted(_seen(self.folder, "*.safetensors"), reverse=True):  # the newest first
            room -= size
            if room < 0:
                _drop(path)
        for last, _, path in _seen(self.folder, ".*.part"):
            if time.time() - last > DAY:  # of a process that was killed while it wrote
                _drop(path)


def load_kept(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a file that `try_keep` wrote; None if it is not there or not whole."""
    try:
        return read(path)[0] if path.is_file() else None
    except (Damaged, ValueError, OSError):
        _drop(path)
        return None


def try_keep(path: Path, tensors: Mapping[str, Tensor]) -> bool:
    """Write tensors into a cache file, whole or not at all; warns, once a folder, where that cannot be done."""
    try:
        write(path, tensors, {"format": 1})
    except OSError as error:
        if path.parent not in _told:
            _told.add(path.parent)
            warnings.warn(
                f"cache={path.parent}: cannot be written ({error.strerror}), so nothing is kept for the next run; "
                "SADDLE_CACHE names another folder",
                stacklevel=2,
            )
        return False
    return True


_told: set[Path] = set()


def _seen(folder: Path, pattern: str) -> Iterator[tuple[float, int, Path]]:
    """Last use, bytes and path of the files in a folder."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process dropped it
            status = path.stat()
            yield status.st_mtime, status.st_size, path


def _touch(path: Path) -> None:
    with suppress(OSError):  # read-only, or dropped by another process: then it is just not the newest
        os.utime(path)


def _drop(path: Path) -> None:
    with suppress(OSError):  # gone already, or read-only
        path.unlink()
