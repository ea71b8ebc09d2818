"""One Gaussian fitted to two humps under KL, reverse KL and JS: cover both, or seek one.

The model has less room than the data, so the choice of divergence matters: KL(p || q) must put mass wherever the data
are and covers both humps (its minimum is the data's own mean and variance), the reverse KL(q || p) must not put mass
where there are none and sits on one hump, and so does JS, once the humps are far enough apart. Each divergence is
minimised in mean and log deviation from several starts, on a fine table of the line, and its minimum is checked by
quadrature.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.toys import Mixture, mixture1d
from saddle.objectives import DIVERGENCES
from saddle.theory.drawing import COLOURS, GREY, legend, tidy, titles
from saddle.theory.gaussians import normal
from saddle.theory.lab import Lab
from saddle.theory.quadrature import divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "T7"
SOURCE = "Theis et al. 2016, arXiv:1511.01844; Nowozin et al. 2016, arXiv:1606.00709"
NAMES = {"KL(p, q)": "kl", "reverse KL(q, p)": "reverse-kl", "JS": "jensen-shannon"}


@dataclass(frozen=True)
class Config:
    """The data: two humps."""

    apart: float = 6.0
    """Distance between the humps."""
    sigma: float = 0.8
    """Standard deviation of each hump."""
    share: float = 0.6
    """Share of the right hump."""

    def __post_init__(self) -> None:
        require(0 <= self.apart <= 8, "apart", self.apart, "a distance from 0 to 8")
        require(0.2 <= self.sigma <= 3, "sigma", self.sigma, "a standard deviation from 0.2 to 3")
        require(0 < self.share < 1, "share", self.share, "a share in (0, 1)")


class Fit(NamedTuple):
    """A minimum of a divergence."""

    mean: float
    """Of the Gaussian."""
    sigma: float
    """Its standard deviation."""
    divergence: float
    """By quadrature."""


def run(config: Config) -> Lab:
    """Fit under each."""
    data = mixture1d((-config.apart / 2, config.apart / 2), config.sigma, (1 - config.share, config.share))
    fits = {name: fit(name, data, config) for name in NAMES}
    mean = config.apart * (config.share - 0.5)
    spread = math.sqrt(config.sigma**2 + config.apart**2 * config.share * (1 - config.share))
    values: dict[str, Any] = {
        "Gaussian": {name: found._asdict() for name, found in fits.items()},
        "the data": {"mean": mean, "sigma": spread},
    }
    wide, narrow = fits["KL(p, q)"], fits["reverse KL(q, p)"]
    says = (
        f"KL covers both humps with a deviation of {wide.sigma:.2f}, the data's own; reverse KL takes one hump, at "
        f"{narrow.mean:.2f} with {narrow.sigma:.2f}; JS ends at {fits['JS'].mean:.2f} with {fits['JS'].sigma:.2f}."
    )
    return Lab("divergence-fit", LECTURE, values, says, lambda f: _draw(f, data, fits, config), size=(12.5, 4.0))


def fit(name: str, data: Mixture, config: Config) -> Fit:
    """The best of the minima found from both humps and from the middle. JS is half of ``jensen-shannon``."""
    key = NAMES[name]
    starts = [
        (-config.apart / 2, config.sigma),
        (config.apart / 2, config.sigma),
        (0.0, config.sigma + config.apart / 2),
    ]
    found = []
    for mean, sigma in starts:
        q = normal(*_minimise(key, data, mean, sigma))
        exact = divergence(key, data, q).value
        found.append(Fit(float(q.mean), float(q.covariance) ** 0.5, exact / (2 if name == "JS" else 1)))
    return min(found, key=lambda one: one.divergence)


def _minimise(key: str, data: Mixture, mean: float, sigma: float) -> tuple[float, float]:
    x = torch.linspace(-16, 16, 3201, dtype=torch.float64)
    p = data.log_density(x[:, None]).softmax(0)
    w = torch.tensor([mean, math.log(sigma)], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [w], max_iter=200, tolerance_grad=1e-11, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        q = (-((x - w[0]) / w[1].exp()).square() / 2).clamp(min=-300).softmax(0)
        value = DIVERGENCES[key].divergence(p, q)
        value.backward()
        return value

    optimizer.step(loss)
    mean, log_sigma = w.detach().tolist()
    return mean, math.exp(log_sigma)


def _draw(figure: "Figure", data: Mixture, fits: dict[str, Fit], config: Config) -> None:
    x = torch.linspace(
        -3 * config.sigma - 1 - config.apart, 3 * config.sigma + 1 + config.apart, 600, dtype=torch.float64
    )
    p = data.log_density(x[:, None]).exp()
    for axes, (name, found), colour in zip(figure.subplots(1, 3, sharey=True), fits.items(), COLOURS, strict=False):
        axes.fill_between(x, p, color=GREY, alpha=0.35, linewidth=0, label="data p")
        q = normal(found.mean, found.sigma).log_density(x[:, None]).exp()
        axes.plot(x, q, color=colour, linewidth=2.2, label="best Gaussian q")
        tidy(axes, f"{name} = {found.divergence:.3f}\nmean {found.mean:.2f}, deviation {found.sigma:.2f}", "x")
        axes.set_ylim(0, 1.35 * max(float(p.max()), float(q.max())))
        legend(axes, "upper left")
    titles(figure, "One Gaussian for two humps (T7)")
