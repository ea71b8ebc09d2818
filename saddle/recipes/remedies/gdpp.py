"""The generator's batches shall be as varied as real ones: equal spectra of the kernels of the critic's features.

Terms of G: 1e-4 times the eigenvalues' distance and 1 times the eigenvectors', as in the published program. Features
are what goes into the critic's last layer.
"""

from torch import Tensor

from saddle.game import Game, Terms
from saddle.objectives import gdpp
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import with_features

__all__ = ["WEIGHTS", "rules"]

SOURCE = "Elfeki et al. 2019, arXiv:1812.00068"
KIND = "term"
WEIGHTS = {"magnitude": 1e-4, "structure": 1.0}
"""Of the two terms."""


def rules(game: Game, config: Adversarial) -> Game:
    """The game with the terms in G's moves."""

    def add(terms: Terms, real: Tensor, fake: Tensor) -> Terms:
        return terms | {f"gdpp_{name}": WEIGHTS[name] * value for name, value in gdpp(real, fake).items()}

    return with_features(game, "gdpp", add)
