"""The picture of a study: measures with every seed as a dot, curves with bands, and a row of samples an arm."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from saddle.app.compare.scores import SEED, Scores, columns
from saddle.app.compare.statistics import summary
from saddle.app.compare.study import Arm, Entry, Study
from saddle.app.pictures import grid, save_png
from saddle.app.runs import Run, rebuild
from saddle.app.scatter import FAKE, GREY, REAL, in_lines, new_figure, picture, tidy
from saddle.game import sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from saddle.data import Dataset

__all__ = ["band", "save_picture"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A900", "#000000")
"""Okabe and Ito's, which colour-blind eyes tell apart; used again beyond eight arms."""
CURVES = ("kid", "fid", "precision", "recall")
"""What is drawn over time, of the lines of scores.jsonl."""
ACROSS = {"budget": ("seconds", "seconds trained"), "rounds": ("round", "rounds"), "images": ("images", "images seen")}
"""The horizontal axis of curves, by the target."""
SEEDS = 5
"""Runs of an arm whose points are shown."""
IMAGES = 12
"""Images of an arm that are shown."""

Array = NDArray[np.float64]


def save_picture(study: Study, data: "Dataset", scores: Scores, finished: Sequence[Entry], path: Path) -> None:
    """Draw the finished runs of a study, and write it as a PNG, whole or not at all."""
    shown = [column for column in columns(study.measures) if column != "density"][:6]
    curves = any(len(Run.open(entry.run).scores()) > 1 for entry in finished)
    tall = 0.9 if study.size is not None else 1.9
    lines = max(_label(arm).count("\n") + 1 for arm in study.arms)
    heights = [1.0 + (0.14 + 0.14 * lines) * len(study.arms), 2.3 if curves else 0.01, tall * len(study.arms)]
    figure = new_figure(11, sum(heights), paper="white")
    top, middle, bottom = figure.subfigures(3, 1, squeeze=False, height_ratios=heights)[:, 0]
    _dots(top, study, scores, shown)
    if curves:
        _curves(middle, study, finished)
    _samples(bottom, study, data, finished)
    save_png(picture(figure, dpi=90), path)


def band(curves: Sequence[tuple[Array, Array]], points: int = 40) -> tuple[Array, Array, Array | None]:
    """Mean over curves, and its standard error, where all of them are.

    Args:
        curves: x (n,), rising, and y (n,) of each; n may differ. Between two points a curve is a line.
        points: places to look at.
    Returns:
        x (points,), mean (points,), standard error (points,) or None of a single curve.

    >>> x, mean, error = band([(np.array([0.0, 2.0]), np.array([0.0, 2.0])), (np.array([0.0, 2.0]), np.zeros(2))], 3)
    >>> mean.tolist(), error.tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.5, 1.0])
    """
    x = np.linspace(max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves), points)
    y = np.stack([np.interp(x, own, values) for own, values in curves])  # (K, points)
    error = y.std(0, ddof=1) / np.sqrt(len(y)) if len(y) > 1 else None
    return x, y.mean(0), error


def _label(arm: Arm) -> str:
    return in_lines(arm.name, 26)


def _colour(study: Study, arm: int) -> str:
    return COLOURS[arm % len(COLOURS)]


def _dots(place: "SubFigure", study: Study, scores: Scores, shown: Sequence[str]) -> None:
    """A panel a measure: each seed's value, and a bar at the mean with its standard error."""
    for panel, (axes, column) in enumerate(zip(np.ravel(place.subplots(1, len(shown))), shown, strict=True)):
        tidy(axes)
        axes.set_title(column, fontsize=9.5, loc="left", color=GREY)
        for i, arm in enumerate(study.arms):
            found = [scores.value(entry, column) for entry in study.entries() if entry.arm == arm]
            values = [value for value in found if value is not None]
            mean, error = summary(values)
            if mean is None:
                continue
            colour = _colour(study, i)
            axes.plot(values, [i] * len(values), "o", color=colour, alpha=0.45, markersize=4.5, markeredgewidth=0)
            axes.errorbar(mean, i, xerr=error or None, color=colour, marker="|", markersize=13, elinewidth=1.6)
        axes.set_ylim(len(study.arms) - 0.5, -0.5)
        axes.set_yticks(range(len(study.arms)), [_label(arm) for arm in study.arms] if panel == 0 else [])
        axes.locator_params(axis="x", nbins=4)


def _curves(place: "SubFigure", study: Study, finished: Sequence[Entry]) -> None:
    """A panel a measure: the mean over seeds through time, within a band of its standard error."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    key, words = ACROSS[next(iter(study.target))]
    panels = np.ravel(place.subplots(1, len(CURVES)))
    for i, arm in enumerate(study.arms):
        logs = [Run.open(entry.run).scores() for entry in finished if entry.arm == arm]
        logs = [rows for rows in logs if len(rows) > 1]
        for axes, column in zip(panels, CURVES, strict=True):
            curves = [_curve(rows, key, column) for rows in logs]
            if curves:
                _draw_band(axes, *band(curves), _colour(study, i), _label(arm))
    for axes, column in zip(panels, CURVES, strict=True):
        tidy(axes)
        axes.set_title(column, fontsize=9.5, loc="left", color=GREY)
        axes.set_xlabel(words, color=GREY, fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        bottom, _ = axes.get_ylim()
        if column == "fid" and bottom > 0 and axes.dataLim.y1 > 30 * axes.dataLim.y0 > 0:
            axes.set_yscale("log")
    panels[0].legend(frameon=False, fontsize=8, labelcolor=GREY)


def _curve(rows: Sequence[Mapping[str, Any]], key: str, column: str) -> tuple[Array, Array]:
    x, y = ([float(row[name]) for row in rows] for name in (key, column))
    return np.array(x), np.array(y)


def _draw_band(axes: "Axes", x: Array, mean: Array, error: Array | None, colour: str, label: str) -> None:
    axes.plot(x, mean, color=colour, linewidth=1.6, label=label)
    if error is not None:
        axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)


def _samples(place: "SubFigure", study: Study, data: "Dataset", finished: Sequence[Entry]) -> None:
    """A row an arm: images of its first finished run, or points of its first few."""
    across = 1 if study.size is not None else SEEDS
    panels = place.subplots(len(study.arms), across, squeeze=False)
    for row, arm in zip(panels, study.arms, strict=True):
        row[0].set_ylabel(_label(arm), color=GREY, fontsize=8.5, rotation=0, ha="right", va="center")
        own = [entry for entry in finished if entry.arm == arm][:across]
        for axes, entry in zip(row, own, strict=False):
            _panel(axes, data, entry)
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.set_facecolor("none")


def _panel(axes: "Axes", data: "Dataset", entry: Entry) -> None:
    game = rebuild(Run.open(entry.run))
    if not data.spec.points:
        x, _ = sample(game, IMAGES, SEED)
        axes.imshow(grid(x, columns=IMAGES).convert("RGB"))
        return
    axes.set_title(f"seed {entry.seed}", fontsize=8, color=GREY)
    real = data.sample(500, torch.Generator().manual_seed(SEED)).x
    fake, _ = sample(game, 500, SEED)
    if real.shape[1] == 1:
        for x, colour in ((real, REAL), (fake, FAKE)):
            axes.hist(x[:, 0].numpy(), bins=50, color=colour, alpha=0.5)
        return
    for x, colour in ((real, REAL), (fake, FAKE)):  # beyond the plane the first two dimensions
        axes.scatter(x[:, 0].numpy(), x[:, 1].numpy(), s=2, color=colour, alpha=0.6, linewidths=0)
    low, high = float(real[:, :2].min()), float(real[:, :2].max())
    room = 0.15 * (high - low)
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room), aspect="equal")
