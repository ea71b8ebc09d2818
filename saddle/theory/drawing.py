"""How the labs' pictures look: colours, axes, legends, distributions on the line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "CRITIC", "DYNAMICS_COLOURS", "FAKE", "GREY", "INK", "REAL", "legend", "mark", "tidy", "titles"]

REAL, FAKE, CRITIC = "#3a7ca5", "#e07a3f", "#7a5195"
"""Real and generated samples, and what the critic says of them: the first two as in every plot of a run."""
GREY, INK = "#808080", "#30343b"
"""Axes and guide lines; letters."""
COLOURS = (REAL, FAKE, CRITIC, "#4f9d69", "#c44e52", "#8c8c8c", "#b58900", "#17889b", "#30343b")
"""Curves that stand side by side, in order."""
DYNAMICS_COLOURS: Mapping[str, str] = {
    "simultaneous": "#c44e52",
    "alternating": REAL,
    "extragradient": "#4f9d69",
    "optimistic": "#b58900",
    "consensus": CRITIC,
    "negative momentum": "#17889b",
}
"""One colour for each way of playing, the same in all labs."""


def tidy(axes: "Axes", title: str = "", x: str = "", y: str = "", **limits: Any) -> "Axes":
    """Two quiet axes, a title to the left, names of both sides; ``limits`` go to ``axes.set``."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(which="both", colors=GREY, labelsize=8.5)
    axes.set_title(title, loc="left", fontsize=10.5, color=INK)
    axes.set_xlabel(x, color=INK, fontsize=9.5)
    axes.set_ylabel(y, color=INK, fontsize=9.5)
    axes.set(**limits)
    return axes


def legend(axes: "Axes", where: str = "best", **options: Any) -> None:
    """The names of the curves, without a box."""
    given: dict[str, Any] = {"loc": where, "frameon": False, "labelcolor": INK, "fontsize": 8.5} | options
    axes.legend(**given)


def mark(axes: "Axes", x: float, y: float, text: str = "", **options: Any) -> None:
    """A black cross at an equilibrium, and its name."""
    axes.plot([x], [y], marker="+", color="black", markersize=9, markeredgewidth=1.6, linestyle="none", zorder=5)
    if text:
        given: dict[str, Any] = {
            "xytext": (6, 6),
            "textcoords": "offset points",
            "fontsize": 8.5,
            "color": INK,
        } | options
        axes.annotate(text, (x, y), **given)


def titles(figure: Any, text: str) -> None:
    """The picture's own title."""
    figure.suptitle(text, x=0.012, ha="left", fontsize=13, color=INK)
