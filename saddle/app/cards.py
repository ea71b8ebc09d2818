"""A scorecard as a picture: samples of both sides beside the table of measures."""

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from torch import Tensor

from saddle.app.pictures import grid, save_png
from saddle.data.dataset import to_floats
from saddle.evaluation.card import Scorecard
from saddle.evaluation.result import Interval, Result
from saddle.evaluation.table import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_card", "reading", "save_card", "save_pictures", "spell", "spell_interval"]

BETTER = {"up": "higher is better", "down": "lower is better", "target": "nearest is best"}


def spell(value: float | None) -> str:
    """A value in at most five digits.

    >>> spell(0.012345678), spell(1234567.0), spell(float("inf"))
    ('0.01235', '1.235e+06', 'infinite')
    """
    if value is None or not math.isfinite(value):
        return "infinite"
    return f"{value:.4g}"


def spell_interval(interval: Interval | None) -> str:
    """The two ends of an interval, or nothing.

    >>> spell_interval((0.25, 0.5))
    '0.25 to 0.5'
    """
    return "" if interval is None else f"{spell(interval[0])} to {spell(interval[1])}"


def save_card(card: Scorecard, path: Path) -> None:
    """Write `draw_card` as a PNG, whole or not at all."""
    save_png(draw_card(card), path)


def save_pictures(card: Scorecard, folder: Path) -> list[Path]:
    """Write the measures' own pictures into a folder as MEASURE-PICTURE.png."""
    paths = []
    for measure, result in card.results.items():
        for name, pixels in result.pictures.items():
            paths.append(folder / f"{measure}-{name}.png")
            save_png(Image.fromarray(pixels.numpy()), paths[-1])
    return paths


def draw_card(card: Scorecard) -> Image.Image:
    """Samples of both sides, and each measure with its interval on its own scale."""
    from matplotlib.figure import Figure

    rows = max(9, len(card.results))
    figure = Figure(figsize=(12, 1.4 + 0.5 * rows), dpi=110, facecolor="white", layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2.2), squeeze=False)[0]
    for axes, (name, samples) in zip(left.subplots(2, 1), card.looks.items(), strict=True):
        _samples(axes, samples, getattr(card.context, name))
    _table(right.subplots(), card)
    c = card.context
    sides = f"{c.fake} ({c.n_fake:,}) against {c.real} ({c.n_real:,})"
    figure.suptitle(f"{sides}  ·  features {c.features}, resize {c.resize}, seed {c.seed}", fontsize=9)
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return Image.open(held).convert("RGB")


def _samples(axes: "Axes", x: Tensor, name: str) -> None:
    axes.set_title(name, fontsize=8)
    if x.ndim == 4:
        axes.imshow(grid(to_floats(x)).convert("RGB"))
        axes.axis("off")
    elif x.shape[1] == 1:
        axes.hist(x[:, 0].numpy(), bins=60, color="tab:blue")
    else:
        axes.scatter(x[:, 0].numpy(), x[:, 1].numpy(), s=2, alpha=0.5)
        axes.set_aspect("equal", "datalim")
        if x.shape[1] > 2:
            axes.set_xlabel(f"first two of {x.shape[1]} dimensions", fontsize=7)
    axes.tick_params(labelsize=6)


def _table(axes: "Axes", card: Scorecard) -> None:
    axes.axis("off")
    axes.set(xlim=(0, 1), ylim=(len(card.results), -1))
    for column, title in ((0.0, "measure"), (0.26, "value"), (0.37, "95 % interval"), (0.57, "how to read it")):
        axes.text(column, -0.5, title, fontsize=9, weight="bold", va="center")
    for row, (name, result) in enumerate(card.results.items()):
        measure = MEASURES[name]
        axes.axhline(row, color="0.9", lw=0.6)
        axes.text(0.0, row + 0.5, name, fontsize=9, va="center")
        axes.text(0.26, row + 0.5, spell(result.value), fontsize=9, va="center", weight="bold")
        axes.text(0.37, row + 0.5, spell_interval(result.interval), fontsize=8, va="center", color="0.3")
        ideal = "" if measure.ideal is None else f", best {measure.ideal:g}"
        axes.text(0.57, row + 0.3, BETTER[measure.direction] + ideal, fontsize=7.5, va="center", color="0.2")
        axes.text(0.57, row + 0.72, _short(reading(name, result)), fontsize=6.5, va="center", color="0.45")


def reading(name: str, result: Result) -> str:
    """How to read a result: its own verdict in words, where the measure gives one, else what its kind of value says."""
    return str(result.details.get("verdict", MEASURES[name].reading))


def _short(text: str, most: int = 72) -> str:
    return text if len(text) <= most else text[: most - 1].rsplit(" ", 1)[0] + " …"
