"""What a lab hands back: its numbers, what they show, and its picture, still or moving."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Lab"]

Draw = Callable[["Figure"], None]


@dataclass(frozen=True, eq=False)
class Lab:
    """One formula, figure or table of the lectures, computed.

    >>> lab = Lab("line", "T0", {"slope": 2.0}, "A line rises.", lambda figure: None)
    >>> lab.document()["values"]
    {'slope': 2.0}
    >>> lab.figure().get_size_inches().tolist()
    [10.0, 5.6]
    """

    name: str
    """The lab's name."""
    lecture: str
    """The row of the lectures that it computes: ``"T4"``."""
    values: Mapping[str, Any]
    """Numbers, words and lists by name, or more such names. What is infinite is ``math.inf``."""
    says: str
    """What the numbers show, in a sentence or two."""
    draw: Draw
    """Draws the still picture on an empty figure."""
    frames: Sequence[Draw] = ()
    """Draw the pictures of an animation, in order; none: the lab has only the still one."""
    size: tuple[float, float] = (10.0, 5.6)
    """Width and height of the pictures in inches."""

    def figure(self) -> "Figure":
        """The still picture, a figure of matplotlib's without pyplot's global state."""
        return self._figure(self.draw)

    def film(self) -> "Iterator[Figure]":
        """The pictures of the animation; of a lab without one, the still picture alone."""
        return (self._figure(draw) for draw in self.frames or [self.draw])

    def document(self) -> dict[str, Any]:
        """What ``saddle lab --json`` prints, but for the picture's path: infinite numbers are the text "inf"."""
        return {"lab": self.name, "lecture": self.lecture, "says": self.says, "values": _plain(self.values)}

    def _figure(self, draw: Draw) -> "Figure":
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        layout = ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1, hspace=0.06, wspace=0.04)
        figure = Figure(figsize=self.size, facecolor="white", layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        return figure


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it; float("inf") reads it back
    return value
