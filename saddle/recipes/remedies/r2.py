"""The critic pays for its slope at generated samples; with r1 beside it, wherever it is asked.

Term of D: gamma/2 E[|grad D(G(z))|^2] over the generated samples of D's step. What `r1` says of the gradient, of packs,
of layers that tie samples together and of every step holds here too. R3GAN needs both: with a relativistic loss and one
of them alone the other side's slope can run away.
"""

from saddle.game import Game
from saddle.recipes.settings import Adversarial
from saddle.recipes.slopes import flattened

__all__ = ["RANGE", "STRENGTH", "rules"]

SOURCE = "Mescheder et al. 2018, arXiv:1801.04406"
KIND = "term"
STRENGTH = 1.0
"""gamma, twice the weight of the mean squared slope."""
RANGE = "a weight gamma in (0, 1000]"
"""More than 1000 would hold the critic at a constant."""


def rules(game: Game, config: Adversarial, strength: float) -> Game:
    """The game with the term in D's moves."""
    return flattened(game, config, "fake", "r2", strength)
