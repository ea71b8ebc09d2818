"""The picture of a study: how often real and generated images are taken for real, over the time they are shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saddle.evaluation.human.psychometric import Curve

__all__ = ["glance_picture"]


def glance_picture(durations: Sequence[Mapping[str, Any]], curve: Curve | None) -> Tensor:
    """Share judged real and share right against duration, with 95 % intervals, and the fitted curve.

    Args:
        durations: for each ``ms``, ``share`` and ``interval`` of ``right`` and, by source, of ``judged_real``.
        curve: the fit to ``right``, if there is one.
    Returns:
        uint8 (H, W, 3).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), dpi=100, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib gives its methods no types
    answers, accuracy = figure.subplots(1, 2, sharey=True)
    for name in dict.fromkeys(name for row in durations for name in row["judged_real"]):
        _line(answers, name, [(row["ms"], row["judged_real"][name]) for row in durations if name in row["judged_real"]])
    _line(accuracy, "right answers", [(row["ms"], row["right"]) for row in durations])
    if curve is not None:
        times = np.geomspace(durations[0]["ms"], durations[-1]["ms"], 200)
        accuracy.plot(times, curve(times), label=f"fit, threshold {curve.threshold:.0f} ms")
    accuracy.axhline(0.5, color="grey", linestyle=":", label="guessing")
    for axes, title in ((answers, "judged real"), (accuracy, "judged rightly")):
        axes.set(xscale="log", ylim=(-0.02, 1.02), xlabel="shown for (ms)", ylabel="share", title=title)
        ticks = [row["ms"] for row in durations]
        axes.set_xticks(ticks, [f"{ms:.0f}" for ms in ticks], fontsize="small")
        axes.minorticks_off()
        axes.legend(fontsize="small")
    canvas.draw()
    return torch.from_numpy(np.asarray(canvas.buffer_rgba())[..., :3].copy())  # (H, W, 3)


def _line(axes: Any, label: str, points: list[tuple[float, Mapping[str, Any]]]) -> None:
    x = [ms for ms, _ in points]
    y = [found["share"] for _, found in points]
    ends = [[found["share"] - found["interval"][0] for _, found in points],
            [found["interval"][1] - found["share"] for _, found in points]]  # fmt: skip
    axes.errorbar(x, y, yerr=ends, marker="o", capsize=3, label=label)
