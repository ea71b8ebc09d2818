"""The generator looks at the critic as it will be K steps later and takes it as it is, at a fraction of unroll's cost.

`unroll` of first order: G's gradient at theta^K with theta^K held constant, so that G meets a critic that has answered
already but does not foresee its own influence on it. No derivative of a step is taken. The paper's term that tells G
to spread its samples is the one left out; its equation 10 has both.
"""

from saddle.game import Game
from saddle.game.unrolled import unroll_ahead
from saddle.recipes.remedies.unroll import foreseeable
from saddle.recipes.settings import Adversarial

__all__ = ["RANGE", "STRENGTH", "rules"]

SOURCE = "Metz et al. 2017, arXiv:1611.02163"
KIND = "play"
STRENGTH = 5
"""K, the surrogate steps."""
RANGE = "a whole number of surrogate steps K in [1, 1000]"
"""Time grows with K, memory does not."""


def rules(game: Game, config: Adversarial, strength: int) -> Game:
    """The game whose G looks ahead."""
    foreseeable(game, config, "unroll-ahead")
    return unroll_ahead(game, strength)
