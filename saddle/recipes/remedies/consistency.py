"""The critic shall not care where an image stands: it pays for the change of its output when one is shifted.

Term of D: 10 E[(D(x) - D(T(x)))^2] over real x, as in the paper. T shifts by up to an eighth of the side; the paper's
also mirrors, which changes what a digit is.
"""

import torch
from torch import nn

from saddle.config import require
from saddle.data.augment import diff_augment
from saddle.data.spec import Batch, Spec
from saddle.game import Game, Loss, Terms
from saddle.objectives import consistency
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import calls_of, changed

__all__ = ["WEIGHT", "networks", "rules"]

SOURCE = "Zhang et al. 2020, arXiv:1910.12027"
KIND = "term"
WEIGHT = 10.0
"""lambda."""


def networks(config: Adversarial, spec: Spec, G: nn.Module, D: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Both as they are, unless the data are points."""
    require(not spec.points, "remedies", "consistency", "images to augment, and these data are points")
    return G, D


def rules(game: Game, config: Adversarial) -> Game:
    """The game with the term in D's moves."""
    require(config.outputs != "energy", "remedies", "consistency", "a critic whose outputs are no energies of an image")

    def change(old: Loss) -> Loss:
        def loss(batch: Batch, rng: torch.Generator) -> Terms:
            with calls_of(game, batch) as calls:
                terms = old(batch, rng)
            real = calls["real"]
            shifted = game["D"].module(diff_augment(batch.x, "translation", rng), *real.rest)
            return terms | {"consistency": WEIGHT * consistency(real.out, shifted)}

        return loss

    return changed(game, "D", change)
