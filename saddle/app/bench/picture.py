"""The picture of a bench: a row of panels for each row of the table, a panel for each seed, what it generates in it."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from saddle.app.bench.scores import SEED, Scores
from saddle.app.compare.study import Entry, Study
from saddle.app.pictures import aside, grid, save_png
from saddle.app.runs import Run, rebuild
from saddle.app.scatter import FAKE, GREY, REAL, in_lines, new_figure, picture
from saddle.benchmarks.protocol import Protocol
from saddle.data import Dataset, Mixture
from saddle.game import sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

__all__ = ["save_picture"]

SEEDS = 10
"""Runs of a row that are shown."""
POINTS, IMAGES = 1000, 16
"""Samples in a panel."""

Draw = Callable[["Axes", "Tensor"], None]


def save_picture(
    study: Study, data: Dataset, protocol: Protocol, scores: Scores, lost: Mapping[Entry, str], path: Path
) -> bool:
    """Draw the runs that were scored, and write it as a PNG, whole or not at all.

    Returns:
        Whether there was anything to draw.
    """
    shown = [entry for entry in study.entries() if entry in lost or scores.values(entry) is not None]
    if not shown:
        return False
    across = min(SEEDS, max(sum(entry.arm == arm for entry in shown) for arm in study.arms))
    figure = new_figure(1.4 + 1.25 * across, 0.4 + 1.45 * len(study.arms), paper="white")
    panels, draw = figure.subplots(len(study.arms), across, squeeze=False), _drawer(data)
    for row, arm in zip(panels, study.arms, strict=True):
        row[0].set_ylabel(in_lines(arm.name, 20), color=GREY, fontsize=8, rotation=0, ha="right", va="center")
        own = [entry for entry in shown if entry.arm == arm][:across]
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            axes.set_facecolor("none")
        for axes, entry in zip(row, own, strict=False):
            _panel(axes, entry, protocol, scores, entry in lost, draw)
    save_png(picture(figure, dpi=110), path)
    return True


def _panel(axes: "Axes", entry: Entry, protocol: Protocol, scores: Scores, lost: bool, draw: Draw) -> None:
    values = scores.values(entry)
    modes = None if values is None else int(values["modes"])
    told = "diverged" if modes is None else f"{modes:,} mode{'s' * (modes != 1)}"
    axes.set_title(f"seed {entry.seed}: {told}", fontsize=6.5, color=GREY)
    if lost:
        return
    game = rebuild(Run.open(entry.run))
    with aside(game, SEED):
        x, _ = sample(game, POINTS if protocol.size is None else IMAGES, SEED)
    draw(axes, x)


def _drawer(data: Dataset) -> Draw:
    """How samples of such data are shown."""
    if not isinstance(data, Mixture):
        return _images
    if data.means.shape[1] == 2:
        return lambda axes, x: _plane(axes, x, data)
    return lambda axes, x: _shell(axes, x, data)


def _images(axes: "Axes", x: "Tensor") -> None:
    axes.imshow(grid(x, scale=1).convert("RGB"), interpolation="nearest")


def _plane(axes: "Axes", x: "Tensor", data: Mixture) -> None:
    """Points, and a circle of three deviations about each mean: large enough to be seen."""
    from matplotlib.collections import EllipseCollection

    low, high = float(data.means.min()), float(data.means.max())
    room = 0.18 * (high - low)
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room), aspect="equal")
    across = max(6 * data.sigma, 0.05 * (high - low))
    rings = EllipseCollection(
        [across], [across], [0.0], units="xy", offsets=data.means.numpy(), offset_transform=axes.transData,
        facecolors="none", edgecolors=REAL, linewidths=0.7,
    )  # fmt: skip
    axes.add_collection(rings)
    axes.scatter(x[:, 0].numpy(), x[:, 1].numpy(), s=1.5, color=FAKE, alpha=0.7, linewidths=0)


def _shell(axes: "Axes", x: "Tensor", data: Mixture) -> None:
    """In many dimensions: along the first axis of the means, and how far from the nearest of them."""
    centre = data.means.mean(0)
    axis = torch.linalg.svd(data.means - centre, full_matrices=False)[2][0]  # (d,)
    along, places = (x.double() - centre) @ axis, (data.means - centre) @ axis
    distance = torch.cdist(x.double(), data.means).min(1).values / data.sigma  # (N,)
    typical = math.sqrt(data.means.shape[1])
    axes.vlines(places.numpy(), 0, typical, color=REAL, linewidth=0.5, alpha=0.5)
    axes.axhline(typical, color=REAL, linewidth=0.7)  # where samples of a mode are
    axes.scatter(along.numpy(), distance.numpy(), s=1.5, color=FAKE, alpha=0.7, linewidths=0)
    low, high = float(places.min()), float(places.max())
    axes.set(xlim=(low - 0.1 * (high - low), high + 0.1 * (high - low)), ylim=(0, 2 * typical))
