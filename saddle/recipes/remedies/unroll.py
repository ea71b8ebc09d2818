"""The generator looks at the critic as it will be K steps later, and foresees how it moves that critic.

G's loss is taken at theta^K(w), where the critic's own optimiser would be after K more steps on the same batch, and is
differentiated through these steps: K critic losses and their second derivatives for each of G's steps. The critic
itself takes its ordinary steps, ``n_critic`` of them, from where it is. The paper's figure on the ring has 10 steps,
its tables 1, 5 and 10, and the authors' program 5. It optimises G's loss as the recipe has it; in that program G
minimises minus the critic's whole loss instead. What the critic remembers (batch statistics, u of spectral norm) is
left as G found it.
"""

from saddle.config import require
from saddle.game import Game
from saddle.game.unrolled import unroll
from saddle.recipes.remedies import read
from saddle.recipes.settings import Adversarial

__all__ = ["RANGE", "STRENGTH", "foreseeable", "rules"]

SOURCE = "Metz et al. 2017, arXiv:1611.02163"
KIND = "play"
STRENGTH = 5
"""K, the surrogate steps."""
RANGE = "a whole number of surrogate steps K in [1, 100]"
"""Memory grows with K."""


def rules(game: Game, config: Adversarial, strength: int) -> Game:
    """The game whose G looks ahead."""
    foreseeable(game, config, "unroll")
    return unroll(game, strength)


def foreseeable(game: Game, config: Adversarial, remedy: str) -> None:
    """Refuse critics whose steps cannot be foreseen.

    Raises:
        ValueError: the critic is projected or has several moves, another remedy looks ahead as well, or one follows the
            critic's outputs where players move at once; names the remedy.
    """
    single = [move.player for move in game.moves].count("D") == 1
    require(single, "remedies", remedy, "a recipe whose critic has one loss for all its steps")
    require(game["D"].project is None, "remedies", remedy, "a critic whose weights are not clipped")
    others = read(config.remedies)
    require(not {"unroll", "unroll-ahead"} <= set(others), "remedies", remedy, "one of unroll and unroll-ahead")
    followed = [name for name in ("ada", "lecam") if name in others]  # they note the outputs of D's last loss
    expected = f"dynamics=alternating beside {' and '.join(followed)}"
    require(not followed or config.dynamics == "alternating", "remedies", remedy, expected)
