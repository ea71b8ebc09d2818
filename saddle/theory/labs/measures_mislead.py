"""What FID and the Inception Score notice, and what each misses: modes left out, one image a class, noise.

The data are scikit-learn's 8x8 digits, cut in two: one half stands for the real images, the other for a perfect
generator. It is then spoilt: classes are left out, each class shrinks to a single image (the one that most looks like
it), noise is added, or the samples are a Gaussian with the real mean and covariance. FID and the Inception Score are
those of ``saddle.evaluation``, FID of the pixels and IS of the classes that logistic regression sees. IS does not
notice that each class is one image, FID does; FID cannot tell the Gaussian from the digits, IS can. ``saddle evaluate``
has both on learnt features, with intervals, and what else there is to look at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from saddle.config import require
from saddle.evaluation.measures.class_scores import inception
from saddle.evaluation.measures.frechet import frechet_distance
from saddle.evaluation.moments import Moments
from saddle.theory.drawing import COLOURS, GREY, INK, tidy, titles
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "E30"
SOURCE = "Heusel et al. 2017, arXiv:1706.08500; Barratt and Sharma 2018, arXiv:1801.01973; lectures 000 and 001"
REAL, PERFECT, ONE_EACH, GAUSSIAN = "real digits", "the other half", "one image a class", "a Gaussian"
SHOWN = 10


@dataclass(frozen=True)
class Config:
    """How the generator is spoilt."""

    missing: int = 5
    """Classes that are left out."""
    noise: float = 0.1
    """Standard deviation of the noise, where pixels are in [0, 1]."""
    seed: int = 0
    """Seed of the halves and of the noise."""

    def __post_init__(self) -> None:
        require(1 <= self.missing <= 9, "missing", self.missing, "1 to 9 of the ten classes")
        require(0 <= self.noise <= 1, "noise", self.noise, "a standard deviation from 0 to 1")


class Digits(NamedTuple):
    """Images and labels."""

    x: Tensor
    """(N, 64) in [0, 1], float64."""
    y: Tensor
    """(N,)."""


def run(config: Config) -> Lab:
    """Both measures of every generator."""
    real, other = _halves(config.seed)
    predict = _classifier(real)
    generators = _spoilt(other, predict, config)
    reference = Moments.of(real.x)
    fids = {name: frechet_distance(reference, Moments.of(x)) for name, x in generators.items()}
    scores = {name: inception(predict(x)) for name, x in generators.items()}
    table = {name: {"FID": fids[name], "IS": scores[name]} for name in generators}
    left_out = f"{config.missing} classes left out"
    says = (
        f"One image a class: IS says {scores[ONE_EACH]:.2f} (of the digits {scores[PERFECT]:.2f}), as if all were "
        f"well, and FID rises from {fids[PERFECT]:.2f} to {fids[ONE_EACH]:.2f}. Classes left out raise FID to "
        f"{fids[left_out]:.2f}. A Gaussian fools FID ({fids[GAUSSIAN]:.2f}) and not IS ({scores[GAUSSIAN]:.2f})."
    )
    values: dict[str, Any] = {"generator": table}
    return Lab("measures-mislead", LECTURE, values, says, lambda f: _draw(f, generators, table), size=(12.5, 6.2))


def _halves(seed: int) -> tuple[Digits, Digits]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    x, y = torch.from_numpy(images / 16)[order], torch.from_numpy(labels).long()[order]
    half = len(x) // 2
    return Digits(x[:half], y[:half]), Digits(x[half:], y[half:])


def _classifier(real: Digits) -> Callable[[Tensor], Tensor]:
    """x (N, 64) -> log p(y|x) (N, 10)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=300).fit(real.x.numpy(), real.y.numpy())
    return lambda x: torch.from_numpy(model.predict_log_proba(x.numpy()))


def _spoilt(other: Digits, predict: Callable[[Tensor], Tensor], config: Config) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(config.seed)
    x, y = other
    surest = predict(x).argmax(0)  # (10,): of each class the image that most looks like it
    gauss = Moments.of(x)
    root = gauss.half  # (64, r): r of the pixels vary
    noise = torch.randn(x.shape, generator=rng, dtype=x.dtype)
    return {
        PERFECT: x,
        f"{config.missing} classes left out": x[y >= config.missing],
        ONE_EACH: x[surest][y],
        f"noise {config.noise:g}": x + config.noise * noise,
        GAUSSIAN: gauss.mean + torch.randn(len(x), root.shape[1], generator=rng, dtype=x.dtype) @ root.T,
    }


def _draw(figure: "Figure", generators: dict[str, Tensor], table: dict[str, dict[str, float]]) -> None:
    rows = len(generators)
    grid = figure.add_gridspec(rows, 3, width_ratios=(2.2, 1, 1))
    for row, (name, x) in enumerate(generators.items()):
        axes = figure.add_subplot(grid[row, 0])
        strip = torch.cat([image.reshape(8, 8) for image in x[:SHOWN]], 1)
        axes.imshow(strip.numpy(), cmap="Greys", vmin=0, vmax=1)
        axes.set_title(name, loc="left", fontsize=10, color=INK)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(GREY)
    for column, (measure, better) in enumerate((("FID", "lower is better"), ("IS", "higher is better")), start=1):
        axes = figure.add_subplot(grid[:, column])
        found = [row[measure] for row in table.values()]
        bars = axes.barh(range(rows), found, color=COLOURS[column - 1], height=0.55)
        axes.bar_label(bars, [f"{value:.2f}" for value in found], padding=3, fontsize=9, color=INK)
        axes.invert_yaxis()
        tidy(axes, f"{measure}, {better}", xlim=(0, 1.2 * max(found)), yticks=[])
    titles(figure, "What measures notice, and what they miss (E30)")
