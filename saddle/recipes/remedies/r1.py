"""The critic pays for its slope at real samples, so that it comes to rest, flat, once G makes such samples.

Term of D: gamma/2 E[|grad D(x)|^2] over the batch's real x. With `r2` beside it, both are the penalties of R3GAN. The
gradient is taken in what the critic is handed, before augmentation and instance noise; in the sample alone where the
critic sees labels or latents beside it; and of the output, not of its sigmoid. A pack counts as one sample with m times
the numbers, and with batch norm or minibatch layers an output's slope is that in the whole batch. The term is part of
every step: R3GAN's appendix E finds that to take it only every few steps, as StyleGAN2 does, fails altogether on
StackedMNIST and on toys in the plane.

The paper's image program leaves out the 1/2 and has weight 10, our gamma 20; R3GAN's runs begin with 0.05 to 150.
Dirac's game returns without a turn from gamma 1 on.
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
    return flattened(game, config, "real", "r1", strength)
