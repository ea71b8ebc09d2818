"""Pictures of samples: grids of images, captioned rows, and what a game draws from one fixed z."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from saddle.app.scatter import scatter
from saddle.config import require
from saddle.data.dataset import Dataset, to_floats
from saddle.evaluation.side import to_bytes
from saddle.game import Game, Sampler, generate, latents
from saddle.writing import replacing

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

__all__ = [
    "aside",
    "draw",
    "grid",
    "labelled_grid",
    "nearest",
    "row_labels",
    "samples_by_label",
    "save_png",
    "single",
    "slerp",
]

GAP = 2
"""Pixels between two images of a grid, and around it."""
LINE = 96
"""Grey of those lines: it stands out from black digits and from white paper alike."""
LEGIBLE = 80
"""Images are enlarged by a whole factor until they are about as wide as this, in pixels."""
PAPER, INK = 255, 64
"""Greys of the margin that captions stand on, and of the captions."""


def grid(x: Tensor, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """Images side by side, row by row, with thin lines between them.

    Args:
        x: images (N, C, S, S) in [-1, 1], C 1 or 3; values beyond are clipped.
        columns: images in a row; by default ceil(sqrt(N)), which makes the grid nearly square.
        scale: each pixel becomes a square of so many; by default enough to make small images legible.
    Returns:
        An "L" or "RGB" picture; places of the last row that are left over have the lines' colour.

    >>> grid(torch.zeros(4, 1, 8, 8), scale=1).size  # 2 * 8 pixels and 3 lines of 2
    (22, 22)
    """
    require(x.ndim == 4 and x.numel() > 0 and x.shape[1] in (1, 3), "x", tuple(x.shape), "images (N, 1 or 3, S, S)")
    count, channels, height, width = x.shape
    columns = columns or math.ceil(math.sqrt(count))
    scale = scale or max(1, round(LEGIBLE / height))
    h, w = height * scale, width * scale
    rows = math.ceil(count / columns)
    canvas = torch.full((GAP + rows * (h + GAP), GAP + columns * (w + GAP), channels), LINE, dtype=torch.uint8)
    tiles = _bytes(x).repeat_interleave(scale, 2).repeat_interleave(scale, 3).permute(0, 2, 3, 1)  # (N, h, w, C)
    for i, tile in enumerate(tiles):
        top, left = GAP + i // columns * (h + GAP), GAP + i % columns * (w + GAP)
        canvas[top : top + h, left : left + w] = tile
    return Image.fromarray(canvas.squeeze(2).numpy())


def single(x: Tensor) -> Image.Image:
    """One image (C, S, S) in [-1, 1] as it is: no frame, no scaling, an "L" or "RGB" picture of S x S.

    >>> single(torch.zeros(3, 8, 8)).size
    (8, 8)
    """
    return Image.fromarray(_bytes(x).permute(1, 2, 0).squeeze(2).contiguous().numpy())


def labelled_grid(rows: Sequence[tuple[str, Tensor]], scale: int | None = None) -> Image.Image:
    """A row of images for each label, its caption on the left.

    Args:
        rows: captions and images (N, C, S, S) in [-1, 1]; rows may differ in N.
        scale: as in `grid`.
    """
    require(len(rows) > 0, "rows", len(rows), "1 or more captioned rows")
    pictures = [grid(x, columns=len(x), scale=scale) for _, x in rows]
    font = _font(max(11, min(18, pictures[0].height // 4)))
    captions = [caption if len(caption) <= 18 else caption[:17] + "…" for caption, _ in rows]
    margin = 12 + max(math.ceil(font.getlength(caption)) for caption in captions)
    width = margin + max(picture.width for picture in pictures)
    height = GAP + sum(picture.height - GAP for picture in pictures)  # neighbouring rows share a line
    page = Image.new(pictures[0].mode, (width, height), PAPER if pictures[0].mode == "L" else (PAPER,) * 3)
    pen, top = ImageDraw.Draw(page), 0
    for caption, picture in zip(captions, pictures, strict=True):
        page.paste(picture, (margin, top))
        ink = INK if page.mode == "L" else (INK,) * 3
        pen.text((margin - 6, top + picture.height // 2), caption, fill=ink, font=font, anchor="rm")
        top += picture.height - GAP
    return page


def draw(game: Game, dataset: Dataset, seed: int = 0, n: int = 64) -> Image.Image:
    """What the generator makes of one fixed z at this moment. Called over time, the pictures show how samples change.

    Images come in a grid, with a row per label where the game takes labels and the same z down each column. Points come
    with as many real ones, and on the line with the exact density where it is known.

    Args:
        game: is left as it was, bit for bit: weights, statistics, modes and random numbers.
        dataset: what it plays on.
        seed: of z.
        n: number of images; with labels about so many, at least 8 for each of up to 16 labels. Of points, 1000.
    Raises:
        ValueError: the game generates nothing.
    """
    rows = samples_by_label(game, dataset, seed, 1000 if dataset.spec.points else n)
    if dataset.spec.points:
        return _scatter(dataset, torch.cat([x for _, x in rows]), seed)
    return labelled_grid(rows) if len(rows) > 1 else grid(rows[0][1])


def samples_by_label(game: Game, dataset: Dataset, seed: int, n: int) -> list[tuple[str, Tensor]]:
    """About n samples, a captioned row for each label with the same z; without labels one row without a caption.

    Args:
        game: is left as it was, bit for bit.
        dataset: gives the labels' names.
        seed: of z.
        n: number of samples; with labels at least 8 for each of up to 16.
    Raises:
        ValueError: the game generates nothing.
    """
    if game.sampler is None:
        raise ValueError("sampler=None: expected a game that generates something")
    classes = min(game.sampler.classes, 16)
    each = max(8, n // classes) if classes else n
    z = latents(game, each, seed)
    with aside(game, seed):
        if not classes:
            return [("", generate(game, z))]
        y = torch.arange(classes).repeat_interleave(each)
        x = generate(game, z.repeat(classes, *[1] * (z.ndim - 1)), y)
    return list(zip(row_labels(dataset, game.sampler)[:classes], x.chunk(classes), strict=True))


@contextmanager
def aside(game: Game, seed: int) -> Iterator[None]:
    """Torch's own random numbers start from ``seed`` within, and go on afterwards as if nothing had been drawn.

    A generator that adds noise of its own draws the same each time, and training is not disturbed.
    """
    devices = [game.device] if game.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield


def row_labels(dataset: Dataset, sampler: Sampler) -> list[str]:
    """Captions of the labels that a game is asked for: the data's names of them, or numbers where there are none."""
    names = () if sampler.own_labels else dataset.spec.class_names
    return list(names) or [str(k) for k in range(sampler.classes)]


def slerp(z0: Tensor, z1: Tensor, steps: int) -> Tensor:
    r"""Spherical interpolation: from z0 to z1 on an arc, lengths changing evenly in their logarithm.

    z(t) = |z0|^{1-t} |z1|^t [sin((1-t) w) u0 + sin(t w) u1] / sin(w) with unit vectors u and w the angle between them.
    Gaussian z of d dimensions have length about sqrt(d); a straight line would cut through lengths never trained on.

    Args:
        z0: start (d,), not 0.
        z1: end (d,), not 0 and not opposite to z0.
        steps: number of rows, 2 or more; both ends are among them.
    Returns:
        (steps, d).
    Source: White 2016, arXiv:1609.04468.

    >>> slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3)
    tensor([[1.0000, 0.0000],
            [0.7071, 0.7071],
            [0.0000, 1.0000]])
    """
    require(steps >= 2, "steps", steps, "2 or more steps")
    n0, n1 = z0.norm(), z1.norm()
    require(bool(n0 > 0 and n1 > 0), "z", (float(n0), float(n1)), "two vectors of length above 0")
    u0, u1 = z0 / n0, z1 / n1
    t = torch.linspace(0, 1, steps, dtype=z0.dtype, device=z0.device)[:, None]  # (steps, 1)
    angle = 2 * torch.atan2((u0 - u1).norm(), (u0 + u1).norm())  # exact for small angles too, where arccos is not
    length = n0 ** (1 - t) * n1**t
    if float(angle.sin()) < 1e-6:
        require(float(angle) < 1, "z", "opposite vectors", "two vectors that are not opposite: no arc is the shortest")
        return length * ((1 - t) * u0 + t * u1)  # nearly parallel: the arc of directions is a line
    z = length * (torch.sin((1 - t) * angle) * u0 + torch.sin(t * angle) * u1) / angle.sin()
    z[0], z[-1] = z0, z1
    return z  # (steps, d)


def nearest(fake: Tensor, real: Tensor, chunk: int = 4096) -> Tensor:
    """For each generated image the place of the training image nearest to it, in Euclidean distance of the pixels.

    Args:
        fake: (N, C, S, S) in [-1, 1].
        real: training images as bytes, uint8 (M, C, S, S), M >= 1.
        chunk: training images compared at a time.
    Returns:
        (N,) int64 in [0, M).
    """
    x = fake.flatten(1)  # (N, d)
    best, place = torch.full((len(x),), math.inf), torch.zeros(len(x), dtype=torch.int64)
    for start in range(0, len(real), chunk):
        r = to_floats(real[start : start + chunk]).flatten(1)  # (m, d)
        distance, index = (r.square().sum(1) - 2 * x @ r.T).min(1)  # |x - r|² less |x|², which is the same for all r
        closer = distance < best
        best, place = torch.where(closer, distance, best), torch.where(closer, start + index, place)
    return place


def save_png(image: Image.Image, path: Path) -> None:
    """Write a picture as PNG, whole or not at all; the folder is made if it does not exist."""
    with replacing(path) as part:
        image.save(part, format="PNG", optimize=True)


def _bytes(x: Tensor) -> Tensor:
    return to_bytes(x.detach().cpu().float().nan_to_num(0.0).clamp(-1, 1))


def _scatter(dataset: Dataset, fake: Tensor, seed: int) -> Image.Image:
    real = dataset.sample(len(fake), torch.Generator().manual_seed(seed)).x
    exact = getattr(dataset, "log_density", None) if dataset.spec.channels == 1 else None
    return scatter(real, fake, exact)


def _font(size: int) -> "FreeTypeFont":
    import matplotlib  # carries a font with Latin, Greek and Cyrillic letters

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
