"""Pictures of points: a histogram on the line, a scatter plot in the plane, principal axes beyond."""

import io
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from saddle.config import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FAKE", "GREY", "REAL", "in_lines", "new_figure", "picture", "scatter", "tidy"]

REAL, FAKE = "#3a7ca5", "#e07a3f"
"""Colours of real and of generated samples in every plot; told apart by colour-blind eyes too."""
GREY = "#808080"
"""Of axes and letters: legible on white and on black paper."""

LogDensity = Callable[[Tensor], Tensor]


def scatter(real: Tensor, fake: Tensor, log_density: LogDensity | None = None) -> Image.Image:
    """Generated points among real ones. The window follows the real points alone, so that pictures over time compare.

    Args:
        real: (M, d), M >= 2.
        fake: (N, d). With d = 1 they are shown as a histogram, with d > 2 on the real points' two principal axes.
        log_density: x (K, d) -> exact log p(x) (K,) in nats, for d = 1 (a curve) or 2 (contours at 1, 2 and 3 sigma of
            a Gaussian mode).
    """
    fits = real.ndim == 2 and fake.ndim == 2 and real.shape[1] == fake.shape[1] and len(real) >= 2
    require(fits, "points", (tuple(real.shape), tuple(fake.shape)), "real (M, d), M >= 2, and generated (N, d)")
    figure = new_figure(6.4, 4.0 if real.shape[1] == 1 else 6.4, paper="white")
    axes = figure.add_subplot()
    tidy(axes)
    if real.shape[1] == 1:
        _line(axes, real[:, 0], fake[:, 0], log_density)
    else:
        if real.shape[1] > 2:
            real, fake = _principal(real, fake)
            log_density = None
        _plane(axes, real, fake, log_density)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        frameon=False,
        labelcolor=GREY,
        fontsize=9,
        markerscale=2.5,
    )  # above the plot, where it covers no point
    return picture(figure)


def new_figure(width: float, height: float, paper: str = "none") -> "Figure":
    """An empty figure of so many inches, without pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), facecolor=paper, layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1))
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: "Axes") -> None:
    """Grey axes on two sides only, no paper of their own."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(which="both", colors=GREY, labelsize=8)


def in_lines(name: str, across: int) -> str:
    """A row's or a curve's name in at most five lines: cut at its end it would lose what tells it apart, its flags.

    Args:
        name: of a recipe, and flags.
        across: letters in a line.

    >>> print(in_lines("r3gan --gamma 0.1 --rounds 500", 20))
    r3gan --gamma 0.1
    --rounds 500
    """
    return textwrap.fill(name, across, max_lines=5, placeholder=" …")


def picture(figure: "Figure", dpi: int = 110) -> Image.Image:
    """The figure as a picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return Image.open(buffer).convert("RGB")


def _window(real: Tensor) -> tuple[float, float]:
    low, high = float(real.min()), float(real.max())
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def _line(axes: "Axes", real: Tensor, fake: Tensor, log_density: LogDensity | None) -> None:
    low, high = _window(real)
    edges = torch.linspace(low, high, 61)
    inside = fake[(fake >= low) & (fake <= high)]
    share = torch.histogram(inside.float(), edges).hist / max(1, len(fake)) / (edges[1] - edges[0])
    axes.bar(
        edges[:-1].numpy(), share.numpy(), (high - low) / 60, align="edge", color=FAKE, alpha=0.75, label="generated"
    )
    if log_density is None:
        axes.hist(real.numpy(), edges.tolist(), density=True, histtype="step", color=REAL, linewidth=1.6, label="real")
    else:
        x = torch.linspace(low, high, 400)
        axes.plot(x.numpy(), log_density(x[:, None]).exp().numpy(), color=REAL, linewidth=1.8, label="exact density")
    axes.set_xlim(low, high)
    axes.set_ylabel("density", color=GREY)
    _tell_outside(axes, len(fake) - len(inside))


def _plane(axes: "Axes", real: Tensor, fake: Tensor, log_density: LogDensity | None) -> None:
    (left, right), (bottom, top) = _window(real[:, 0]), _window(real[:, 1])
    half = max(right - left, top - bottom) / 2  # a square window: distances mean the same both ways
    x, y = (left + right) / 2, (bottom + top) / 2
    axes.scatter(real[:, 0].numpy(), real[:, 1].numpy(), s=4, color=REAL, alpha=0.45, linewidths=0, label="real")
    axes.scatter(fake[:, 0].numpy(), fake[:, 1].numpy(), s=7, color=FAKE, alpha=0.85, linewidths=0, label="generated")
    if log_density is not None:
        _contours(axes, torch.linspace(x - half, x + half, 200), torch.linspace(y - half, y + half, 200), log_density)
    axes.set(xlim=(x - half, x + half), ylim=(y - half, y + half), aspect="equal")
    outside = ((fake - torch.tensor([x, y])).abs() > half).any(1)
    _tell_outside(axes, int(outside.sum()))


def _contours(axes: "Axes", x: Tensor, y: Tensor, log_density: LogDensity) -> None:
    second, first = torch.meshgrid(y, x, indexing="ij")
    log_p = log_density(torch.stack([first.flatten(), second.flatten()], 1)).reshape(first.shape)
    levels = [float(log_p.max()) - k * k / 2 for k in (3, 2, 1)]
    axes.contour(x.numpy(), y.numpy(), log_p.numpy(), levels, colors=GREY, linewidths=0.8, linestyles="solid")


def _tell_outside(axes: "Axes", count: int) -> None:
    if count:
        axes.text(
            0.0, 1.01, f"{count} generated outside", transform=axes.transAxes, va="bottom", color=FAKE, fontsize=9
        )


def _principal(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    centre = real.mean(0)
    _, _, axes = torch.linalg.svd(real - centre, full_matrices=False)  # (min(M, d), d)
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()  # a sign that does not change between pictures
    axes = (axes * signs)[:2].T
    return (real - centre) @ axes, (fake - centre) @ axes
