"""The critic shall not care where an image stands: it pays for the change of its output when one is shifted.

Term of D: lambda E[(D(x) - D(T(x)))^2] over real x, lambda being 10 as in the paper. T shifts by up to an eighth of the
side; the paper's, by a few pixels, also mirrors, which changes what a digit is.
"""

import torch
from torch import nn

from saddle.config import require
from saddle.data.augment import diff_augment
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Loss, Terms
from saddle.objectives import consistency
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import calls_of, changed, look_at

__all__ = ["RANGE", "STRENGTH", "networks", "rules"]

SOURCE = "Zhang et al. 2020, arXiv:1910.12027"
KIND = "term"
STRENGTH = 10.0
"""lambda, the weight of the term."""
RANGE = "a weight lambda in (0, 1000]"
"""More than 1000 would hold the critic at a constant."""


def networks(
    config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module, strength: float
) -> tuple[nn.Module, nn.Module]:
    """Both as they are, unless the data are points."""
    require(not spec.points, "remedies", "consistency", "images to augment, and these data are points")
    return G, D


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game with the term in D's moves."""
    require(config.outputs != "energy", "remedies", "consistency", "a critic whose outputs are no energies of an image")

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            with calls_of(game, batch) as calls:
                terms = old(batch, rng)
            real = look_at(calls, "real", "consistency")
            shifted = game["D"].module(diff_augment(batch.x, "translation", rng), *real.rest)
            return terms | {"consistency": strength * consistency(real.out, shifted)}

        return loss

    return changed(game, "D", change)
