"""The generator's batches shall be as varied as real ones: equal spectra of the kernels of the critic's features.

Terms of G: the eigenvectors' distance with weight 1 and the eigenvalues' with 1e-4 of that, as in the published
program; the paper adds the two up as they are. Features are what goes into the critic's last layer.
"""

from torch import Tensor

from saddle.game import Game, Terms
from saddle.objectives import gdpp
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import with_features

__all__ = ["RANGE", "SHARES", "STRENGTH", "rules"]

SOURCE = "Elfeki et al. 2019, arXiv:1812.00068"
KIND = "term"
STRENGTH = 1.0
"""Weight of the eigenvectors' distance."""
RANGE = "a weight in (0, 1000]"
"""Beyond it nothing would be left of the adversarial term."""
SHARES = {"magnitude": 1e-4, "structure": 1.0}
"""Of the two terms in the weight."""


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game with the terms in G's moves."""

    def add(terms: Terms, real: Tensor, fake: Tensor) -> Terms:
        return terms | {f"gdpp_{name}": strength * SHARES[name] * value for name, value in gdpp(real, fake).items()}

    return with_features(game, "gdpp", add)
