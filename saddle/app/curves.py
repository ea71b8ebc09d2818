"""Curves: every logged term over the images seen, and the critic's output on real and generated samples."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saddle.app.scatter import FAKE, GREY, REAL, new_figure, tidy
from saddle.writing import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "panels",
    "save_curves",
    "save_score_curves",
    "score_curves",
    "score_histograms",
    "smooth",
    "svg",
    "term_curves",
]

Row = Mapping[str, Any]
Array = NDArray[np.float64]
PLACE = ("round", "images", "seconds")
"""Keys of a log line that say where it stands; all others are terms."""
COLUMNS = 3


def panels(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """What is plotted where: a title and the terms of each panel, players in the order in which they appear.

    A player's loss on real and on fake samples share a panel, because they are one loss's two halves.

    >>> panels([{"round": 1, "D.real": 0.7, "D.fake": 0.7, "G.adversarial": 0.7}])
    [('D: real and fake', ['D.real', 'D.fake']), ('G: adversarial', ['G.adversarial'])]
    """
    names = list(dict.fromkeys(k for row in rows for k, value in row.items() if k not in PLACE and _is_number(value)))
    players = list(dict.fromkeys(name.partition(".")[0] for name in names))
    found = []
    for player in players:
        own = [name for name in names if name.partition(".")[0] == player]
        pair = [f"{player}.real", f"{player}.fake"]
        if set(pair) <= set(own):
            found.append((f"{player}: real and fake", pair))
            own = [name for name in own if name not in pair]
        found += [(name.replace(".", ": ", 1), [name]) for name in own]
    return found


def smooth(values: Array, width: int) -> Array:
    """The mean of each value and of up to ``width`` on either side; fewer near the ends.

    >>> smooth(np.array([0.0, 3.0, 0.0, 3.0]), 1).tolist()
    [1.5, 1.0, 2.0, 1.5]
    """
    total = np.concatenate([[0.0], np.cumsum(values)])  # (n + 1,)
    place = np.arange(len(values))
    first, last = np.maximum(place - width, 0), np.minimum(place + width + 1, len(values))
    return (total[last] - total[first]) / (last - first)


def term_curves(rows: Sequence[Row], paper: str = "none") -> "Figure":
    """A panel for each term, a player's on lines of their own: the raw values faint, their running mean strong.

    Args:
        rows: lines of log.jsonl; a term may be missing from some, and values that are not finite are left out.
        paper: colour of the background; none lets a page's own show through.
    """
    places = _places(panels(rows))
    columns = 1 + max((column for _, column, _, _ in places), default=0)
    lines = 1 + max((line for line, _, _, _ in places), default=0)
    figure = new_figure(10.5, 2.5 * lines, paper)
    for line, column, title, names in places:
        axes = figure.add_subplot(lines, columns, 1 + line * columns + column)
        _panel(axes, title, [(name, *_series(rows, name)) for name in names])
        if line == lines - 1:
            axes.set_xlabel("real samples seen", color=GREY, fontsize=8)
    return figure


def save_curves(rows: Sequence[Row], path: Path) -> None:
    """Write `term_curves` as a PNG on white, whole or not at all."""
    _save(term_curves(rows, paper="white"), path)


def _save(figure: "Figure", path: Path) -> None:
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=130)


def score_curves(rows: Sequence[Row], paper: str = "none") -> "Figure":
    """FID, KID, precision and recall, density and coverage over the images seen: lines of scores.jsonl."""
    features = rows[-1].get("features", "") if rows else ""
    plots = [("FID", ["fid"]), ("KID", ["kid"]), ("precision, recall", ["precision", "recall"])]
    plots.append(("density, coverage", ["density", "coverage"]))
    figure = new_figure(10.5, 2.5, paper)
    for place, (title, names) in enumerate(plots, 1):
        axes = figure.add_subplot(1, len(plots), place)
        series = [(f"quality.{name}", *_series(rows, name)) for name in names]
        _panel(axes, f"{title} [{features}]" if place == 1 else title, series)
        axes.set_xlabel("real samples seen", color=GREY, fontsize=8)
    return figure


def save_score_curves(rows: Sequence[Row], path: Path) -> None:
    """Write `score_curves` as a PNG on white, whole or not at all."""
    _save(score_curves(rows, paper="white"), path)


def score_histograms(real: Tensor, fake: Tensor) -> "Figure":
    """The critic's output on real samples (M,), D(x), and on generated ones (N,), D(G(z)), over the same bins."""
    figure = new_figure(5.2, 3.4)
    axes = figure.add_subplot()
    tidy(axes)
    both = torch.cat([real, fake])
    both = both[both.isfinite()].double()
    if len(both):
        low, high = (float(both.quantile(q)) for q in (0.002, 0.998))
        if high - low < 1e-9:
            low, high = low - 0.5, high + 0.5
        bins = np.linspace(low, high, 41)
        for name, values, colour in (("D(x), real", real, REAL), ("D(G(z)), generated", fake, FAKE)):
            heights, _ = np.histogram(
                values.double().numpy().clip(low, high), bins
            )  # the end bins hold what lies beyond
            axes.stairs(heights / max(1, len(values)), bins, fill=True, color=colour, alpha=0.55, label=name)
        axes.legend(frameon=False, labelcolor=GREY, fontsize=9)
    axes.set_xlabel("critic's output", color=GREY, fontsize=9)
    axes.set_ylabel("share of samples", color=GREY, fontsize=9)
    return figure


def svg(figure: "Figure") -> bytes:
    """The figure as SVG without a date, so that equal figures are equal bytes but for their ids."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _places(plots: Sequence[tuple[str, list[str]]]) -> list[tuple[int, int, str, list[str]]]:
    """Line and column of each panel: a new line for a new player, and after so many columns."""
    found: list[tuple[int, int, str, list[str]]] = []
    line, column, before = 0, -1, None
    for title, names in plots:
        player = names[0].partition(".")[0]
        column += 1
        if found and (player != before or column == COLUMNS):
            line, column = line + 1, 0
        found.append((line, column, title, names))
        before = player
    return found


def _series(rows: Sequence[Row], name: str) -> tuple[Array, Array]:
    found = [(row["images"], row[name]) for row in rows if _is_number(row.get("images")) and _is_number(row.get(name))]
    x, y = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return x, y


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _panel(axes: "Axes", title: str, series: Sequence[tuple[str, Array, Array]]) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    tidy(axes)
    axes.set_title(title, fontsize=9.5, loc="left", color=GREY)
    colours = (REAL, FAKE) if len(series) > 1 else (REAL if title.startswith("D") else FAKE,)
    for (name, x, y), colour in zip(series, colours, strict=True):
        thin = slice(None, None, math.ceil(len(x) / 800) or 1)
        axes.plot(x[thin], y[thin], color=colour, alpha=0.25, linewidth=0.8)
        running = smooth(y, len(y) // 60)
        axes.plot(x[thin], running[thin], color=colour, linewidth=1.6, label=name.partition(".")[2])
    values = np.concatenate([y for _, _, y in series])
    if len(values):
        _frame(axes, values, may_be_log=len(series) == 1)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=8, labelcolor=GREY)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _frame(axes: "Axes", values: Array, may_be_log: bool) -> None:
    """A window on all but the most extreme values: one spike at the start must not flatten the rest."""
    low, high = np.quantile(values, [0.005, 0.995])
    if may_be_log and low > 0 and high / low > 30:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.3, high * 1.3)
    elif high > low:
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
