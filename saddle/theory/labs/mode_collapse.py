"""Challenge 2, mode collapse: a GAN on eight Gaussians that finds one of them, cured by two time scales, and by labels.

With a generator that steps ten times as far as its critic, all samples run to one place, and on to the next when the
critic has noticed. The first remedy gives the critic the larger step, takes the momentum out, adds instance noise that
fades, averages the generator, and gives it a latent space as small as the data. The second is the lecture's "train with
labels": the collapsing settings again, with the label given to both players, so that no mode can be left out. Modes
count when they hold a tenth of their fair share within three deviations; a perfect generator has 98.9 % of its samples
there.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saddle.config import require
from saddle.data.toys import Mixture, ring
from saddle.game import play, sample
from saddle.recipes import find
from saddle.theory.drawing import FAKE, REAL, legend, tidy, titles
from saddle.theory.lab import Lab

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LECTURE = "C"
SOURCE = "Metz et al. 2017, arXiv:1611.02163; Heusel et al. 2017, arXiv:1706.08500; lecture 000"
MODES, BATCH, SAMPLES = 8, 128, 2000
NETWORKS: dict[str, Any] = {"batch": BATCH, "z_dim": 16, "network": "mlp", "hidden": 64, "layers": 2}
COLLAPSING: dict[str, Any] = {"lr_generator": 5e-3, "lr_critic": 5e-4, "beta1": 0.5, "ema_half_life": 0.0}


@dataclass(frozen=True)
class Config:
    """The data and the play."""

    rounds: int = 1000
    """Rounds of each play."""
    sigma: float = 0.1
    """Standard deviation of each mode; the ring's radius is 2."""
    seed: int = 0
    """Seed of weights and samples."""

    def __post_init__(self) -> None:
        require(10 <= self.rounds <= 20_000, "rounds", self.rounds, "10 to 20000 rounds")
        require(0.005 <= self.sigma <= 0.3, "sigma", self.sigma, "a standard deviation from 0.005 to 0.3")


def run(config: Config) -> Lab:
    """The collapse and two cures."""
    data = ring(MODES, 2.0, config.sigma)
    cure = {
        "z_dim": 2,
        "lr_generator": 1e-3,
        "lr_critic": 2e-3,
        "beta1": 0.0,
        "ema_half_life": 5000.0,
        "instance_noise": 1.0,
    }
    cure["instance_noise_images"] = max(1, int(0.8 * config.rounds * BATCH))
    plays = {
        "gan, G the faster": ("gan", COLLAPSING),
        "gan, two time scales, instance noise": ("gan", cure),
        "cgan: with labels, G the faster": ("cgan", COLLAPSING),
    }
    samples = {name: _play(recipe, settings, data, config) for name, (recipe, settings) in plays.items()}
    table = {
        name: dict(zip(("modes", "share near a mode"), covered(x, data), strict=True)) for name, x in samples.items()
    }
    first, *cured = (row["modes"] for row in table.values())
    says = (
        f"The collapsing GAN holds {first} of {MODES} modes; with two time scales and instance noise {cured[0]}, with "
        f"labels {cured[1]}."
    )
    return Lab("mode-collapse", LECTURE, {"play": table}, says, lambda f: _draw(f, data, samples), size=(13.0, 4.8))


def covered(x: Tensor, data: Mixture) -> tuple[int, float]:
    """Modes that hold a tenth of their fair share of x (N, 2) within three deviations, and the share of x that lies "
    "so."""
    distance, mode = torch.cdist(x.double(), data.means).min(1)
    near = distance <= 3 * data.sigma
    held = torch.bincount(mode[near], minlength=len(data.means))
    return int((held >= len(x) / len(data.means) / 10).sum()), float(near.double().mean())


def _play(recipe: str, settings: dict[str, Any], data: Mixture, config: Config) -> Tensor:
    module = find(recipe)
    torch.manual_seed(config.seed)
    game = module.build(module.Config(**NETWORKS | settings), data.spec).seed(config.seed)
    for _ in play(game, data.draw(BATCH, config.seed), config.rounds):
        pass
    return sample(game, SAMPLES, seed=0)[0]


def _draw(figure: "Figure", data: Mixture, samples: dict[str, Tensor]) -> None:
    real = data.sample(800, torch.Generator().manual_seed(0)).x
    for axes, (name, x) in zip(figure.subplots(1, 3, sharey=True), samples.items(), strict=True):
        modes, share = covered(x, data)
        axes.scatter(real[:, 0], real[:, 1], s=5, color=REAL, alpha=0.5, linewidths=0, label="data")
        axes.scatter(x[:, 0], x[:, 1], s=5, color=FAKE, alpha=0.6, linewidths=0, label="generated")
        tidy(axes, f"{name}\n{modes} of {MODES} modes, {100 * share:.0f} % near one", aspect="equal")
        axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2))
    legend(figure.axes[0], "lower left", ncols=2, markerscale=3)
    titles(figure, "Mode collapse, and its cures (C)")
