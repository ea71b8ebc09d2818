"""The user's cache folder: where what took time to make is kept for the next time."""

import os
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saddle.writing import replacing

__all__ = ["cache_folder", "keep_array", "kept_array"]


def cache_folder() -> Path:
    """``$SADDLE_CACHE``, or saddle's folder among the user's caches."""
    if folder := os.environ.get("SADDLE_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "saddle"


def kept_array(path: Path) -> NDArray[np.uint8] | None:
    """The bytes that `keep_array` wrote; None if they are not there or damaged, which their checksum shows."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            held = archive["x"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error):
        return None
    return held if held.dtype == np.uint8 else None


def keep_array(path: Path, x: NDArray[np.uint8]) -> None:
    """Write bytes into a cache file, whole or not at all; where that cannot be done, a warning is all that happens."""
    try:
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(file, x=x)
    except OSError as error:
        warnings.warn(
            f"cache={path.parent}: cannot be written ({error.strerror}), so nothing is kept for the next run; "
            "SADDLE_CACHE names another folder",
            stacklevel=2,
        )
