"""The generator matches the mean of the critic's features on real samples, in place of its adversarial term.

Term of G: |E f(x) - E f(G(z))|_2^2 with weight 1, f being what goes into the critic's last layer.
"""

from torch import Tensor

from saddle.game import Game, Terms
from saddle.objectives import feature_matching
from saddle.recipes.settings import Adversarial
from saddle.recipes.watch import with_features

__all__ = ["rules"]

SOURCE = "Salimans et al. 2016, arXiv:1606.03498"
KIND = "term"


def rules(game: Game, config: Adversarial) -> Game:
    """The game with the other term in G's moves; what else a recipe asks of G stays."""

    def instead(terms: Terms, real: Tensor, fake: Tensor) -> Terms:
        others = {name: value for name, value in terms.items() if name != "adversarial"}
        return {"feature_matching": feature_matching(real, fake)} | others

    return with_features(game, "feature-matching", instead)
